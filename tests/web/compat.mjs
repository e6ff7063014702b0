// The documented example flows of @wllama/wllama (version 3) and @mlc-ai/web-llm, with the import
// changed to this package's adapter and a GGUF file as the model.
import * as said from "../clients/js/lib/script.mjs";
import { launch } from "./lib/browser.mjs";
import { enginePage, serveEngine } from "./lib/page.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";

const folder = seededFolder();
const server = await serveEngine({ "/models/": folder ?? "" });
const browser = await launch();
const messages = [{ role: "user", content: "How is the weather?" }];
const cases = {};

/** Runs `body` in a page of its own, with the adapter's module and an argument. */
async function withModule(name, body, argument) {
  if (!folder) skip("the seeded models are not built");
  const page = await enginePage(browser, server);
  try {
    return await page.evaluate(
      async ({ name, body, argument }) => {
        const module = await import(`/deep/er/lib/compat/${name}.js`);
        globalThis.all = async (items) => {
          const out = [];
          for await (const item of items) out.push(item);
          return out;
        };
        return (0, eval)(`(${body})`)(module, argument);
      },
      { name, body: String(body), argument },
    );
  } finally {
    await page.close();
  }
}

cases["wllama: load by address, chat, stream, callbacks, tools, exit"] = async () => {
  const got = await withModule(
    "wllama",
    async ({ Wllama, LoggerWithoutDebug, WllamaError }, { messages, tools }) => {
      const paths = { default: "./esm/wasm/wllama.wasm" };
      const wllama = new Wllama(paths, { logger: LoggerWithoutDebug, parallelDownloads: 5 });
      const early = await failure(wllama.createChatCompletion({ messages }));
      const progress = [];
      const progressCallback = ({ loaded, total }) => progress.push(Math.round(loaded / total));
      const url = `${location.origin}/models/scripted.gguf`;
      await wllama.loadModelFromUrl(url, { progressCallback, n_ctx: 256, n_gpu_layers: 0 });
      const sampling = { max_tokens: 50, temperature: 0.5, top_k: 40, top_p: 0.9 };
      const whole = await wllama.createChatCompletion({ messages, ...sampling });
      const chunks = await all(
        await wllama.createChatCompletion({ messages, ...sampling, stream: true }),
      );
      const data = [];
      const onData = (chunk) => data.push(chunk.choices[0]?.delta.content ?? "");
      await wllama.createChatCompletion({ messages, stream: true, onData });
      const raw = await wllama.createCompletion({ prompt: "<|say|>", max_tokens: 50 });
      const called = await wllama.createChatCompletion({ messages, tools });
      const abortSignal = AbortSignal.abort();
      const aborted = await failure(wllama.createChatCompletion({ messages, abortSignal }));
      const info = wllama.getLoadedContextInfo();
      await wllama.exit();
      return {
        early: [early.name, early instanceof WllamaError],
        progress: progress.at(-1),
        whole: whole.choices[0].message.content,
        streamed: chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""),
        data: data.join(""),
        raw: raw.choices[0].text,
        call: called.choices[0].message.tool_calls[0].function,
        aborted: aborted.name,
        n_ctx: info.n_ctx,
        loaded: wllama.isModelLoaded(),
      };
    },
    { messages, tools: [said.WEATHER] },
  );
  assert.equal(got.early[0], "WllamaError");
  assert.equal(got.progress, 1);
  for (const text of [got.whole, got.streamed, got.data, got.raw]) assert.equal(text, said.SAID);
  assert.deepEqual([[got.call.name, JSON.parse(got.call.arguments)]], said.CALLED);
  assert.deepEqual([got.aborted, got.n_ctx, got.loaded], ["AbortError", 256, false]);
};

cases["wllama: files that were chosen, and vectors"] = async () => {
  const got = await withModule("wllama", async ({ Wllama }) => {
    const blob = await (await fetch("/models/llama-tied.gguf")).blob();
    const wllama = new Wllama({});
    await wllama.loadModel([blob], { n_gpu_layers: 0, embeddings: true });
    const { data } = await wllama.createEmbedding({ input: ["red door", "small garden"] });
    return data.map(({ embedding }) => Math.hypot(...embedding));
  });
  assert.equal(got.length, 2);
  for (const length of got) assert.ok(Math.abs(length - 1) < 1e-5);
};

