// One suite in three engines: Chromium, Firefox and WebKit (as GTK has it) load the seeded models,
// and their tokens and logits are compared with the native player's; each keeps a model over a
// reload and answers without a network.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

import * as chromium from "./lib/browser.mjs";
import * as firefox from "./lib/firefox.mjs";
import { enginePage, floats, ISOLATED, nmse, serveEngine } from "./lib/page.mjs";
import { root } from "./lib/paths.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";
import * as webkit from "./lib/webkit.mjs";

/** As in `tests/browsers/native.rs`. */
const PROMPT = Array.from({ length: 17 }, (_, i) => i + 3);
const N_TOKENS = 24;

/** Weights as they are, and (on the processor) activations of 8 bits. */
const MODELS = [
  "llama-tied",
  "llama-Q4_K",
  "llama-Q8_0",
  "qwen2-tied",
  "qwen3-tied",
  "gemma3-tied",
];
/** Compiling the kernels of one takes a software adapter many seconds. */
const GPU_MODELS = ["llama-tied", "llama-Q4_K"];
const tolerance = (device, model) => {
  const isQuantized = /-Q/.test(model);
  if (device === "gpu") return isQuantized ? 1e-5 : 1e-6;
  return isQuantized ? 2e-3 : 3e-6;
};

const BROWSERS = {
  chromium: { ...chromium, devices: ["cpu", "gpu"], missing: "no Chromium, Chrome or Edge" },
  firefox: { ...firefox, devices: ["cpu", "gpu"], missing: "no Firefox" },
  webkit: { ...webkit, devices: ["cpu"], missing: "no WebKitWebDriver, WebKit for Python or Xvfb" },
};

const models = seededFolder();
let isOnline = true;
const server = await serveEngine(
  {
    "/models/": models ?? "",
    "/pull/": (request, response) => {
      if (!isOnline) return request.socket.destroy();
      response.statusCode = 302;
      response.setHeader("location", request.url.replace("/pull/", "/models/"));
      return response.end();
    },
  },
  { headers: ISOLATED },
);

/** The program that answers natively: built by `cargo xtask test`, or here. */
function nativeProgram() {
  const built = process.env.INGLE_NATIVE_ANSWERS;
  if (built && existsSync(built)) return built;
  const args = ["build", "--quiet", "-p", "tests", "--example", "native_answers"];
  execFileSync(process.env.CARGO ?? "cargo", args, { cwd: root, stdio: ["ignore", "ignore", 2] });
  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
  return path.join(target, "debug/examples/native_answers");
}

let natives = null;

/** What the model answers natively, or null: there is no GPU. */
function native(model, device) {
  natives ??= JSON.parse(
    execFileSync(nativeProgram(), [models, ...MODELS], { encoding: "utf8", maxBuffer: 1 << 26 }),
  );
  return natives.find((one) => one.model === model && one.device === device) ?? null;
}

const open = {};

/** One browser at a time, one page in it. */
async function pageOf(name) {
  if (!models) skip("the seeded models are not built");
  const { launch, executable, missing } = BROWSERS[name];
  if (!executable()) skip(missing);
  if (!open[name]) {
    await closeAll();
    open[name] = await launch();
  }
  return enginePage(open[name], server);
}

async function closeAll() {
  for (const [name, browser] of Object.entries(open)) {
    delete open[name];
    await browser.close();
  }
}

const cases = {};

/** Starts an engine on `device` and asks every model; gives its info, or null without a GPU. */
const asked = (page, device, names) =>
  page.evaluate(
    async ({ device, names, prompt, n }) => {
      const engine = await Engine.start({ device }).catch((error) => {
        if (device === "gpu" && error.code !== "engine.crash") return null;
        throw error;
      });
      if (!engine) return null;
      const answers = [];
      for (const name of names) {
        const model = await engine.load({ url: `/models/${name}.gguf` }, { kvType: "f32" });
        const logits = [...(await model.logits(prompt))];
        const { tokens } = await collect(
          model.generate({ tokens: prompt, temperature: 0, maxTokens: n, ignoreEos: true }),
        );
        answers.push({ name, logits, tokens });
      }
      const info = await engine.info();
      await engine.stop();
      return { answers, info };
    },
    { device, names, prompt: PROMPT, n: N_TOKENS },
  );

for (const [name, { devices }] of Object.entries(BROWSERS)) {
  for (const device of devices) {
    cases[`${name}, ${device}: tokens and logits as the native player has them`] = async () => {
      const page = await pageOf(name);
      const out = await asked(page, device, device === "gpu" ? GPU_MODELS : MODELS);
      if (!out) skip("no WebGPU here");
      assert.equal(out.info.device, device);
      for (const { name: model, logits, tokens } of out.answers) {
        const want = native(model, device) ?? native(model, "cpu");
        const error = nmse(logits, floats(want.logits));
        const limit = tolerance(want.device, model);
        assert.ok(error <= limit, `${model}: NMSE ${error}, at most ${limit}`);
        assert.deepEqual(tokens, want.tokens, model);
      }
      console.log(`note: ${out.info.adapter}, module ${out.info.module}`);
      await page.close();
    };
  }

  cases[`${name}: pull, chat, reload, chat without a network, delete`] = async () => {
    isOnline = true;
    const page = await pageOf(name);
    const chat = async ({ url, stored }) => {
      const engine = await Engine.start({ device: "cpu" });
      const { name } = url ? await engine.models.pull(url) : await engine.models.show(stored);
      const model = await engine.load({ name });
      const messages = [{ role: "user", content: "hello" }];
      const { text, tokens } = await collect(
        model.generate({ messages, temperature: 0, maxTokens: 12, ignoreEos: true }),
      );
      const { storage, notices } = await engine.info();
      await engine.stop();
      return { name, text, tokens, storage, notices: notices.map(({ code }) => code) };
    };
    const first = await page.evaluate(chat, { url: `${server.origin}/pull/llama-tied.gguf` });
    assert.equal(first.tokens.length, 12);
    await page.close();
    assert.notEqual(first.storage, "memory", `${first.notices}`);
    isOnline = false;
    const later = await pageOf(name);
    const second = await later.evaluate(chat, { stored: first.name });
    assert.deepEqual(second, first);
    const left = await later.evaluate(async (stored) => {
      const engine = await Engine.start({ device: "cpu" });
      await engine.models.rm(stored);
      const names = (await engine.models.list()).map(({ name }) => name);
      await engine.stop();
      return names;
    }, first.name);
    assert.ok(!left.includes(first.name), `${left}`);
    await later.close();
  };
}

await run(cases, {
  limitMs: 480_000, // a software adapter compiles for long
  after: async () => {
    await closeAll();
    await server.close();
  },
});
