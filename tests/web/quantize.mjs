// Smaller models made in the page: the bytes of the native command, nothing half done, and the
// same refusals.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { sha256 } from "./lib/filehost.mjs";
import { program } from "./lib/ingle.mjs";
import { enginePage, serveEngine } from "./lib/page.mjs";
import { asidePatches, BOTH, NO_OPFS, NO_STORAGE, withCode } from "./lib/patched.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";

/** Does something when the fifth tensor is reached. */
const atFifth = (what) => `const tell = globalThis.postMessage;
  globalThis.postMessage = (message, ...rest) => {
    tell(message, ...rest);
    if (message.progress?.phase === "quantize" && message.progress.step === 5) { ${what} }
  };`;
/** At the third tensor the work waits for a cancel, or for a word on the channel "gate". */
const HELD = `const goOn = new Promise((resolve) => {
    new BroadcastChannel("gate").onmessage = resolve;
    addEventListener("message", ({ data }) => "cancel" in data && resolve());
  });
  const tell = globalThis.postMessage;
  const post = MessagePort.prototype.postMessage;
  let isHeld = false;
  globalThis.postMessage = (message, ...rest) => {
    if (message.progress?.step === 3) isHeld = true;
    tell(message, ...rest);
  };
  MessagePort.prototype.postMessage = function (...args) {
    if (isHeld) void goOn.then(() => post.apply(this, args));
    else post.apply(this, args);
  };`;
const HANDLE = "FileSystemSyncAccessHandle.prototype";

const folder = seededFolder();
const patches = asidePatches("workshop-worker.js");
const server = await serveEngine({ ...patches, ...(folder && { "/seeded/": folder }) });
const browser = await launch();
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-quantize-"));

/** A page over empty storage, with `models` added. */
async function fresh(models = ["llama-F16"], start = { device: "cpu" }) {
  if (!folder) skip("no seeded models");
  const page = await enginePage(browser, server);
  await page.evaluate(
    async ([models, start]) => {
      await emptied();
      globalThis.engine = await Engine.start(start);
      for (const name of models)
        await engine.models.add(await file(`/seeded/${name}.gguf`), { name: name.toLowerCase() });
    },
    [models, start],
  );
  return page;
}

/** What the native command writes. */
function native(model, type, ...flags) {
  const out = path.join(scratch, "out.gguf");
  rmSync(out, { force: true });
  const args = ["quantize", path.join(folder, `${model}.gguf`), out, type, ...flags];
  execFileSync(program(), args, { stdio: "pipe" });
  return readFileSync(out);
}

/** What a quantization that should fail ends with, and what is left of it. */
const refusal = (page, name, type, options = {}) =>
  page.evaluate(
    async ([name, type, options]) => ({
      error: await failure(engine.models.quantize(name, type, options)),
      stored: await stored(),
      blobs: (await filesIn("blobs")).length,
      rests: await filesIn("ingle", "tmp"),
    }),
    [name, type, options],
  );

/** One model and nothing else: its weights and its description. */
function isUntouched({ stored, blobs, rests }, name = "llama-f16:latest") {
  assert.deepEqual([stored, blobs, rests], [[name], 2, []]);
}

const cases = {};

for (const [model, options, types] of [
  ["llama-F16", {}, ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "MXFP4", "F32"]],
  ["llama-BF16", {}, ["Q4_K_M", "F16"]],
  ["gemma3-untied", {}, ["Q4_K_M", "Q8_0"]],
  ["qwen2-tied", {}, ["Q5_K_M"]],
  [
    "llama-Q6_K", // whose rows the large blocks divide
    { requantize: true },
    ["Q4_K_M", "Q2_K", "Q3_K_S", "Q3_K_L", "Q4_K_S", "Q5_K_S", "Q5_K_M", "IQ4_XS"],
  ],
]) {
  cases[`${model}: the bytes of the native command, and of the plan`] = async () => {
    if (!program()) skip("no native program; build it with `cargo build -p native-host`");
    const page = await fresh([model]);
    for (const type of types) {
      const flags = options.requantize ? ["--allow-requantize"] : [];
      const want = native(model, type, ...flags);
      const got = await page.evaluate(
        async ([name, type, options]) => {
          const plan = await engine.models.quantizePlan(name, type, options);
          const made = await engine.models.quantize(name, type, options);
          const { files } = await engine.models.show(made.name);
          await engine.models.rm(made.name);
          return { plan, made, files };
        },
        [model.toLowerCase(), type, options],
      );
      assert.equal(got.files[0].digest, sha256(want), type);
      assert.equal(got.plan.fileBytes, want.length, `${type}: the size that was promised`);
      assert.equal(got.plan.name, got.made.name);
    }
    await page.close();
  };
}

