// What a page's path to the graphics chip costs beside the kernels: from the browser's storage to
// the chip, and the host's time for a token's commands. Prints one line of JSON. Software adapters
// are taken too: neither number says anything about their kernels.
//
//   node tests/bench/gpu.mjs FILE.gguf [-n TOKENS] [--loads N]
import path from "node:path";
import { parseArgs } from "node:util";

import { launch } from "../web/lib/browser.mjs";
import { enginePage, serveEngine } from "../web/lib/page.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: "string", short: "n", default: "16" },
    loads: { type: "string", default: "3" },
  },
});
const [file] = positionals;
const [nTokens, nLoads] = [Number(values.tokens), Number(values.loads)];
if (!file || !(nTokens > 0) || !(nLoads > 0)) {
  console.error("usage: node tests/bench/gpu.mjs FILE.gguf [-n TOKENS] [--loads N]");
  process.exit(2);
}

/** In a worker of the page: megabytes per second of a plain read of the stored file. */
async function readStored({ data: name }) {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("ingle-models");
  const handle = await (await folder.getFileHandle(name)).createSyncAccessHandle();
  const piece = new Uint8Array(16 << 20);
  const [start, size] = [performance.now(), handle.getSize()];
  for (let at = 0; at < size;) at += handle.read(piece, { at });
  const ms = performance.now() - start;
  handle.close();
  postMessage(size / 1000 / ms);
}

/** In the page: everything that is timed. */
async function measure({ name, nTokens, nLoads, reader }) {
  const start = () => Engine.start({ device: "gpu", tuning: "off" });
  let engine = await start();
  await engine.load({ url: "/bench/model.gguf", name }, { contextLength: 64 });
  const source = URL.createObjectURL(new Blob([reader], { type: "text/javascript" }));
  const loads = [];
  const reads = [];
  let info;
  for (let i = 0; i < nLoads; i += 1) {
    await engine.stop();
    const worker = new Worker(source);
    worker.postMessage(name);
    reads.push(await new Promise((done) => (worker.onmessage = ({ data }) => done(data))));
    worker.terminate();
    engine = await start();
    ({ info } = await engine.load({ name }, { contextLength: 64 }));
    loads.push(info.weightBytes / 1000 / info.loadMs);
  }
  const { adapter, peakWasmBytes } = await engine.info();
  const tests = [{ output: nTokens }];
  const [row] = await engine.bench({ tests, runs: 1, warmUps: 1, peaks: false });
  if (row.error) throw new Error(row.error);
  return { adapter, peakWasmBytes, loads, reads, info, hostUs: row.host_us_per_token };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const name = path.basename(file);
const server = await serveEngine({ "/bench/model.gguf": path.resolve(file) });
const browser = await launch();
let failure = null;
try {
  const page = await enginePage(browser, server);
  const reader = `onmessage = ${readStored};`;
  const seen = await page.evaluate(measure, { name, nTokens, nLoads, reader });
  console.log(
    JSON.stringify({
      model: name,
      browser: `Chromium ${browser.context.browser()?.version() ?? "of unknown version"}`,
      adapter: seen.adapter,
      n_layers: seen.info.nLayers,
      weight_bytes: seen.info.weightBytes,
      host_us_per_token: Math.round(seen.hostUs),
      opfs_read_mb_s: Math.round(median(seen.reads)),
      opfs_to_gpu_mb_s: Math.round(median(seen.loads)),
      opfs_to_gpu_mb_s_all: seen.loads.map(Math.round),
      peak_wasm_bytes: seen.peakWasmBytes,
    }),
  );
} catch (error) {
  failure = error;
}
await browser.close();
await server.close();
if (failure) console.error(failure?.message ?? failure);
process.exit(failure ? 1 : 0);
