// What a smaller model costs in a page, beside the native command on one thread; and the most
// memory that the page's module had.
//
//   INGLE_BIN=target/release/ingle node tests/bench/quantize.mjs MODEL.gguf TYPE [RESULT.json]
//
// Both in one run, alternating, so that the machine's mood is the same for both. Times of the
// processors are given beside those of the clock: a busy machine changes them less.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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

/** Milliseconds of processors that `/proc` says were used; what has ended counts at its parent. */
function used(of) {
  const TICK_MS = 10;
  const stat = (pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
      const [, parent] = fields;
      return { parent: Number(parent), own: fields.slice(11, 13), ended: fields.slice(13, 15) };
    } catch {
      return null; // not on Linux, or gone by now
    }
  };
  const sum = (ticks) => ticks.reduce((all, n) => all + Number(n), 0) * TICK_MS;
  if (of === "ended") return sum(stat(process.pid)?.ended ?? [NaN]);
  const all = new Map(
    (process.platform === "linux" ? readdirSync("/proc") : [])
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), stat(name)]),
  );
  const isOurs = (pid) => {
    const parent = all.get(pid)?.parent;
    return parent === process.pid || (parent > 1 && isOurs(parent));
  };
  const ours = [...all].filter(([pid, found]) => found && isOurs(pid));
  return ours.reduce((ms, [, { own, ended }]) => ms + sum([...own, ...ended]), 0);
}

async function inPage(page) {
  const before = used("browser");
  const made = await makeIn(page);
  return { ...made, cpu_ms: used("browser") - before };
}

function makeIn(page) {
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
  const before = used("ended");
  const said = JSON.parse(execFileSync(program(), args, { stdio: ["ignore", "pipe", "ignore"] }));
  const cpu_ms = used("ended") - before;
  const digest = sha256(readFileSync(out));
  return { ms: said.seconds * 1000, cpu_ms, rss_bytes: said.peak_memory_bytes, digest };
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
  const best = (rows, key) => Math.min(...rows.map((row) => row[key]));
  const ratio = (key) => Number((best(rounds.page, key) / best(rounds.native, key)).toFixed(2));
  const numbers = {
    command: `ROUNDS=${ROUNDS} node tests/bench/quantize.mjs ${path.basename(model)} ${type}`,
    bytes: statSync(model).size,
    machine: { cores: os.cpus().length, load: os.loadavg().map((n) => Number(n.toFixed(1))) },
    type,
    page_ms: rounds.page.map(({ ms }) => Math.round(ms)),
    page_written_ms: rounds.page.map(({ written_ms }) => Math.round(written_ms)),
    native_one_thread_ms: rounds.native.map(({ ms }) => Math.round(ms)),
    page_over_native: ratio("ms"),
    page_cpu_ms: rounds.page.map(({ cpu_ms }) => cpu_ms),
    native_cpu_ms: rounds.native.map(({ cpu_ms }) => cpu_ms),
    page_cpu_over_native: ratio("cpu_ms"),
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