cases["what the plan says is what the native command says"] = async () => {
  if (!program()) skip("no native program; build it with `cargo build -p native-host`");
  const page = await fresh(["llama-F16", "llama-Q6_K"]);
  const args = ["quantize", path.join(folder, "llama-F16.gguf"), "Q4_K_M", "--dry-run"];
  const want = JSON.parse(execFileSync(program(), [...args, "--format", "json"]));
  const { plan, choices, others } = await page.evaluate(async () => ({
    plan: await engine.models.quantizePlan("llama-f16", "q4_k_m"),
    choices: await engine.models.quantizeChoices("llama-f16"),
    others: await engine.models.quantizeChoices("llama-q6_k"),
  }));
  assert.equal(plan.newBytes, want.new_bytes);
  assert.equal(plan.oldBytes, want.old_bytes);
  assert.equal(plan.elements, want.elements);
  assert.equal(plan.bitsPerWeight, want.bits_per_weight);
  assert.equal(plan.fallbacks, want.fallbacks);
  assert.deepEqual(
    Object.fromEntries(plan.types.map(({ type, tensors }) => [type, tensors])),
    want.tensor_types,
  );
  assert.deepEqual(
    plan.tensors.map(({ insteadOf, ...rest }) => ({ ...rest, instead_of: insteadOf })),
    want.tensors,
  );
  assert.deepEqual([choices.type, choices.quantized], ["F16", false]);
  const one = choices.choices.find(({ type }) => type === "Q4_K_M");
  assert.equal(one.fileBytes, plan.fileBytes);
  assert.deepEqual([others.type, others.quantized], ["Q6_K", true]);
  assert.match(others.choices.find(({ type }) => type === "Q2_K_S").problem, /importance/);
  await page.close();
};

cases["it is told how far it is, tensor by tensor, and the model answers"] = async () => {
  const page = await fresh();
  const out = await page.evaluate(async () => {
    const told = [];
    const made = await engine.models.quantize("llama-f16", "Q8_0", {
      onProgress: (progress) => told.push(progress),
    });
    const model = await engine.load({ name: made.name });
    const { tokens } = await collect(
      model.generate({ prompt: "a", temperature: 0, maxTokens: 5, ignoreEos: true }),
    );
    return { told, made, tokens, stored: await stored(), kept: await filesIn("ingle", "tmp") };
  });
  const of = (phase) => out.told.filter((told) => told.phase === phase);
  for (const phase of ["quantize", "check"]) {
    const told = of(phase);
    assert.equal(told.length, 20, `each tensor once: ${phase}`);
    assert.deepEqual([told.at(-1).step, told.at(-1).nSteps], [20, 20]);
    assert.equal(told.at(-1).loaded, told.at(-1).total);
    assert.ok(told.every((t, i) => i === 0 || t.loaded >= told[i - 1].loaded));
  }
  assert.equal(out.made.details.quantizationLevel, "Q8_0");
  assert.equal(out.made.name, "llama-Q8_0:latest");
  assert.deepEqual(out.stored, ["llama-Q8_0:latest", "llama-f16:latest"]);
  assert.deepEqual(out.kept, []);
  assert.equal(out.tokens.length, 5);
  await page.close();
};

cases["template, parameters, system text and license come along"] = async () => {
  const page = await fresh();
  const out = await page.evaluate(async () => {
    const created = await engine.fetch("/api/create", {
      method: "POST",
      body: JSON.stringify({
        model: "own",
        from: "llama-f16",
        template: "{{ .Prompt }}!",
        system: "Be kind.",
        license: "Free.",
        parameters: { temperature: 0.5 },
        stream: false,
      }),
    });
    const made = await engine.models.quantize("own", "Q4_0", { as: "library/small:one" });
    const show = async (model) => {
      const init = { method: "POST", body: JSON.stringify({ model }) };
      return (await engine.fetch("/api/show", init)).json();
    };
    return {
      status: created.status,
      made: made.name,
      before: await show("own"),
      after: await show("small:one"),
    };
  });
  assert.deepEqual([out.status, out.made], [200, "small:one"]);
  for (const key of ["template", "system", "license", "parameters"]) {
    assert.ok(out.before[key], key);
    assert.equal(out.after[key], out.before[key], key);
  }
  assert.equal(out.after.details.quantization_level, "Q4_0");
  await page.close();
};

