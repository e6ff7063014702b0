// What the store costs in a page: a pull beside a plain fetch into private storage, a load beside
// plain copying from there to the graphics device, and the first token after a reload.
//
//   node tests/bench/store.mjs MODEL.gguf [RESULT.json]
//
// Everything in one run, on loopback, alternating, so that the machine's mood is the same for both.
import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "../web/lib/browser.mjs";
import { fileHost } from "../web/lib/filehost.mjs";
import { enginePage, helpers, serveEngine } from "../web/lib/page.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const [model, result] = process.argv.slice(2);
const bytes = readFileSync(model);

/** In a worker of its own: a fetch, written in pieces of 4 MiB. */
const RAW_FETCH = `onmessage = async ({ data: url }) => {
  const root = await navigator.storage.getDirectory();
  const entry = await root.getFileHandle("raw", { create: true });
  const file = await entry.createSyncAccessHandle();
  file.truncate(0);
  const start = performance.now();
  const reader = (await fetch(url, { cache: "no-store" })).body.getReader();
  const piece = new Uint8Array(4 << 20);
  let [filled, at] = [0, 0];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    for (let from = 0; from < value.byteLength;) {
      const n = Math.min(value.byteLength - from, piece.length - filled);
      piece.set(value.subarray(from, from + n), filled);
      [from, filled] = [from + n, filled + n];
      if (filled === piece.length) {
        file.write(piece, { at });
        at += filled;
        filled = 0;
      }
    }
  }
  file.write(piece.subarray(0, filled), { at });
  file.flush();
  const ms = performance.now() - start;
  file.close();
  await root.removeEntry("raw");
  postMessage(ms);
};`;

/** In a worker of its own: a file of private storage into buffers of the graphics device. */
const RAW_COPY = `onmessage = async () => {
  let folder = await navigator.storage.getDirectory();
  for (const part of ["ingle", "blobs"]) folder = await folder.getDirectoryHandle(part);
  let entry = null;
  for await (const handle of folder.values()) {
    if ((await handle.getFile()).size > 1 << 20) entry = handle;
  }
  const file = await entry.createSyncAccessHandle({ mode: "read-only" });
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  const [size, piece, most] = [file.getSize(), new Uint8Array(16 << 20), 128 << 20];
  const start = performance.now();
  let buffer = null;
  for (let at = 0; at < size; at += piece.length) {
    if (at % most === 0) {
      const bytes = Math.ceil(Math.min(most, size - at) / 4) * 4;
      const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.STORAGE;
      buffer = device.createBuffer({ size: bytes, usage });
    }
    const n = file.read(piece, { at });
    device.queue.writeBuffer(buffer, at % most, piece, 0, Math.floor(n / 4) * 4);
  }
  await device.queue.onSubmittedWorkDone();
  const ms = performance.now() - start;
  file.close();
  device.destroy();
  postMessage(ms);
};`;

const host = await fileHost(bytes);
const server = await serveEngine({});
const browser = await launch();
const url = `${host.origin}/model.gguf`;
let page = await enginePage(browser, server);

const inWorker = (code, message) =>
  page.evaluate(
    ([code, message]) =>
      new Promise((resolve, reject) => {
        const script = new Blob([code], { type: "text/javascript" });
        const worker = new Worker(URL.createObjectURL(script));
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(message);
      }),
    [code, message],
  );
const start = (options) =>
  page.evaluate(async (options) => {
    globalThis.engine = await Engine.start(options);
  }, options);
const anew = async () => {
  await page.reload();
  await helpers(page);
};
/** A slow machine wants to be seen at work. */
const say = (what, ms) => console.error(`${what}: ${Math.round(ms)} ms`);
const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const rate = (ms) => Math.round((bytes.length / 1e6 / ms) * 1e4) / 10;

const raw = [];
const pulled = [];
await start({ device: "cpu" });
for (let round = 0; round < ROUNDS; round += 1) {
  raw.push(await inWorker(RAW_FETCH, url));
  say("raw fetch", raw.at(-1));
  pulled.push(
    await page.evaluate(
      async ([url, isLast]) => {
        const start = performance.now();
        await engine.models.pull(url);
        const ms = performance.now() - start;
        if (!isLast) await engine.models.rm("model");
        return ms;
      },
      [`${url}?round=${round}`, round === ROUNDS - 1],
    ),
  );
  say("pull", pulled.at(-1));
}
const afterPull = (await page.evaluate(() => engine.info())).peakWasmBytes;

const copied = [];
const loaded = [];
let gpu = null;
for (let round = 0; round < ROUNDS; round += 1) {
  await anew();
  copied.push(await inWorker(RAW_COPY, null));
  say("raw copy", copied.at(-1));
  await start({ device: "gpu", tuning: "off" });
  gpu = await page.evaluate(async () => {
    const start = performance.now();
    let [first, last] = [null, null];
    const onProgress = ({ phase }) => {
      if (phase !== "load") return;
      first ??= performance.now();
      last = performance.now();
    };
    const model = await engine.load({ name: "model" }, { onProgress, contextLength: 512 });
    const { peakWasmBytes } = await engine.info();
    return { ms: last - start, whole: performance.now() - start, peakWasmBytes, info: model.info };
  });
  loaded.push(gpu.ms);
  say("load", gpu.ms);
  await page.evaluate(() => engine.stop());
}

await anew();
const warm = await page.evaluate(async () => {
  const begin = performance.now();
  globalThis.engine = await Engine.start({ device: "cpu" });
  const started = performance.now();
  const model = await engine.load({ name: "model" }, { contextLength: 512 });
  const ready = performance.now();
  for await (const piece of model.generate({ prompt: "Hello", maxTokens: 1 })) {
    if (piece.tokens.length > 0) break;
  }
  const { module } = await engine.info();
  const first = performance.now();
  return { module, startMs: started - begin, loadMs: ready - started, firstTokenMs: first - begin };
});

const out = {
  command: `node tests/bench/store.mjs ${path.basename(model)}`,
  bytes: bytes.length,
  machine: { cpu: os.cpus()[0]?.model, cores: os.cpus().length, load: os.loadavg() },
  rounds: ROUNDS,
  raw_fetch_ms: raw,
  pull_ms: pulled,
  raw_fetch_mb_per_s: rate(middle(raw)),
  pull_mb_per_s: rate(middle(pulled)),
  pull_over_raw: middle(raw) / middle(pulled),
  raw_copy_ms: copied,
  load_ms: loaded,
  raw_copy_mb_per_s: rate(middle(copied)),
  load_mb_per_s: rate(middle(loaded)),
  load_over_raw: middle(copied) / middle(loaded),
  wasm_bytes_after_pulls: afterPull,
  wasm_bytes_after_gpu_load: gpu.peakWasmBytes,
  warm_cpu: warm,
};
console.log(JSON.stringify(out, null, 2));
if (result) writeFileSync(result, `${JSON.stringify(out, null, 2)}\n`);
await browser.close();
await server.close();
await host.close();
process.exit(0);
