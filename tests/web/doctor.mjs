// The doctor in a page: a graphics stack that lies is found out at the first load, the answer comes
// right from the next tier, and the next page knows; and the page at #/doctor says what was found.
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { slowClock } from "./lib/clock.mjs";
import { checkLooks } from "./lib/looks.mjs";
import { enginePage, nmse, serveEngine } from "./lib/page.mjs";
import { chatDist, engineDist } from "./lib/paths.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";

/** Sums in another order, and weights in f16 where the adapter has it. */
const SAME = 1e-5;

/** Changes what a worker hands to the graphics stack, as a driver that miscompiles would. */
const patch = (from, to) => `
  const make = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    const code = descriptor.code.replaceAll(${JSON.stringify(from)}, ${JSON.stringify(to)});
    return make.call(this, { ...descriptor, code });
  };`;
const LIES = {
  // Only the reductions of products: the probe at the start is about one number per thread.
  subgroups: [
    "let s = subgroupAdd(v[i]);",
    "let s = select(1.0, 1.5, N_SUMS > 2u) * subgroupAdd(v[i]);",
  ],
  everything: ["f32(P.n_cols)", "f32(P.n_cols + 9u)"],
};

const file = seeded("llama-Q4_0");
/** What the doctor's own worker is told; changed by cases. */
let lie = null;
const script = (name, lie, more = "") => (_, response) => {
  response.setHeader("content-type", "text/javascript");
  const text = readFileSync(path.join(engineDist, "internal", name), "utf8");
  response.end(lie() ? `${text}\n${patch(...lie())}\n${more}` : text);
};
const server = await serveEngine({
  "/app/": chatDist,
  "/deep/er/lib/internal/lying-subgroups.js": script("worker.js", () => LIES.subgroups),
  "/deep/er/lib/internal/lying-everything.js": script("worker.js", () => LIES.everything),
  // It looks for five seconds; a busy machine may need more to come to the lie.
  "/deep/er/lib/internal/doctor-worker.js": script("doctor-worker.js", () => lie, slowClock(3)),
});
const browser = await launch({ viewport: { width: 1280, height: 900 } });

/** Starts an engine in a new page, loads the model, and gives what a caller can see. */
async function load({ worker = null, device = "gpu", only = null } = {}) {
  if (!file) skip("the seeded models are not built");
  const page = await enginePage(browser, server);
  const seen = await page.evaluate(
    async ({ bytes, name, worker, device, only }) => {
      const workerUrl = worker ? `/deep/er/lib/internal/${worker}.js` : undefined;
      const engine = await Engine.start({ device, ...(workerUrl ? { workerUrl } : {}) });
      let logits = [];
      let loaded = null;
      if (!only) {
        const model = await engine.load({ file: new File([new Uint8Array(bytes)], name) });
        loaded = model.info.device;
        logits = [...(await model.logits([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]))];
      }
      const info = await engine.info();
      await engine.stop();
      return { notices: info.notices, logits, device: info.device, loaded, name: info.adapter };
    },
    { bytes: [...file.bytes], name: file.name, worker, device, only },
  );
  await page.close();
  return seen;
}

/** Forgets what is kept about the chip. */
async function forget() {
  const page = await enginePage(browser, server);
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry("ingle-doctor", { recursive: true }).catch(() => undefined);
  });
  await page.close();
}

const cases = {};
let truth;

cases["an honest chip is used as it is"] = async () => {
  truth = (await load({ device: "cpu" })).logits;
  const seen = await load();
  assert.deepEqual([seen.device, seen.notices], ["gpu", []]);
  assert.ok(nmse(seen.logits, truth) <= 3e-3, `against the processor: ${nmse(seen.logits, truth)}`);
  truth = seen.logits;
};

cases["a lie in subgroups costs subgroups, and the next page knows"] = async () => {
  await forget();
  const worker = "lying-subgroups";
  const first = await load({ worker });
  assert.equal(first.notices.map(({ code }) => code).join(), "gpu.wrong");
  assert.match(first.notices[0].message, /numbers: subgroup operations are not used, because/);
  assert.deepEqual([first.device, first.loaded], ["gpu", "gpu"]);
  assert.ok(nmse(first.logits, truth) <= SAME, `the answer: ${nmse(first.logits, truth)}`);
  assert.deepEqual((await load({ worker, only: "start" })).notices, first.notices);
};

cases["a chip that is right in no form is left to itself"] = async () => {
  await forget();
  const worker = "lying-everything";
  const first = await load({ worker });
  assert.match(first.notices[0]?.message ?? "", /graphics chip is not used.*from the processor/);
  assert.deepEqual([first.device, first.loaded], ["cpu", "cpu"]);
  assert.ok(nmse(first.logits, truth) <= 3e-3, `the answer: ${nmse(first.logits, truth)}`);
  const next = await load({ worker, only: "start" });
  assert.match(next.name, /^WebAssembly/);
  assert.deepEqual(next.notices, first.notices);
};

