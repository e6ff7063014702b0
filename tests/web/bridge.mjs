// The service worker's bridge: the official `openai` and `ollama/browser` clients, unmodified,
// against the page's own origin, where no server answers.
import path from "node:path";

import * as said from "../clients/js/lib/script.mjs";
import { launch } from "./lib/browser.mjs";
import { bundled, script } from "./lib/clients.mjs";
import { enginePage, serveEngine } from "./lib/page.mjs";
import { engineDist } from "./lib/paths.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";

const folder = seededFolder();
const clients = await bundled(
  'export { default as OpenAI } from "openai"; export { Ollama } from "ollama/browser";',
);
const server = await serveEngine({
  "/models/": folder ?? "",
  "/clients.js": script(clients),
  "/ingle-sw.js": path.join(engineDist, "bridge/worker.js"),
});
const browser = await launch();
const messages = [{ role: "user", content: "How is the weather?" }];
let page;

/** A page with the two clients, whose addresses are its own origin. */
async function clientPage() {
  const opened = await enginePage(browser, server);
  await opened.evaluate(async () => {
    const { OpenAI, Ollama } = await import("/clients.js");
    const baseURL = `${location.origin}/v1`;
    globalThis.openai = new OpenAI({
      baseURL,
      apiKey: "none",
      maxRetries: 0,
      dangerouslyAllowBrowser: true,
    });
    globalThis.ollama = new Ollama({ host: location.origin });
    globalThis.all = async (items) => {
      const out = [];
      for await (const item of items) out.push(item);
      return out;
    };
  });
  return opened;
}

/** The page with the engine and the bridge. */
async function host() {
  if (!folder) skip("the seeded models are not built");
  if (page) return page;
  page = await clientPage();
  await page.evaluate(async () => {
    const { bridge } = await import("/deep/er/lib/bridge/index.js");
    globalThis.engine = await Engine.start({ device: "cpu" });
    globalThis.bridge = await bridge(engine);
  });
  return page;
}

/** Runs `body` in the page, with this file loaded, and an argument. */
async function inPage(file, body, argument) {
  const page = await host();
  return page.evaluate(
    async ({ url, body, argument }) => {
      if (globalThis.loaded !== url) await engine.load({ url });
      globalThis.loaded = url;
      return (0, eval)(`(${body})`)(argument);
    },
    { url: `/models/${file}`, body: String(body), argument },
  );
}

const scripted = (body, argument) => inPage(said.FILE, body, argument);
const noise = (body, argument) => inPage(said.NOISE_FILE, body, argument);
const cases = {};

cases["without a page that has an engine, both clients say so"] = async () => {
  if (!folder) skip("the seeded models are not built");
  const lonely = await clientPage();
  const got = await lonely.evaluate(async () => {
    const { bridge } = await import("/deep/er/lib/bridge/index.js");
    await (await bridge({ fetch: () => Promise.reject(new Error("never asked")) })).stop();
    const error = ({ status, status_code, message }) => [status ?? status_code, message];
    const failed = (promise) => promise.then(() => null, error);
    return {
      openai: await failed(openai.models.list()),
      ollama: await failed(ollama.list()),
      json: await (await fetch("/api/tags")).json(),
    };
  });
  assert.equal(got.openai[0], 503);
  assert.match(got.openai[1], /No page with an engine is open/);
  assert.equal(got.ollama[0], 503);
  assert.match(got.ollama[1], /No page with an engine is open/);
  assert.match(got.json.error, /Open one/);
  await lonely.close();
};

cases["openai: chat, stream, tools, schema, models"] = async () => {
  const json_schema = { name: "answer", strict: true, schema: said.ANSWER_SCHEMA };
  const got = await scripted(
    async ({ messages, tools, response_format }) => {
      const chat = openai.chat.completions;
      const about = { model: "scripted", messages };
      const streamed = await all(await chat.create({ ...about, stream: true }));
      const runner = chat.stream({ ...about, tools });
      return {
        whole: (await chat.create(about)).choices[0],
        text: streamed.map(({ choices }) => choices[0]?.delta.content ?? "").join(""),
        pieces: streamed.length,
        called: (await chat.create({ ...about, tools })).choices[0],
        streamedCall: await runner.finalMessage(),
        schema: (await chat.create({ ...about, response_format })).choices[0].message.content,
        models: (await all(openai.models.list())).map(({ id }) => id),
        missing: await openai.models.retrieve("none").catch(({ status }) => status),
      };
    },
    { messages, tools: [said.WEATHER], response_format: { type: "json_schema", json_schema } },
  );
  assert.equal(got.whole.message.content, said.SAID);
  assert.equal(got.text, said.SAID);
  assert.ok(got.pieces > 3, `${got.pieces} pieces`);
  for (const { tool_calls: calls } of [got.called.message, got.streamedCall]) {
    const plain = calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
    assert.deepEqual(plain, said.CALLED);
  }
  said.checkAnswer(got.schema);
  assert.deepEqual(got.models, ["scripted:latest"]);
  assert.equal(got.missing, 404);
};

