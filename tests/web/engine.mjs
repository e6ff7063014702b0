// The engine package as somebody uses it: a blank page, the built dist/ under some folder, a static
// server without special headers. Every case runs on the processor and on WebGPU.
import { launch } from "./lib/browser.mjs";
import { enginePage, floats, model, nmse, serveEngine } from "./lib/page.mjs";
import { seeded } from "./lib/seeded.mjs";
import { assert, run, skip } from "./lib/report.mjs";

const STORIES = "stories260K";
const TINY = [
  "tiny-llama",
  "tiny-qwen2",
  "tiny-qwen3",
  "tiny-gemma3",
  "tiny-llama-Q4_0",
  "tiny-llama-Q4_1",
  "tiny-llama-Q5_0",
  "tiny-llama-Q5_1",
  "tiny-llama-Q8_0",
  "tiny-llama-Q2_K",
  "tiny-llama-Q3_K_M",
  "tiny-llama-Q4_K_M",
  "tiny-llama-Q5_K_M",
  "tiny-llama-Q6_K",
  "tiny-llama-IQ4_NL",
  "tiny-llama-IQ4_XS",
  "tiny-qwen2-Q4_K_M",
  "tiny-qwen3-Q4_K_M",
  "tiny-gemma3-Q4_K_M",
];
/** One per architecture and a few mixes: a software adapter takes half a minute to compile each. */
const TINY_GPU = new Set([
  "tiny-llama",
  "tiny-qwen2",
  "tiny-qwen3",
  "tiny-gemma3",
  "tiny-llama-Q4_0",
  "tiny-llama-Q4_K_M",
  "tiny-qwen2-Q4_K_M",
]);
/** The numbers of the project: exact weights, and (on the processor) 8-bit activations. */
const tolerance = (device, name) => {
  const quantized = /-I?Q/.test(name);
  if (device === "gpu") return quantized ? 1e-5 : 1e-6;
  return quantized ? 2e-3 : 3e-6;
};

const models = [STORIES, ...TINY].map(model).filter(Boolean);
const mounts = Object.fromEntries(models.map(({ name, file }) => [`/models/${name}`, file]));
const server = await serveEngine(mounts);
const browser = await launch();
const pages = {};

/** One page and engine per device; cases leave it as they found it, except for the model in use. */
async function pageFor(device) {
  if (!pages[device]) {
    const page = await enginePage(browser, server);
    await page.evaluate(async (device) => {
      globalThis.engine = await Engine.start({ device });
    }, device);
    pages[device] = page;
  }
  return pages[device];
}

function need(name) {
  const found = models.find((entry) => entry.name === `${name}.gguf`);
  return found ?? skip("no fixtures");
}

/** Loads over HTTP and runs `body` in the page with `model` and `argument`. */
async function withModel(device, name, body, argument, options = {}) {
  const { name: file } = need(name);
  const page = await pageFor(device);
  return page.evaluate(
    async ({ url, body, argument, options }) => {
      globalThis.model = await engine.load({ url }, options);
      return (0, eval)(`(${body})`)(argument);
    },
    {
      url: `/models/${file}`,
      body: String(body),
      argument,
      options: { kvType: "f32", ...options },
    },
  );
}

const cases = {};

