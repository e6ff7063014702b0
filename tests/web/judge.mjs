// Models judged in the page: the numbers of the native commands, one model in memory at a time,
// nothing left behind, and sentences for what cannot be judged.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { program } from "./lib/ingle.mjs";
import { asNative, isSame } from "./lib/judged.mjs";
import { enginePage, ISOLATED, serveEngine } from "./lib/page.mjs";
import { asidePatches, BOTH, HELD, NO_OPFS, NO_STORAGE, withCode } from "./lib/patched.mjs";
import { engineDist } from "./lib/paths.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";

const folder = seededFolder();
const patches = asidePatches("judge-worker.js");
const server = await serveEngine({ ...patches, ...(folder && { "/seeded/": folder }) });
const browser = await launch();
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-judge-"));

/** A module whose products round as those of `INGLE_CPU=scalar` do. */
const PLAIN = { device: "cpu", module: "simd" };

/** A page over empty storage, with `models` added; the text of the tests is `TEXT` there. */
async function fresh(models = ["llama-F16"], start = PLAIN, at = server) {
  if (!folder) skip("no seeded models");
  const page = await enginePage(browser, at);
  await page.evaluate(
    async ([models, start, text]) => {
      globalThis.TEXT = text;
      await emptied();
      globalThis.engine = await Engine.start(start);
      for (const name of models)
        await engine.models.add(await file(`/seeded/${name}.gguf`), { name: name.toLowerCase() });
    },
    [models, start, TEXT],
  );
  return page;
}

/** A text of the tests' own; a line break at the end does not count. */
const TEXT = `${"The fox went to the market and bought a loaf of bread for two. ".repeat(90)}\n`;

const seeded = (name) => path.join(folder, `${name}.gguf`);

/** What the native command says, as JSON. */
function native(...args) {
  if (!program()) skip("no native program; build it with `cargo build -p native-host`");
  const options = { stdio: "pipe", env: { ...process.env, INGLE_CPU: "scalar" } };
  return JSON.parse(execFileSync(program(), [...args, "--format", "json"], options));
}

const cases = {};

for (const [model, n_ctx, chunks] of [
  ["llama-F16", 64, 8],
  ["llama-Q4_K", 32, 3],
  ["qwen3-tied", 64, 2],
]) {
  cases[`${model}: the perplexity of the native command`] = async () => {
    const page = await fresh([model]);
    const file = path.join(scratch, "text.txt");
    writeFileSync(file, TEXT);
    const flags = ["-f", file, "-c", String(n_ctx), "--chunks", String(chunks), "--device", "cpu"];
    const want = native("perplexity", seeded(model), ...flags);
    const got = await page.evaluate(
      ([name, options]) => engine.models.perplexity(name, { text: TEXT, ...options }),
      [model.toLowerCase(), { contextLength: n_ctx, chunks }],
    );
    isSame(got, {
      nats: want.nats,
      perplexity: want.perplexity.value,
      error: want.perplexity.error,
      running: want.running,
      chunks: want.chunks,
      tokens: want.tokens_scored,
      tokensRead: want.tokens_read,
      contextLength: want.ctx,
    });
    assert.deepEqual([got.model, got.text], [`${model.toLowerCase()}:latest`, "given"]);
    assert.match(got.device, /^WebAssembly simd128, 1 thread$/);
    await page.close();
  };
}