cases["a split model becomes one file"] = async () => {
  const page = await fresh([]);
  const out = await page.evaluate(async () => {
    const parts = [1, 2, 3].map((n) => file(`/seeded/llama-split-0000${n}-of-00003.gguf`));
    await engine.models.add(await Promise.all(parts));
    const made = await engine.models.quantize("llama-split", "Q8_0");
    return { name: made.name, n: (await engine.models.show(made.name)).files.length };
  });
  assert.deepEqual(out, { name: "llama-split:Q8_0", n: 1 });
  await page.close();
};

for (const [name, model, type, options, code, words] of [
  ["a type that is none", "llama-F16", "Q9", {}, "request.invalid", /^Unsupported quant.*"Q9"/],
  ["a type nobody computes with", "llama-F16", "TQ1_0", {}, "request.invalid", /supported types/],
  ["the type it has", "llama-F16", "F16", {}, "request.invalid", /is F16 already; choose/],
  ["quantized already", "llama-Q8_0", "Q4_0", {}, "model.quantized", /only supported for F16/],
  ["no matrix", "llama-Q6_K", "Q2_K_S", { requantize: true }, "request.invalid", /importance/],
  ["a name that is taken", "llama-F16", "Q4_0", { as: "llama-f16" }, "model.exists", /is here al/],
  ["no name", "llama-F16", "Q4_0", { as: "a b" }, "request.invalid", /a b/],
]) {
  cases[`${name}: a sentence, and nothing is written`] = async () => {
    const page = await fresh([model]);
    const out = await refusal(page, model.toLowerCase(), type, options);
    assert.equal(out.error?.code, code, JSON.stringify(out.error));
    assert.match(out.error.message, words);
    assert.match(out.error.message, /^\S.{15,}[.!?]$/s);
    isUntouched(out, `${model.toLowerCase()}:latest`);
    await page.close();
  };
}

cases["a model that is not here, or damaged, is said"] = async () => {
  const page = await fresh();
  const missing = await page.evaluate(() => failure(engine.models.quantize("nobody", "Q4_0")));
  assert.equal(missing.code, "model.missing");
  await page.evaluate(async () => {
    const [{ digest, size }] = (await engine.models.show("llama-f16")).files;
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("ingle");
    const blobs = await root.getDirectoryHandle("blobs");
    const handle = await blobs.getFileHandle(digest.replace(":", "-"));
    const out = await handle.createWritable({ keepExistingData: true });
    // Numbers that are none, where the last tensor is.
    const data = new Uint8Array(64).fill(0xff);
    await out.write({ type: "write", position: size - 64, data });
    await out.close();
  });
  const out = await refusal(page, "llama-f16", "Q4_0");
  assert.equal(out.error.code, "model.damaged", JSON.stringify(out.error));
  assert.match(out.error.message, /tensor/);
  isUntouched(out);
  await page.close();
};

cases["a cancel in the middle leaves nothing, and the same can be asked again"] = async () => {
  const page = await fresh(["llama-F16"], withCode(HELD));
  const out = await page.evaluate(async () => {
    const stop = new AbortController();
    const onProgress = ({ step }) => step === 3 && stop.abort();
    const options = { onProgress, signal: stop.signal };
    const error = await failure(engine.models.quantize("llama-f16", "Q4_0", options));
    const before = await failure(
      engine.models.quantize("llama-f16", "Q4_0", { signal: AbortSignal.abort() }),
    );
    const gate = new BroadcastChannel("gate");
    const goOn = { onProgress: () => gate.postMessage("open") };
    return {
      ...{ error, before },
      stored: await stored(),
      blobs: (await filesIn("blobs")).length,
      rests: await filesIn("ingle", "tmp"),
      again: (await engine.models.quantize("llama-f16", "Q4_0", goOn)).name,
    };
  });
  assert.deepEqual([out.error?.code, out.before?.code], ["aborted", "aborted"]);
  isUntouched(out);
  assert.equal(out.again, "llama-Q4_0:latest");
  await page.close();
};

