// One engine in Chromium, measured once: loads a model file, reads a prompt, writes tokens, prints
// one line of JSON. `cargo xtask bench --browser` calls it for each engine in turns.
//
// Both engines get the same text from the same page with the same number of threads, and report the
// same two times (see page/ingle.mjs). More than one thread needs the isolation headers; with one
// thread they are left out, as on most web servers. Text and not ids, because wllama takes no ids:
// it is made of words that are one token in the usual vocabularies, and each engine says how many
// tokens it read.
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { launch } from "../web/lib/browser.mjs";
import { engineDist, root } from "../web/lib/paths.mjs";
import { serve } from "../web/lib/server.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: "string", short: "p", default: "128" },
    tokens: { type: "string", short: "n", default: "32" },
    threads: { type: "string", default: "2" },
    reps: { type: "string", default: "1" },
    wllama: { type: "string" },
  },
});
const [engine, file] = positionals;
const sizes = {
  nPrompt: Number(values.prompt),
  nOutput: Number(values.tokens),
  threads: Number(values.threads),
  reps: Number(values.reps),
};
if (!["ingle", "wllama"].includes(engine) || !file || Object.values(sizes).some((n) => !(n > 0))) {
  console.error("usage: node tests/bench/browser.mjs ingle|wllama FILE.gguf [-p N] [-n N] …");
  process.exit(2);
}

/** More tokens than any vocabulary makes of the words beyond one each. */
const SPARE_TOKENS = 16;

const BLANK = "<!doctype html><meta charset=utf-8><title>bench</title><input type=file id=file>";
const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
const mounts = {
  "/page": (_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(BLANK);
  },
  "/ingle/": engineDist,
  "/bench/": path.join(root, "tests/bench/page"),
};
if (values.wllama) mounts["/wllama/"] = values.wllama;

const WORDS = (
  "time year people way day man thing woman life child world school state family student group " +
  "country problem hand part place case week company system program question work night point"
).split(" ");

/** `n` words, other ones in every run, so that no prompt is found in a cache. */
function text(n, run) {
  const word = (i) => WORDS[(i * i + 7 * i * (run + 1) + 3 * run) % WORDS.length];
  return Array.from({ length: n }, (_, i) => word(i)).join(" ");
}

/** In the page: everything that is timed. */
async function measure({ engine, texts, nPrompt, nOutput, threads, reps }) {
  const { open } = await import(`/bench/${engine}.mjs`);
  const [file] = document.querySelector("#file").files;
  const start = performance.now();
  const model = await open(file, { nPrompt, nOutput, threads });
  const loadMs = performance.now() - start;
  const runs = [];
  for (let run = 0; run <= reps; run += 1) {
    const begun = performance.now();
    const times = await model.answer(texts[run], nOutput);
    runs.push({ ...times, pageMs: performance.now() - begun });
  }
  const { threads: used, build } = model;
  return { loadMs, threads: used, build, isolated: crossOriginIsolated, runs: runs.slice(1) };
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};
const short = (x) => Math.round(x * 100) / 100;

function version() {
  const folder = engine === "ingle" ? path.dirname(engineDist) : values.wllama;
  return JSON.parse(readFileSync(path.join(folder, "package.json"))).version;
}

const server = await serve(mounts, { headers: sizes.threads > 1 ? isolation : {} });
const browser = await launch();
let failure = null;
try {
  const page = await browser.page(`${server.origin}/page`);
  await page.setInputFiles("#file", file);
  // Room for what a vocabulary adds: a begin token, a word in two pieces.
  const nPrompt = sizes.nPrompt + SPARE_TOKENS;
  const texts = Array.from({ length: sizes.reps + 1 }, (_, run) => text(sizes.nPrompt, run));
  const settings = { engine, ...sizes, texts, nPrompt };
  const { runs, ...result } = await page.evaluate(measure, settings);
  for (const { nRead, nOutput, nCached } of runs) {
    const isAsked = nRead + nCached >= sizes.nPrompt && nCached < SPARE_TOKENS;
    if (!isAsked || nOutput !== sizes.nOutput)
      throw new Error(`read ${nRead} (+${nCached} cached) and wrote ${nOutput} tokens instead`);
  }
  if (result.threads !== sizes.threads) throw new Error(`ran with ${result.threads} threads`);
  const rate = (times) => short(median(runs.map(times)));
  const [{ nRead, nCached }] = runs;
  console.log(
    JSON.stringify({
      engine,
      version: version(),
      build: result.build,
      browser: `Chromium ${browser.context.browser()?.version() ?? "of unknown version"}`,
      threads: result.threads,
      isolated: result.isolated,
      prompt_tokens: nRead + nCached,
      prefill_tok_s: rate((run) => (run.nRead / run.prefillMs) * 1000),
      // The first token belongs to the prompt: what is left is the time of the others.
      decode_tok_s: rate((run) => ((run.nOutput - 1) / run.decodeMs) * 1000),
      load_ms: Math.round(result.loadMs),
      page_ms: Math.round(median(runs.map((run) => run.pageMs))),
    }),
  );
} catch (error) {
  failure = error;
}
await browser.close();
await server.close();
if (failure) console.error(`${engine}: ${failure?.message ?? failure}`);
process.exit(failure ? 1 : 0);