cases["a model against the one it was made from: all numbers of the native command"] = async () => {
  const page = await fresh();
  const small = path.join(scratch, "small.gguf");
  if (program())
    execFileSync(program(), ["quantize", seeded("llama-F16"), small, "Q4_0"], {
      stdio: "pipe",
    });
  const flags = ["--baseline", seeded("llama-F16"), "--quantized", small, "--chunks", "3"];
  const want = native("quantize", "--validate", ...flags);
  const out = await page.evaluate(async () => {
    const small = await engine.models.quantize("llama-f16", "Q4_0");
    const told = [];
    const onProgress = (progress) => told.push(progress);
    const options = { chunks: 3, onProgress };
    return { told, ...(await engine.models.validate("llama-f16", small.name, options)) };
  });
  const { model: _, checks: __, passed: ___, ...one } = want.models[0];
  const { baseline: ____, text: _____, ...rest } = want;
  isSame(asNative(out), { ...rest, models: [one] });
  assert.equal(out.text, "own");
  assert.deepEqual(
    [out.layers.length, out.tensors.length, out.running.length],
    [one.layers.length, 20, 3],
  );
  const phases = out.told.map(({ phase, model }) => `${phase} ${model}`);
  assert.deepEqual([...new Set(phases)], [
    "load llama-f16:latest",
    "read llama-f16:latest",
    "load llama-Q4_0:latest",
    "read llama-Q4_0:latest",
    "weights llama-Q4_0:latest",
  ]);
  const reads = out.told.filter(({ phase }) => phase === "read");
  assert.ok(reads.every(({ loaded }, i) => i === 0 || loaded >= reads[i - 1].loaded));
  assert.deepEqual([reads.at(-1).loaded, reads.at(-1).total], [6, 6], "windows of both");
  assert.equal(reads.at(-1).perplexity, out.quantized.perplexity.value);
  await page.close();
};

/** More windows than are kept in memory. */
const MANY = { chunks: 16, weights: false };

/** An engine whose judge reads a piece of a window and stands still until `go()`. */
const held = (code = "") => ({ ...withCode(code + HELD), module: "simd" });

/** Judges, and does `meanwhile` while the judge stands still in the first window. */
const judged = (page, settings, meanwhile) =>
  page.evaluate(
    async ([settings, meanwhile]) => {
      const out = {};
      const go = () => new BroadcastChannel("gate").postMessage(1);
      const stop = new AbortController();
      let isReading;
      const reading = new Promise((resolve) => (isReading = resolve));
      const onProgress = ({ phase }) => phase === "read" && isReading();
      const options = { ...settings, onProgress, signal: stop.signal };
      const result = engine.models.validate("llama-f16", "llama-f16", options);
      const error = failure(result);
      await reading;
      await new Function("out", "stop", `return (${meanwhile})(out, stop)`)(out, stop);
      go();
      out.error = await error;
      out.result = out.error ? null : await result;
      out.rests = await filesIn("ingle", "tmp");
      return out;
    },
    [settings, String(meanwhile)],
  );

/** What 16 windows say of a model that is compared with itself. */
function isItself({ kl, ratio, sameTop, layers, tensors, chunks }) {
  assert.equal(sameTop.value, 1);
  assert.ok(Math.abs(kl.value) < 1e-6 && Math.abs(ratio.value - 1) < 1e-6);
  assert.ok(layers.length === 3 && layers.every(({ error }) => error === 0));
  assert.deepEqual([chunks, tensors], [16, []]);
}

cases["what the baseline said is kept in a file, and nothing stays of it"] = async () => {
  const page = await fresh(["llama-F16"], held());
  const out = await judged(page, MANY, async (out) => {
    out.meanwhile = await filesIn("ingle", "tmp");
  });
  isItself(out.result);
  assert.equal(out.meanwhile.length, 1, "a file without a name");
  assert.deepEqual(out.rests, []);
  await page.close();
};

cases["without private file storage it is kept in IndexedDB"] = async () => {
  const page = await fresh(["llama-F16"], withCode(BOTH + NO_OPFS));
  const validate = (many) => engine.models.validate("llama-f16", "llama-f16", many);
  isItself(await page.evaluate(validate, MANY));
  await page.close();
};

cases["an answer goes on beside it, with the same words"] = async () => {
  const page = await fresh(["llama-F16"], held());
  await page.evaluate(async () => {
    const model = await engine.load({ name: "llama-f16" });
    globalThis.ask = async () => {
      const settings = { prompt: "a", temperature: 0, maxTokens: 20, ignoreEos: true };
      return (await collect(model.generate(settings))).tokens;
    };
    globalThis.before = await ask();
  });
  const out = await judged(page, { chunks: 2 }, async (out) => {
    out.beside = await ask();
    out.before = before;
  });
  assert.equal(out.before.length, 20);
  assert.deepEqual(out.beside, out.before);
  assert.equal(out.result.sameTop.value, 1);
  await page.close();
};

