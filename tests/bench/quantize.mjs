// What a smaller model costs in a page, beside the native command on one thread; and the most
// memory that the page's module had.
//
//   INGLE_BIN=target/release/ingle node tests/bench/quantize.mjs MODEL.gguf TYPE [RESULT.json]
//
// Both in one run, alternating, so that the machine's mood is the same for both.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "../web/lib/browser.mjs";
import { sha256 } from "../web/lib/filehost.mjs";
import { program } from "../web/lib/ingle.mjs";
import { enginePage, serveEngine } from "../web/lib/page.mjs";

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const [model, type = "Q4_K_M", result] = process.argv.slice(2);

/** Runs in the workshop's worker first, and adds the module's memory to what it tells. */
const WATCH = `
  let memory = null;
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (...args) => {
    const made = await instantiate(...args);
    memory = (made.instance ?? made).exports.memory;
    return made;
  };
  const tell = globalThis.postMessage;
  globalThis.postMessage = ({ progress, ...rest }) => {
    const wasmBytes = memory?.buffer.byteLength ?? 0;
    tell(progress ? { progress: { ...progress, wasmBytes } } : rest);
  };`;
const server = await serveEngine({
  "/model.gguf": model,
  "/watched/": (request, response) => {
    response.setHeader("content-type", "text/javascript");
    const name = request.url.split("/").pop();
    if (name === "watch.js") return response.end(WATCH);
    const first = name === "workshop-worker.js" ? 'import "./watch.js";\n' : "";
    return response.end(`${first}import "/deep/er/lib/internal/${name}";\n`);
  },
});
const browser = await launch();
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-quantize-"));

async function inPage(page) {
  return page.evaluate(async (type) => {
    const start = performance.now();
    const told = { quantize: 0, check: 0, wasm: 0 };
    const onProgress = ({ phase, wasmBytes }) => {
      told[phase] = performance.now() - start;
      told.wasm = Math.max(told.wasm, wasmBytes);
    };
    const made = await engine.models.quantize("model", type, { onProgress });
    const ms = performance.now() - start;
    const [{ digest }] = (await engine.models.show(made.name)).files;
    await engine.models.rm(made.name);
    return { ms, written_ms: told.quantize, wasm_bytes: told.wasm, digest };
  }, type);
}

function native() {
  const out = path.join(scratch, "out.gguf");
  rmSync(out, { force: true });
  const args = ["quantize", model, out, type, "--threads", "1", "--format", "json"];
  const said = JSON.parse(execFileSync(program(), args, { stdio: ["ignore", "pipe", "ignore"] }));
  const digest = sha256(readFileSync(out));
  return { ms: said.seconds * 1000, rss_bytes: said.peak_memory_bytes, digest };
}

try {
  const page = await enginePage(browser, server);
  await page.evaluate(async () => {
    globalThis.engine = await Engine.start({ device: "cpu", workerUrl: "/watched/worker.js" });
    await engine.models.pull("/model.gguf");
  });
  const rounds = { page: [], native: [] };
  for (let i = 0; i < ROUNDS; i += 1) {
    rounds.page.push(await inPage(page));
    rounds.native.push(native());
    console.error(JSON.stringify([rounds.page.at(-1), rounds.native.at(-1)]));
  }
  const all = [...rounds.page, ...rounds.native];
  if (new Set(all.map(({ digest }) => digest)).size > 1) throw new Error("the bytes differ");
  const best = (rows) => Math.min(...rows.map(({ ms }) => ms));
  const numbers = {
    command: `ROUNDS=${ROUNDS} node tests/bench/quantize.mjs ${path.basename(model)} ${type}`,
    bytes: statSync(model).size,
    machine: { cores: os.cpus().length, load: os.loadavg().map((n) => Number(n.toFixed(1))) },
    type,
    page_ms: rounds.page.map(({ ms }) => Math.round(ms)),
    page_written_ms: rounds.page.map(({ written_ms }) => Math.round(written_ms)),
    native_one_thread_ms: rounds.native.map(({ ms }) => Math.round(ms)),
    page_over_native: Number((best(rounds.page) / best(rounds.native)).toFixed(2)),
    page_wasm_bytes: Math.max(...rounds.page.map(({ wasm_bytes }) => wasm_bytes)),
    native_rss_bytes: Math.max(...rounds.native.map(({ rss_bytes }) => rss_bytes)),
  };
  console.log(JSON.stringify(numbers, null, 2));
  if (result) writeFileSync(result, `${JSON.stringify(numbers, null, 2)}\n`);
} finally {
  await browser.close();
  await server.close();
  rmSync(scratch, { recursive: true, force: true });
}