cases["a worker that is killed leaves no model, is noticed, and the next one works"] = async () => {
  const page = await fresh(["llama-F16"], withCode(atFifth("close();")));
  const out = await refusal(page, "llama-f16", "Q4_0");
  assert.equal(out.error?.code, "engine.killed", JSON.stringify(out.error));
  assert.deepEqual([out.stored, out.blobs], [["llama-f16:latest"], 2]);
  assert.equal(out.rests.length, 1, "a file without a name, which a prune takes away");
  const again = await page.evaluate(async () => {
    await engine.stop();
    globalThis.engine = await Engine.start({ device: "cpu" });
    return (await engine.models.quantize("llama-f16", "Q4_0")).name;
  });
  assert.equal(again, "llama-Q4_0:latest");
  await page.close();
};

for (const [name, patch, code, words] of [
  [
    "a quota that is said to be too small",
    "StorageManager.prototype.estimate = async () => ({ usage: 0, quota: 16 << 20 });",
    "store.full",
    /needed, and this browser has .* left for ingle; delete/,
  ],
  [
    "storage that is full in the middle",
    `let left = 30000; const write = ${HANDLE}.write;
     ${HANDLE}.write = function (bytes, options) {
       if (bytes.byteLength > 4096 && (left -= bytes.byteLength) < 0)
         throw new DOMException("full", "QuotaExceededError");
       return write.call(this, bytes, options);
     };`,
    "store.full",
    /more needed, and this browser gives ingle no more; delete/,
  ],
  [
    "storage that lies",
    `const read = ${HANDLE}.read;
     ${HANDLE}.read = function (bytes, options) {
       const n = read.call(this, bytes, options);
       if (globalThis.lies && bytes.byteLength > 4096) bytes[100] ^= 1;
       return n;
     };
     const tell = globalThis.postMessage;
     globalThis.postMessage = (message, ...rest) => {
       const { loaded, total = -1 } = message.progress ?? {};
       if (loaded === total) globalThis.lies = true;
       tell(message, ...rest);
     };`,
    "store.failed",
    /is not what was to be written/,
  ],
]) {
  cases[`${name}: a sentence, and nothing is left`] = async () => {
    const page = await fresh(["llama-F16"], withCode(patch));
    const out = await refusal(page, "llama-f16", "Q8_0");
    assert.equal(out.error?.code, code, JSON.stringify(out.error));
    assert.match(out.error.message, words);
    isUntouched(out);
    await page.close();
  };
}

cases["two tabs: the same model is made once, different ones beside each other"] = async () => {
  const page = await fresh(["llama-F16"], withCode(HELD));
  const other = await enginePage(browser, server);
  await page.evaluate(
    () =>
      new Promise((resolve) => {
        const onProgress = ({ step }) => step === 3 && resolve();
        globalThis.making = engine.models.quantize("llama-f16", "Q4_0", { onProgress });
        making.catch(() => undefined);
      }),
  );
  const out = await other.evaluate(async () => {
    globalThis.engine = await Engine.start({ device: "cpu" });
    const gate = new BroadcastChannel("gate");
    // The first one goes on when this one is at work too.
    const onProgress = () => gate.postMessage("open");
    return {
      same: await failure(engine.models.quantize("llama-f16", "Q4_0")),
      different: (await engine.models.quantize("llama-f16", "Q8_0", { onProgress })).name,
    };
  });
  assert.equal(out.same?.code, "store.locked");
  assert.match(out.same.message, /is being made already, here or in another tab/);
  assert.equal(out.different, "llama-Q8_0:latest");
  assert.equal(await page.evaluate(async () => (await making).name), "llama-Q4_0:latest");
  assert.deepEqual(await other.evaluate(() => stored()), [
    "llama-Q4_0:latest",
    "llama-Q8_0:latest",
    "llama-f16:latest",
  ]);
  await Promise.all([page.close(), other.close()]);
};

cases["without private file storage it works in IndexedDB, and says why not in memory"] =
  async () => {
    if (!folder) skip("no seeded models");
    for (const [code, want] of [
      [NO_OPFS, "llama-Q8_0:latest"],
      [NO_STORAGE, "store.memory"],
    ]) {
      const page = await enginePage(browser, server);
      const got = await page.evaluate(async (start) => {
        globalThis.engine = await Engine.start(start);
        await engine.models.add(await file("/seeded/llama-F16.gguf"));
        return engine.models.quantize("llama-F16", "Q8_0").then(
          ({ name }) => name,
          (error) => error.code,
        );
      }, withCode(BOTH + code));
      assert.equal(got, want);
      await page.close();
    }
  };

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
    rmSync(scratch, { recursive: true, force: true });
  },
});