for (const device of ["cpu", "gpu"]) {
  cases[`${device}: engine.info names the device`] = async () => {
    const page = await pageFor(device);
    const info = await page.evaluate(() => engine.info());
    assert.equal(info.device, device);
    assert.ok(info.adapter.length > 3, info.adapter);
    assert.equal(info.storage, "browser");
    assert.deepEqual(info.notices, []);
    if (device === "gpu") assert.ok(info.features.includes("subgroups"), String(info.features));
  };

  cases[`${device}: stories260K writes the expected tokens`] = async () => {
    for (const { prompt, tokens, greedy } of need(STORIES).expected.cases) {
      const got = await withModel(
        device,
        STORIES,
        async ({ prompt, n }) => {
          const ids = await model.tokenize(prompt);
          const out = await collect(model.generate({ prompt, temperature: 0, maxTokens: n }));
          return { ids, ...out };
        },
        { prompt, n: greedy.length },
      );
      assert.deepEqual(got.ids, tokens, `tokens of '${prompt}'`);
      assert.deepEqual(got.tokens, greedy, `answer to '${prompt}'`);
      assert.equal(got.last.done, true);
      assert.equal(got.last.reason, "length");
      assert.equal(got.last.timings.outputTokens, greedy.length);
      assert.equal(got.last.timings.promptTokens, tokens.length);
      assert.ok(got.text.length > 20, got.text);
    }
  };

  const tiny = device === "gpu" ? TINY.filter((name) => TINY_GPU.has(name)) : TINY;
  for (const name of [STORIES, ...tiny]) {
    cases[`${device}: logits of ${name}`] = async () => {
      for (const { tokens, last_logits_f32_base64 } of need(name).expected.cases) {
        const got = await withModel(
          device,
          name,
          async (ids) => [...(await model.logits(ids))],
          tokens,
        );
        const error = nmse(got, floats(last_logits_f32_base64));
        assert.ok(error <= tolerance(device, name), `NMSE ${error} over ${tokens.length} tokens`);
      }
    };
  }

  cases[`${device}: all logits end with the last ones`] = async () => {
    const { tokens } = need(STORIES).expected.cases[0];
    const { all, last, info } = await withModel(
      device,
      STORIES,
      async (ids) => ({
        all: [...(await model.logits(ids, { all: true }))],
        last: [...(await model.logits(ids))],
        info: model.info,
      }),
      tokens,
    );
    assert.equal(all.length, info.nVocab * tokens.length);
    assert.ok(nmse(all.slice(-info.nVocab), last) < 1e-9);
  };

  cases[`${device}: a seed gives the same text twice, another one does not`] = async () => {
    const texts = await withModel(device, STORIES, async () => {
      const one = async (seed) =>
        (await collect(model.generate({ prompt: "One day", temperature: 1, maxTokens: 40, seed })))
          .text;
      return [await one(7), await one(7), await one(8)];
    });
    assert.equal(texts[0], texts[1]);
    assert.notEqual(texts[0], texts[2]);
  };

  cases[`${device}: stop strings end the answer and are not shown`] = async () => {
    const { out, whole } = await withModel(device, STORIES, async () => {
      const settings = { prompt: "Once upon a time", temperature: 0, maxTokens: 40 };
      const { text: whole } = await collect(model.generate(settings));
      const out = await collect(model.generate({ ...settings, stop: [whole.slice(12, 18)] }));
      return { out, whole };
    });
    assert.equal(out.last.reason, "stop");
    assert.equal(out.text, whole.slice(0, 12));
  };

  cases[`${device}: a second turn reads only what is new`] = async () => {
    const timings = await withModel(device, STORIES, async () => {
      const turn = (messages) =>
        collect(model.generate({ messages, temperature: 0, maxTokens: 12 }));
      const first = await turn([{ role: "user", content: "Tell me about a dog." }]);
      const second = await turn([
        { role: "user", content: "Tell me about a dog." },
        { role: "assistant", content: first.text },
        { role: "user", content: "And a cat." },
      ]);
      return [first.last.timings, second.last.timings];
    });
    assert.ok(timings[1].cachedTokens > 5, JSON.stringify(timings));
  };

  cases[`${device}: an aborted answer ends before its end and says so`] = async () => {
    const { out, after } = await withModel(device, STORIES, async () => {
      const stop = new AbortController();
      let n = 0;
      const pieces = [];
      for await (const piece of model.generate({
        prompt: "Once",
        temperature: 0,
        ignoreEos: true,
        maxTokens: 400,
        signal: stop.signal,
      })) {
        pieces.push(piece);
        n += piece.tokens.length; // a chip may write several at once
        if (n >= 5) stop.abort();
      }
      const again = await collect(model.generate({ prompt: "Once", temperature: 0, maxTokens: 3 }));
      return { out: pieces.at(-1), after: again.tokens.length };
    });
    assert.equal(out.reason, "cancelled");
    // How many were on their way is the machine's to say; it is not all that were asked for.
    assert.ok(out.timings.outputTokens < 400, `${out.timings.outputTokens} tokens`);
    assert.equal(after, 3, "the model works after an abort");
  };

  cases[`${device}: leaving the loop stops the model`] = async () => {
    const tokens = await withModel(device, STORIES, async () => {
      for await (const piece of model.generate({ prompt: "Once", maxTokens: 500 })) {
        if (piece.text) break;
      }
      return (await collect(model.generate({ prompt: "Once", temperature: 0, maxTokens: 3 })))
        .tokens;
    });
    assert.equal(tokens.length, 3);
  };

  cases[`${device}: a prompt beyond the context is a sentence with numbers`] = async () => {
    const error = await withModel(
      device,
      STORIES,
      async () => failure(collect(model.generate({ prompt: "word ".repeat(900) }))),
      null,
      { contextLength: 128 },
    );
    assert.equal(error.code, "ctx.full");
    assert.match(error.message, /\b128\b/);
  };

  cases[`${device}: a small context ends the answer with the reason 'context'`] = async () => {
    const last = await withModel(
      device,
      STORIES,
      async () =>
        (await collect(model.generate({ prompt: "Once", temperature: 0.5, seed: 1 }))).last,
      null,
      { contextLength: 48, kvType: "f16" },
    );
    assert.ok(last.reason === "context" || last.reason === "stop", last.reason);
    assert.ok(last.timings.outputTokens <= 48);
  };

  cases[`${device}: q8_0 cache writes about the same`] = async () => {
    const { tokens } = need("tiny-llama").expected.cases[0];
    const base = floats(need("tiny-llama").expected.cases[0].last_logits_f32_base64);
    const got = await withModel(
      device,
      "tiny-llama",
      async (ids) => [...(await model.logits(ids))],
      tokens,
      { kvType: "q8_0" },
    );
    assert.ok(nmse(got, base) < 1e-2, `NMSE ${nmse(got, base)}`);
  };

  cases[`${device}: an unloaded model says so`] = async () => {
    const errors = await withModel(device, STORIES, async () => {
      await model.unload();
      return [
        await failure(model.tokenize("x")),
        await failure(collect(model.generate({ prompt: "x" }))),
      ];
    });
    for (const error of errors) assert.equal(error.code, "model.unloaded");
  };

  cases[`${device}: a model of our own making loads and writes`] = async () => {
    const file = seeded() ?? skip("the seeded models are not built");
    const page = await pageFor(device);
    const bytes = [...file.bytes];
    const out = await page.evaluate(
      async ({ bytes, name }) => {
        const model = await engine.load({ file: new File([new Uint8Array(bytes)], name) });
        const a = await collect(model.generate({ prompt: "hello", temperature: 0, maxTokens: 8 }));
        const b = await collect(model.generate({ prompt: "hello", temperature: 0, maxTokens: 8 }));
        return { a: a.tokens, b: b.tokens, info: model.info };
      },
      { bytes, name: file.name },
    );
    assert.deepEqual(out.a, out.b);
    assert.equal(out.info.device, device);
  };
}