cases["wllama: a file on Hugging Face"] = async () => {
  const asked = [];
  await browser.context.route("https://huggingface.co/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    asked.push(pathname);
    const file = pathname.split("/").pop();
    const response = await route.fetch({ url: `${server.origin}/models/${file}` });
    const headers = { ...response.headers(), "access-control-allow-origin": "*" };
    await route.fulfill({ response, headers });
  });
  const got = await withModule(
    "wllama",
    async ({ Wllama }, messages) => {
      const wllama = new Wllama({});
      const file = { repo: "ggml-org/models", file: "tinyllamas/scripted.gguf" };
      await wllama.loadModelFromHF(file, { n_gpu_layers: 0 });
      return (await wllama.createChatCompletion({ messages })).choices[0].message.content;
    },
    messages,
  );
  assert.equal(got, said.SAID);
  assert.ok(asked[0].startsWith("/ggml-org/models/resolve/main/tinyllamas/"), String(asked));
};

cases["web-llm: create, chat, stream with usage, JSON, tools, interrupt, reload"] = async () => {
  const got = await withModule(
    "web-llm",
    async ({ CreateMLCEngine }, { messages, tools, schema }) => {
      const reports = [];
      const initProgressCallback = (report) => reports.push(report);
      const entry = (file) => ({
        model: `/models/${file}.gguf`,
        model_id: `${file}-MLC`,
        model_lib: "https://models.example/lib.wasm",
      });
      const appConfig = { model_list: [entry("scripted"), entry("llama-tied")] };
      const engine = await CreateMLCEngine("scripted-MLC", { initProgressCallback, appConfig });
      const whole = await engine.chat.completions.create({ messages });
      const chunks = await all(
        await engine.chat.completions.create({
          messages,
          temperature: 1,
          stream: true,
          stream_options: { include_usage: true },
        }),
      );
      const message = await engine.getMessage();
      const called = await engine.chat.completions.create({ messages, tools });
      const response_format = {
        type: "json_schema",
        json_schema: { name: "answer", schema },
      };
      const json = await engine.chatCompletion({ messages, response_format });
      await engine.reload("llama-tied-MLC", { context_window_size: 512 });
      let n = 0;
      const endless = { prompt: "The", max_tokens: 100000, temperature: 0, stream: true };
      for await (const _ of await engine.completions.create(endless)) {
        if (++n === 3) engine.interruptGenerate();
      }
      const { data } = await engine.embeddings.create({ input: "red door" });
      const missing = await failure(engine.reload("Llama-3.1-8B-Instruct-q4f32_1-MLC"));
      await engine.unload();
      return {
        reports: reports.map(({ progress }) => progress),
        text: reports.at(-1).text,
        whole: whole.choices[0].message.content,
        usage: whole.usage.completion_tokens,
        streamed: chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""),
        last: chunks.at(-1).usage.completion_tokens,
        message,
        call: called.choices[0].message.tool_calls[0].function,
        json: json.choices[0].message.content,
        n,
        length: Math.hypot(...data[0].embedding),
        missing: missing.code,
      };
    },
    { messages, tools: [said.WEATHER], schema: said.ANSWER_SCHEMA },
  );
  assert.ok(got.reports.length > 1 && got.reports.at(-1) === 1, String(got.reports));
  assert.match(got.text, /^Finish loading/);
  for (const text of [got.whole, got.streamed, got.message]) assert.equal(text, said.SAID);
  assert.deepEqual([got.usage, got.last], [said.PIECES.length, said.PIECES.length]);
  assert.deepEqual([[got.call.name, JSON.parse(got.call.arguments)]], said.CALLED);
  said.checkAnswer(got.json);
  assert.ok(got.n >= 3 && got.n < 200, `${got.n} pieces`);
  assert.ok(Math.abs(got.length - 1) < 1e-5);
  assert.equal(got.missing, "model.missing");
};

cases["web-llm: in a worker of the page's, and compiled models are refused"] = async () => {
  const got = await withModule(
    "web-llm",
    async ({ CreateWebWorkerMLCEngine, MLCEngine }, messages) => {
      const code = "self.onmessage = () => undefined;";
      const worker = new Worker(URL.createObjectURL(new Blob([code])), { type: "module" });
      const engine = await CreateWebWorkerMLCEngine(worker, "/models/scripted.gguf");
      const reply = await engine.chat.completions.create({ messages });
      const record = {
        model: "https://huggingface.co/mlc-ai/x",
        model_id: "x",
        model_lib: "https://models.example/x.wasm",
      };
      engine.setAppConfig({ model_list: [record] });
      const refused = await failure(engine.reload("x"));
      const early = new MLCEngine();
      const unloaded = await failure(early.chat.completions.create({ messages }));
      await engine.unload();
      return [reply.choices[0].message.content, refused.code, unloaded.code];
    },
    messages,
  );
  assert.deepEqual(got, [said.SAID, "model.unsupported", "model.unloaded"]);
};

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