cases["a cancel in the middle leaves nothing, and the same can be asked again"] = async () => {
  const page = await fresh(["llama-F16"], held());
  const out = await judged(page, MANY, (_, stop) => stop.abort());
  assert.equal(out.error?.code, "aborted", JSON.stringify(out.error));
  assert.deepEqual(out.rests, []);
  const before = await page.evaluate(() =>
    failure(engine.models.perplexity("llama-f16", { signal: AbortSignal.abort() })),
  );
  assert.equal(before?.code, "aborted");
  const again = await judged(page, { chunks: 2 }, () => undefined);
  assert.equal(again.result?.chunks, 2);
  await page.close();
};

cases["several threads give the numbers of one"] = async () => {
  if (!existsSync(path.join(engineDist, "wasm/ingle-threads_bg.wasm")))
    skip("no module with threads in this build");
  const isolated = await serveEngine({ "/seeded/": folder ?? "" }, { headers: ISOLATED });
  const said = [];
  for (const page of [
    await fresh(),
    await fresh(["llama-F16"], { device: "cpu", module: "simd-threads", threads: 2 }, isolated),
  ]) {
    const ask = () => engine.models.perplexity("llama-f16", { chunks: 2 });
    said.push(await page.evaluate(ask));
    await page.close();
  }
  await isolated.close();
  const [one, two] = said;
  assert.match(two.device, /^WebAssembly simd128, 2 threads$/);
  assert.deepEqual(two.running, one.running);
};

/** A machine with so little memory, as the browser says it: half of it in units of 1 GB. */
const TINY = `Object.defineProperty(WorkerNavigator.prototype, "deviceMemory", {
  get: () => 0.0001, configurable: true });`;
const FULL = "StorageManager.prototype.estimate = async () => ({ usage: 0, quota: 8 << 20 });";

/** What is asked, the code it fails with, the sentence; and what is done to the worker before. */
const REFUSED = [
  [`perplexity("llama-f16", { text: "a" })`, "request.invalid",
    /^The text has 2 tokens, and 1024 are needed for windows of 512: give a longer text, or a sm/],
  [`perplexity("llama-f16", { contextLength: 2 })`, "request.invalid",
    /^A window of 2 tokens is too small to score anything: give at least 4/],
  [`perplexity("llama-f16", { chunks: 0 })`, "request.invalid",
    /^Chunks is 0, but at least 1 window must be read/],
  [`perplexity("nobody")`, "model.missing", /^nobody:latest is not in this browser; get it/],
  [`perplexity("bert-f32")`, "request.invalid",
    /^bert-f32:latest makes vectors of texts and writes none.*; judge a model that writes text/],
  [`validate("llama-f16", "llama-spm", { chunks: 2 })`, "request.invalid",
    /compare models with the same vocabulary|make different tokens of the text/],
  [`perplexity("llama-f16")`, "model.toobig",
    /^Judging llama-f16:latest needs .*B of memory, and this page has about 50 KB; judge a small/,
    TINY],
  [`validate("llama-f16", "llama-f16", { chunks: 16 })`, "store.full",
    /needed, and this browser has .* left for ingle; delete/, FULL],
  [`perplexity("llama-f16")`, "store.memory",
    /^This window keeps models in the memory of its engine/, NO_STORAGE],
];

cases["what cannot be judged is said, with a way on, and nothing is left"] = async () => {
  const models = ["llama-F16", "llama-spm", "bert-F32"];
  const page = await fresh(models);
  for (const [call, code, words, patch = ""] of REFUSED) {
    const out = await page.evaluate(
      async ([call, start]) => {
        if (start) {
          await engine.stop();
          globalThis.engine = await Engine.start(start);
        }
        const error = await failure(new Function("models", `return models.${call}`)(engine.models));
        return { error, rests: await filesIn("ingle", "tmp") };
      },
      [call, patch && withCode(patch)],
    );
    assert.equal(out.error?.code, code, `${call}: ${JSON.stringify(out.error)}`);
    assert.match(out.error.message, words);
    assert.match(out.error.message, /^\S.{15,}[.!?]$/s);
    assert.deepEqual(out.rests, []);
  }
  await page.close();
};

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
    rmSync(scratch, { recursive: true, force: true });
  },
});
