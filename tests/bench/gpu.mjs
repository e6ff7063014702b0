// What a page's path to the graphics chip costs for each token: the host's time to write, encode
// and submit commands, and the whole time of a token. Prints one line of JSON. With a model of
// almost no work the second is what a browser adds (its answer to a read-back above all: Firefox
// looks every 100 ms, if nobody makes it look), and the chip's own time is a small rest. Software
// adapters are taken too. (Copying to the chip: store.mjs.)
//
//   node tests/bench/gpu.mjs FILE.gguf [-n TOKENS] [--runs N] [--browser chromium|firefox]
import path from "node:path";
import { parseArgs } from "node:util";

import * as chromium from "../web/lib/browser.mjs";
import * as firefox from "../web/lib/firefox.mjs";
import { enginePage, serveEngine } from "../web/lib/page.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: "string", short: "n", default: "16" },
    runs: { type: "string", default: "3" },
    browser: { type: "string", default: "chromium" },
  },
});
const [file] = positionals;
const [nTokens, runs] = [Number(values.tokens), Number(values.runs)];
const way = { chromium, firefox }[values.browser];
if (!file || !(nTokens > 0) || !(runs > 0) || !way) {
  console.error("usage: node tests/bench/gpu.mjs FILE.gguf [-n TOKENS] [--browser firefox]");
  process.exit(2);
}

/** In the page: everything that is timed. */
async function measure({ name, nTokens, runs }) {
  const engine = await Engine.start({ device: "gpu", tuning: "off" });
  const { info } = await engine.load({ url: "/bench/model.gguf", name }, { contextLength: 128 });
  const tests = [{ output: nTokens }];
  const [row] = await engine.bench({ tests, runs, warmUps: 1, peaks: false });
  if (row.error) throw new Error(row.error);
  const { adapter, peakWasmBytes } = await engine.info();
  return {
    adapter,
    n_layers: info.nLayers,
    weight_bytes: info.weightBytes,
    host_us_per_token: Math.round(row.host_us_per_token),
    ms_per_token: row.samples_ts.map((rate) => Math.round(1e6 / rate) / 1e3),
    peak_wasm_bytes: peakWasmBytes,
    agent: navigator.userAgent,
  };
}

const name = path.basename(file);
const server = await serveEngine({ "/bench/model.gguf": path.resolve(file) });
const browser = await way.launch();
let failure = null;
try {
  const page = await enginePage(browser, server);
  const seen = await page.evaluate(measure, { name, nTokens, runs });
  console.log(JSON.stringify({ model: name, ...seen }));
} catch (error) {
  failure = error;
}
await browser.close();
await server.close();
if (failure) console.error(failure?.message ?? failure);
process.exit(failure ? 1 : 0);