cases["ollama: chat, stream, tools, schema, list, show, embed"] = async () => {
  const got = await scripted(
    async ({ messages, tools, format }) => {
      const about = { model: "scripted", messages };
      const greedy = { ...about, options: { temperature: 0 } };
      return {
        whole: await ollama.chat(about),
        parts: await all(await ollama.chat({ ...about, stream: true })),
        called: await ollama.chat({ ...about, tools }),
        schema: (await ollama.chat({ ...greedy, format })).message.content,
        list: await ollama.list(),
        shown: await ollama.show({ model: "scripted" }),
        generated: await ollama.generate({ model: "scripted", prompt: "Hello" }),
      };
    },
    { messages, tools: [said.WEATHER], format: said.ANSWER_SCHEMA },
  );
  assert.equal(got.whole.message.content, said.SAID);
  assert.equal(got.parts.map(({ message }) => message.content).join(""), said.SAID);
  assert.equal(got.parts.at(-1).done, true);
  const [call] = got.called.message.tool_calls;
  assert.deepEqual([[call.function.name, call.function.arguments]], said.CALLED);
  said.checkAnswer(got.schema);
  assert.deepEqual(
    got.list.models.map(({ name }) => name),
    ["scripted:latest"],
  );
  assert.equal(got.shown.details.family, "llama");
  assert.equal(got.generated.response, said.SAID);
  const vectors = await noise(async () =>
    (await ollama.embed({ model: "llama-tied", input: ["a", "b"] })).embeddings.map((vector) =>
      Math.hypot(...vector),
    ),
  );
  for (const length of vectors) assert.ok(Math.abs(length - 1) < 1e-5);
};

cases["ollama: a model is pulled, listed, asked, copied and deleted"] = async () => {
  const page = await host();
  const got = await page.evaluate(async () => {
    const address = `${location.origin}/models/llama-F16.gguf`;
    const lines = await all(await ollama.pull({ model: address, insecure: true, stream: true }));
    const names = async () => (await ollama.list()).models.map(({ name }) => name);
    const name = (await names()).find((name) => /llama-f16/i.test(name));
    const options = { num_predict: 3, temperature: 0 };
    const { eval_count } = await ollama.generate({ model: name, prompt: "The", options });
    await ollama.copy({ source: name, destination: "second" });
    await ollama.delete({ model: name });
    const left = await names();
    await ollama.delete({ model: "second" });
    return { lines, name, eval_count, left, end: await names() };
  });
  assert.equal(got.lines.at(-1).status, "success");
  assert.ok(
    got.lines.some(({ completed, total }) => total > 0 && completed === total),
    JSON.stringify(got.lines),
  );
  assert.equal(got.eval_count, 3);
  assert.ok(got.left.includes("second:latest") && !got.left.includes(got.name), String(got.left));
  assert.ok(!got.end.includes("second:latest"));
};

cases["both clients can end an answer, and the model is free again"] = async () => {
  const got = await noise(async () => {
    const endless = { model: "llama-tied", prompt: "The", stream: true };
    const stream = await openai.completions.create({
      ...endless,
      temperature: 0,
      max_tokens: 100000,
    });
    let n = 0;
    for await (const _ of stream) if (++n === 3) stream.controller.abort();
    const counts = [n];
    n = 0;
    const unending = { num_predict: 100000, temperature: 0 };
    const parts = await ollama.generate({ ...endless, options: unending });
    try {
      for await (const _ of parts) if (++n === 3) parts.abort();
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
    counts.push(n);
    const short = () =>
      ollama.generate({
        model: "llama-tied",
        prompt: "A",
        options: { num_predict: 2, temperature: 0 },
      });
    const after = await Promise.all([short(), short(), short()]);
    return { counts, after: after.map(({ eval_count }) => eval_count) };
  });
  for (const n of got.counts) assert.ok(n >= 3 && n < 200, String(got.counts));
  assert.deepEqual(got.after, [2, 2, 2]);
};

cases["a page without an engine is answered by the one that has it, until that is closed"] =
  async () => {
    await scripted(() => null);
    const guest = await clientPage();
    const ask = async (messages) => {
      try {
        const chat = openai.chat.completions;
        return (await chat.create({ model: "scripted", messages })).choices[0].message.content;
      } catch ({ status }) {
        return status;
      }
    };
    assert.equal(await guest.evaluate(ask, messages), said.SAID);
    await page.close();
    page = null;
    assert.equal(await guest.evaluate(ask, messages), 503);
    await guest.close();
  };

cases["an answer breaks off with a sentence when its page goes, and is cancelled by its reader"] =
  async () => {
    const [endless, guest] = [await clientPage(), await clientPage()];
    await endless.evaluate(async () => {
      const { bridge } = await import("/deep/er/lib/bridge/index.js");
      globalThis.cancelled = 0;
      const fetch = async (path, { signal }) => {
        signal.addEventListener("abort", () => (globalThis.cancelled += 1));
        const chunk = new TextEncoder().encode(`${path}\n`);
        const pull = async (sink) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          sink.enqueue(chunk.slice());
        };
        return new Response(new ReadableStream({ pull }));
      };
      await bridge({ fetch });
    });
    const first = await guest.evaluate(async () => {
      const stop = new AbortController();
      const reader = (await fetch("/api/first", { signal: stop.signal })).body.getReader();
      const { value } = await reader.read();
      stop.abort();
      globalThis.reader = (await fetch("/api/second")).body.getReader();
      await globalThis.reader.read();
      return new TextDecoder().decode(value);
    });
    assert.match(first, /^\/api\/first/);
    await endless.waitForFunction(() => globalThis.cancelled === 1);
    await endless.close();
    const end = await guest.evaluate(async () => {
      for (;;) {
        const part = await globalThis.reader.read().catch((error) => ({ error: String(error) }));
        if (part.error || part.done) return part.error ?? "ended";
      }
    });
    assert.match(end, /Error/);
    await guest.close();
  };

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
