// What the store costs in a page: a pull beside a plain fetch into private storage, a load beside
// plain copying from there to the graphics device. (The first token after a reload: warm.mjs.)
//
//   node tests/bench/store.mjs MODEL.gguf [RESULT.json]
//
// ROUNDS=3 says how often, PARTS="pull load" what is measured. The load is timed to when the
// device has taken the last byte, as the copying is, and kernels are made ready; then the engine is
// ended, because the first job of a large model takes minutes on an emulated chip.
//
// Everything in one run, on loopback, alternating, so that the machine's mood is the same for both.
import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "../web/lib/browser.mjs";
import { fileHost } from "../web/lib/filehost.mjs";
import { enginePage, helpers, serveEngine } from "../web/lib/page.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const PARTS = (process.env.PARTS ?? "pull load").split(" ");
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
/** Pulls the model; `isKept` leaves it there. */
const pull = (round, isKept) =>
  page.evaluate(
    async ([url, isKept]) => {
      const start = performance.now();
      await engine.models.pull(url);
      const ms = performance.now() - start;
      if (!isKept) await engine.models.rm("model");
      return ms;
    },
    [`${url}?round=${round}`, isKept],
  );
for (let round = 0; PARTS.includes("pull") && round < ROUNDS; round += 1) {
  raw.push(await inWorker(RAW_FETCH, url));
  say("raw fetch", raw.at(-1));
  pulled.push(await pull(round, false));
  say("pull", pulled.at(-1));
}
if (PARTS.includes("load")) await pull("last", true);
const afterPull = (await page.evaluate(() => engine.info())).peakWasmBytes;

const copied = [];
const loaded = [];
const peaks = [];
for (let round = 0; PARTS.includes("load") && round < ROUNDS; round += 1) {
  await anew();
  copied.push(await inWorker(RAW_COPY, null));
  say("raw copy", copied.at(-1));
  await start({ device: "gpu", tuning: "off" });
  const { ms, peakWasmBytes } = await page.evaluate(async () => {
    let first = null;
    const ms = await new Promise((resolve, reject) => {
      const onProgress = ({ phase }) => {
        const now = performance.now();
        if (phase === "load") first ??= now;
        if (phase === "prepare" && first !== null) resolve(now - first);
      };
      engine.load({ name: "model" }, { onProgress, contextLength: 512 }).catch(reject);
    });
    return { ms, peakWasmBytes: (await engine.info()).peakWasmBytes };
  });
  loaded.push(ms);
  peaks.push(peakWasmBytes);
  say("load", ms);
  await page.evaluate(() => engine.stop());
}

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
  wasm_bytes_after_gpu_load: Math.max(0, ...peaks),
};
console.log(JSON.stringify(out, null, 2));
if (result) writeFileSync(result, `${JSON.stringify(out, null, 2)}\n`);
await browser.close();
await server.close();
await host.close();
process.exit(0);