cases["what is kept but damaged is as good as nothing"] = async () => {
  const page = await enginePage(browser, server);
  const n = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("ingle-doctor");
    let n = 0;
    for await (const entry of folder.values()) {
      const text = await (await entry.getFile()).text();
      const writer = await entry.createWritable();
      await writer.write(text.replace("off ", "oof "));
      await writer.close();
      n += 1;
    }
    return n;
  });
  await page.close();
  assert.ok(n >= 1);
  const seen = await load({ only: "start" });
  assert.deepEqual([seen.notices, seen.name.includes("WebGPU")], [[], true]);
  await forget();
};

/** Runs the doctor in a blank page. */
async function examine() {
  const page = await enginePage(browser, server);
  const seen = await page.evaluate(async () => {
    const { doctor } = await import("/deep/er/lib/public/index.js");
    const order = [];
    const start = performance.now();
    const report = await doctor(null, { onRow: ({ id }) => order.push(id) });
    return { ...report, order, ms: performance.now() - start };
  });
  await page.close();
  return seen;
}

cases["every row comes once, and the numbers agree"] = async () => {
  const seen = await examine();
  const ids = seen.rows.map(({ id }) => id);
  assert.deepEqual(ids, [
    "webgpu",
    "chip",
    "half",
    "numbers",
    "graphicsMemory",
    "storage",
    "threads",
    "offline",
    "speed",
    "tab",
  ]);
  assert.deepEqual(seen.order.slice().sort(), ids.slice().sort());
  const row = (id) => seen.rows.find((row) => row.id === id);
  const n = seen.kernels.length;
  assert.ok(n > 0 && seen.kernels.every(({ right }) => right), `${n} kernels`);
  assert.match(row("numbers").finding, new RegExp(`^${n} of ${n} kernels give the right numbers`));
  assert.equal(row("chip").mark, "note", "SwiftShader is no chip");
  assert.equal(row("speed").finding, "No model is loaded.");
  console.log(`note: ${n} kernels in ${Math.round(seen.ms)} ms`);
};

cases["a lie is a problem row, and answers stay right"] = async () => {
  lie = LIES.subgroups;
  const seen = await examine();
  lie = null;
  const numbers = seen.rows.find(({ id }) => id === "numbers");
  assert.equal(numbers.mark, "problem");
  assert.match(
    numbers.finding,
    /^1 of \d+ kernels gave wrong numbers: subgroup.*Answers stay right/,
  );
  assert.match(seen.text, /WRONG {4}row /);
  assert.equal(seen.kernels.filter(({ right }) => !right).length, 1);
  await forget();
};

cases["an abort ends it"] = async () => {
  const page = await enginePage(browser, server);
  const error = await page.evaluate(async () => {
    const { doctor } = await import("/deep/er/lib/public/index.js");
    const stop = new AbortController();
    // With the chip's first word its kernels are still to come.
    const onRow = ({ id }) => id === "webgpu" && stop.abort();
    return failure(doctor(null, { signal: stop.signal, onRow }));
  });
  assert.equal(error.code, "aborted");
  await page.close();
};

cases["the page shows the rows, and the report before it is copied"] = async () => {
  const page = await browser.page(`${server.origin}/app/#/doctor`);
  const canary = "CANARY-7f3";
  await page.evaluate((name) => localStorage.setItem(name, name), canary);
  await page.waitForSelector("[data-ui='doctor.copy']:not([disabled])", { timeout: 120_000 });
  assert.equal(await page.title(), "Doctor – ingle");
  assert.equal(await page.locator(".probe").count(), 10);
  assert.match(
    await page.textContent("[data-ui='doctor.numbers']"),
    /: Works\. \d+ of \d+ kernels/,
  );
  await checkLooks(page);
  const shots = process.env.INGLE_SHOTS;
  if (shots) {
    mkdirSync(shots, { recursive: true });
    await page.screenshot({ path: path.join(shots, "doctor-desktop.png") });
  }
  await page.click("[data-ui='doctor.copy']");
  const text = await page.textContent("dialog pre.report");
  assert.match(text, /^ingle doctor, Chrome \d+\nThis device runs models on its processor/);
  assert.ok(!text.includes(canary) && !text.includes(server.origin) && !/https?:/.test(text), text);
  await page
    .context()
    .grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.origin });
  // The button says so for a moment.
  await Promise.all([
    page.waitForFunction(() =>
      document.querySelector("[data-ui='doctor.copy-now']").textContent.includes("Copied"),
    ),
    page.click("[data-ui='doctor.copy-now']"),
  ]);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await checkLooks(page);
  if (shots) await page.screenshot({ path: path.join(shots, "doctor-phone.png") });
  // Back to the chat and again: what was found stays, until it is asked anew.
  await page.evaluate(() => (location.hash = "#/"));
  await page.evaluate(() => (location.hash = "#/doctor"));
  assert.equal(await page.locator(".probe.is-waiting").count(), 0);
  assert.deepEqual(page.problems, [], "the console is clean");
  await page.close();
};

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