cases["gpu: a lost device is a sentence, during a load and after it"] = async () => {
  const { name } = need(STORIES);
  const page = await enginePage(browser, server);
  const errors = await page.evaluate(async (url) => {
    const { openGraphics } = await import("/deep/er/lib/internal/features.js");
    const { nextTask } = await import("/deep/er/lib/internal/task.js");
    const glue = await import("/deep/er/lib/wasm/ingle.js");
    await glue.default({ module_or_path: "/deep/er/lib/wasm/ingle_bg.wasm" });
    const { name, subgroups } = await openGraphics();
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    const source = {
      getSize: () => bytes.length,
      read: (into, { at }) => {
        const part = bytes.subarray(at, at + into.length);
        into.set(part);
        return part.length;
      },
    };
    const open = () => glue.WasmEngine.open("gpu", name, "a browser", subgroups, nextTask);
    const load = (engine, onProgress) =>
      engine.load({ names: ["m.gguf"] }, [source], onProgress, new glue.CancelFlag());
    const early = await open();
    const during = await failure(load(early, () => early.loseDevice()));
    const late = await open();
    await load(late, () => {});
    late.loseDevice();
    const settings = { prompt: "Once", maxTokens: 5 };
    const after = await failure(late.generate(settings, () => {}, new glue.CancelFlag()));
    return { during, after };
  }, `/models/${name}`);
  for (const [when, error] of Object.entries(errors)) {
    assert.equal(error?.code, "gpu.lost", `${when}: ${JSON.stringify(error)}`);
    assert.match(error.message, /^The GPU went away.*load the model again\.$/s);
  }
  await page.close();
};

cases["both devices write the same for the seeded model"] = async () => {
  const file = seeded() ?? skip("the seeded models are not built");
  const tokens = [];
  for (const device of ["cpu", "gpu"]) {
    const page = await pageFor(device);
    tokens.push(
      await page.evaluate(
        async ({ bytes, name }) => {
          const model = await engine.load(
            { file: new File([new Uint8Array(bytes)], name) },
            { kvType: "f32" },
          );
          return [...(await model.logits([1, 2, 3]))];
        },
        { bytes: [...file.bytes], name: file.name },
      ),
    );
  }
  assert.ok(nmse(tokens[0], tokens[1]) < 2e-3, `NMSE ${nmse(tokens[0], tokens[1])}`);
};

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
