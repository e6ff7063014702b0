// A page that comes back: its start to the first token of a model that lies in private storage,
// with our engine and with wllama, each on the processor with the same number of threads.
//
//   node tests/bench/warm.mjs MODEL.gguf --wllama FOLDER [--threads N] [--rounds N] [RESULT.json]
//
// Both get the model from the same host first, by their own ways, which is not counted. Then rounds
// alternate, each in a page that was just loaded, so that the machine's mood is the same for both.
import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { launch } from "../web/lib/browser.mjs";
import { fileHost } from "../web/lib/filehost.mjs";
import { ISOLATED } from "../web/lib/page.mjs";
import { engineDist } from "../web/lib/paths.mjs";
import { serve } from "../web/lib/server.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    wllama: { type: "string" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "3" },
  },
});
const [file, result] = positionals;
if (!file || !values.wllama) {
  console.error("usage: node tests/bench/warm.mjs MODEL.gguf --wllama FOLDER [RESULT.json]");
  process.exit(2);
}
const threads = Number(values.threads);
const bytes = readFileSync(file);

const BLANK = "<!doctype html><meta charset=utf-8><title>warm</title>";
const N_CTX = 512;
const PROMPT = "Once upon a time there was";

/** In the page. Every step is timed from the first line on, the engine's own start included. */
const OPEN = {
  ingle: async ({ url, threads, nCtx, prompt, isFirst }) => {
    const start = performance.now();
    const { Engine } = await import("/ingle/public/index.js");
    const engine = await Engine.start({ device: "cpu", threads });
    if (isFirst) return void (await engine.models.pull(url, { name: "warm" }));
    const model = await engine.load({ name: "warm" }, { contextLength: nCtx });
    const loaded = performance.now();
    for await (const piece of model.generate({ prompt, maxTokens: 1, temperature: 0 })) {
      if (piece.tokens.length > 0) break;
    }
    const { peakWasmBytes, module } = await engine.info();
    return { loadMs: loaded - start, firstMs: performance.now() - start, peakWasmBytes, module };
  },
  wllama: async ({ url, threads, nCtx, prompt, isFirst }) => {
    const start = performance.now();
    const { Wllama } = await import("/wllama/esm/index.js");
    const module = { default: "/wllama/esm/wasm/wllama.wasm" };
    const wllama = new Wllama(module, { suppressNativeLog: true });
    if (isFirst) return void (await wllama.modelManager.downloadModel(url));
    // Its own reserve above the context is a few tokens.
    const settings = { n_gpu_layers: 0, n_threads: threads, n_parallel: 1, n_ctx: nCtx + 64 };
    await wllama.loadModelFromUrl(url, settings);
    const loaded = performance.now();
    const asked = { prompt, max_tokens: 1, temperature: 0, stream: true };
    for await (const chunk of await wllama.createCompletion(asked)) if (chunk) break;
    return { loadMs: loaded - start, firstMs: performance.now() - start };
  },
};

const mounts = {
  "/page": (_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(BLANK);
  },
  "/ingle/": engineDist,
  "/wllama/": values.wllama,
};
const host = await fileHost(bytes);
const server = await serve(mounts, { headers: threads > 1 ? ISOLATED : {} });
const browser = await launch();
const url = `${host.origin}/warm.gguf`;

async function run(engine, isFirst) {
  const page = await browser.page(`${server.origin}/page`);
  const asked = { url, threads, nCtx: N_CTX, prompt: PROMPT, isFirst };
  const times = await page.evaluate(OPEN[engine], asked);
  await page.close();
  return times;
}

const rounds = { ingle: [], wllama: [] };
for (const engine of Object.keys(rounds)) await run(engine, true);
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const [engine, times] of Object.entries(rounds)) {
    times.push(await run(engine, false));
    console.error(`${engine}: first token after ${Math.round(times.at(-1).firstMs)} ms`);
  }
}
const middle = (times) => {
  const sorted = times.map(({ firstMs }) => firstMs).sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
};
const out = {
  command: `node tests/bench/warm.mjs ${path.basename(file)} --threads ${threads}`,
  bytes: bytes.length,
  machine: { cpu: os.cpus()[0]?.model, cores: os.cpus().length, load: os.loadavg() },
  threads,
  rounds,
  first_token_over_wllama: middle(rounds.ingle) / middle(rounds.wllama),
};
console.log(JSON.stringify(out, null, 2));
if (result) writeFileSync(result, `${JSON.stringify(out, null, 2)}\n`);
await browser.close();
await server.close();
await host.close();
process.exit(0);
