// The router in the page: OpenAI's calls of the package, `engine.fetch`, and several answers at
// once over one loaded model. What the scripted model says is written in `tests/src/script.rs`.
import path from "node:path";

import * as said from "../clients/js/lib/script.mjs";
import { launch } from "./lib/browser.mjs";
import { enginePage, serveEngine } from "./lib/page.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";

const folder = seededFolder();
const server = await serveEngine({ "/models/": folder ?? "" });
const browser = await launch();
const messages = [{ role: "user", content: "How is the weather?" }];
let page;

/** Runs `body` in the page with `engine`, the model loaded, and an argument. */
async function inPage(file, body, argument, options = {}) {
  if (!folder) skip("the seeded models are not built");
  if (!page) {
    page = await enginePage(browser, server);
    await page.evaluate(async () => {
      globalThis.engine = await Engine.start({ device: "cpu" });
      globalThis.all = async (items) => {
        const out = [];
        for await (const item of items) out.push(item);
        return out;
      };
    });
  }
  return page.evaluate(
    async ({ url, body, argument, options }) => {
      const key = JSON.stringify({ url, options });
      if (globalThis.key !== key) globalThis.model = await engine.load({ url }, options);
      globalThis.key = key;
      return (0, eval)(`(${body})`)(argument);
    },
    { url: `/models/${file}`, body: String(body), argument, options },
  );
}

const scripted = (body, argument) => inPage(said.FILE, body, argument);
const noise = (body, argument, options) => inPage(said.NOISE_FILE, body, argument, options);
/** The same with so much room that an answer without an end does not fill it meanwhile. */
const roomy = (body) => noise(body, null, { contextLength: 8192 });
const cases = {};

cases["chat: whole, and streamed with usage"] = async () => {
  const got = await scripted(async (messages) => {
    const about = { model: "scripted", messages };
    const whole = await engine.chat.completions.create(about);
    const stream_options = { include_usage: true };
    const asked = { ...about, stream: true, stream_options };
    return { whole, chunks: await all(await engine.chat.completions.create(asked)) };
  }, messages);
  const [choice] = got.whole.choices;
  assert.deepEqual([choice.message.content, choice.finish_reason], [said.SAID, "stop"]);
  assert.equal(got.whole.usage.completion_tokens, said.PIECES.length);
  const text = got.chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  assert.equal(text, said.SAID);
  assert.equal(got.chunks.at(-1).usage.completion_tokens, said.PIECES.length);
};

cases["chat: tools are called, also when one must be"] = async () => {
  const got = await scripted(
    async ({ messages, tools }) => {
      const create = (more) =>
        engine.chat.completions.create({ model: "scripted", messages, tools, ...more });
      const free = await create();
      const tool_choice = { type: "function", function: { name: "weather" } };
      const held = await create({ tool_choice });
      const stream = await create({ stream: true });
      return { free: free.choices[0], held: held.choices[0], chunks: await all(stream) };
    },
    { messages, tools: [said.WEATHER] },
  );
  const calls = ({ message }) =>
    message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  assert.deepEqual(calls(got.free), said.CALLED);
  assert.equal(got.free.finish_reason, "tool_calls");
  assert.equal(calls(got.held)[0][0], "weather");
  const deltas = got.chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
  assert.equal(deltas[0].function.name, "weather");
};

cases["chat: response_format of JSON and of a schema"] = async () => {
  const json_schema = { name: "answer", strict: true, schema: said.ANSWER_SCHEMA };
  for (const ask of [scripted, noise]) {
    const got = await ask(
      async ({ messages, response_format }) => {
        const model = globalThis.model.info.name;
        const about = { model, messages, response_format, temperature: 0 };
        return (await engine.chat.completions.create(about)).choices[0].message.content;
      },
      { messages, response_format: { type: "json_schema", json_schema } },
    );
    said.checkAnswer(got);
  }
  const refused = await noise(async (messages) => {
    const json_schema = { name: "x", schema: { type: "nonsense" } };
    const response_format = { type: "json_schema", json_schema };
    const about = { model: "llama-tied", messages, response_format };
    return failure(engine.chat.completions.create(about));
  }, messages);
  assert.equal(refused.code, "api.400", refused.message);
};

cases["chat: log-probabilities"] = async () => {
  const content = await noise(async (messages) => {
    const about = { model: "llama-tied", messages, max_tokens: 3, temperature: 0 };
    const whole = await engine.chat.completions.create({
      ...about,
      logprobs: true,
      top_logprobs: 4,
    });
    return whole.choices[0].logprobs.content;
  }, messages);
  assert.equal(content.length, 3);
  for (const token of content) {
    assert.equal(token.top_logprobs.length, 4);
    assert.equal(token.logprob, Math.max(...token.top_logprobs.map((top) => top.logprob)));
  }
};

cases["completions and embeddings"] = async () => {
  const text = await scripted(async () => {
    const whole = await engine.completions.create({ model: "scripted", prompt: "<|say|>" });
    const stream = await engine.completions.create({
      model: "scripted",
      prompt: "<|say|>",
      stream: true,
    });
    const pieces = (await all(stream)).map((chunk) => chunk.choices[0]?.text ?? "");
    return [whole.choices[0].text, pieces.join("")];
  });
  assert.deepEqual(text, [said.SAID, said.SAID]);
  const { data, usage } = await noise(() =>
    engine.embeddings.create({ model: "llama-tied", input: ["red door", "small garden"] }),
  );
  assert.equal(data.length, 2);
  assert.ok(usage.prompt_tokens > 2);
  for (const { embedding } of data) assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-5);
};

cases["errors are statuses, and sentences"] = async () => {
  const got = await scripted(
    async (messages) => ({
      missing: await failure(engine.chat.completions.create({ model: "none", messages })),
      wrong: await failure(engine.chat.completions.create({ model: "scripted", messages: 1 })),
      path: (await engine.fetch("/v1/nothing")).status,
      method: (await engine.fetch("/api/chat")).status,
      early: await failure(
        engine.chat.completions.create(
          { model: "scripted", messages },
          { signal: AbortSignal.abort() },
        ),
      ),
    }),
    messages,
  );
  assert.equal(got.missing.code, "api.404");
  assert.match(got.missing.message, /none/);
  assert.equal(got.wrong.code, "api.400");
  assert.deepEqual([got.path, got.method], [404, 405]);
  assert.equal(got.early.code, "aborted");
};

cases["fetch: Ollama's API with what is loaded"] = async () => {
  const got = await scripted(async (messages) => {
    const json = async (path, body) => {
      const init = body && {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      return (await engine.fetch(path, init)).json();
    };
    const response = await engine.fetch("/api/chat", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "scripted", messages }),
    });
    return {
      version: await json("/api/version"),
      tags: await json("/api/tags"),
      shown: await json("/api/show", { model: "scripted" }),
      type: response.headers.get("content-type"),
      lines: (await response.text())
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
      ps: await json("/api/ps"),
    };
  }, messages);
  assert.match(got.version.version, /^\d+\.\d+\.\d+$/);
  const names = got.tags.models.map(({ name }) => name);
  assert.ok(names.includes("scripted:latest"), String(names));
  assert.equal(got.shown.model_info["general.architecture"], "llama");
  assert.ok(got.shown.capabilities.includes("tools"), String(got.shown.capabilities));
  assert.equal(got.type, "application/x-ndjson");
  assert.equal(got.lines.map(({ message }) => message.content).join(""), said.SAID);
  assert.deepEqual([got.lines.at(-1).done, got.lines.at(-1).done_reason], [true, "stop"]);
  assert.equal(got.ps.models.length, 1);
};

cases["a stored model is loaded when it is asked for, and is there after a reload"] = async () => {
  await scripted(() => null);
  await noise(() => null);
  const asked = await page.evaluate(async (messages) => {
    const { choices } = await engine.chat.completions.create({ model: "scripted", messages });
    globalThis.key = ""; // the page's own handle is of the other model
    return [choices[0].message.content, await failure(globalThis.model.tokenize("x"))];
  }, messages);
  assert.deepEqual([asked[0], asked[1].code], [said.SAID, "model.unloaded"]);
  const again = await enginePage(browser, server);
  const got = await again.evaluate(async (messages) => {
    const engine = await Engine.start({ device: "cpu" });
    const { choices } = await engine.chat.completions.create({ model: "scripted", messages });
    const ps = await (await engine.fetch("/api/ps")).json();
    await engine.stop();
    return [choices[0].message.content, ps.models.map(({ name }) => name)];
  }, messages);
  await again.close();
  assert.deepEqual(got, [said.SAID, ["scripted:latest"]]);
};

cases["two answers are written at once, and equal those written alone"] = async () => {
  const got = await noise(async () => {
    const ask = (prompt) => {
      const first = performance.now();
      const options = { prompt, maxTokens: 60, temperature: 0, ignoreEos: true };
      return (async () => {
        const out = { tokens: [], at: [] };
        for await (const piece of model.generate(options)) {
          out.tokens.push(...piece.tokens);
          out.at.push(performance.now() - first);
        }
        return out;
      })();
    };
    const prompts = ["The house at the end", "A red door"];
    const alone = [await ask(prompts[0]), await ask(prompts[1])];
    return { alone, together: await Promise.all(prompts.map(ask)) };
  });
  for (const i of [0, 1]) assert.deepEqual(got.together[i].tokens, got.alone[i].tokens);
  // Each began before the other ended.
  const [a, b] = got.together.map(({ at }) => [at[0], at.at(-1)]);
  assert.ok(a[0] < b[1] && b[0] < a[1], JSON.stringify([a, b]));
};

cases["a third answer waits, an endless one is cancelled, calls go on beside"] = async () => {
  const got = await roomy(async () => {
    const forever = { prompt: "The", ignoreEos: true, temperature: 1 };
    const stops = [new AbortController(), new AbortController()];
    const running = stops.map(({ signal }) => collect(model.generate({ ...forever, signal })));
    const third = collect(model.generate({ prompt: "A", maxTokens: 3, ignoreEos: true }));
    const ids = await model.tokenize("beside");
    const info = await engine.info();
    stops[0].abort();
    const short = await third;
    stops[1].abort();
    const ended = await Promise.all(running);
    return {
      ids: ids.length,
      device: info.device,
      short: short.tokens.length,
      reasons: ended.map(({ last }) => last.reason),
    };
  });
  assert.ok(got.ids > 0);
  assert.equal(got.device, "cpu");
  assert.equal(got.short, 3);
  assert.deepEqual(got.reasons, ["cancelled", "cancelled"]);
};

cases["streams end by controller, signal, break, and the body's cancel"] = async () => {
  const got = await noise(async () => {
    const endless = { max_tokens: 100000, temperature: 0 };
    const body = { model: "llama-tied", prompt: "The", stream: true, ...endless };
    const counts = [];
    const byController = await engine.completions.create(body);
    let n = 0;
    for await (const _ of byController) if (++n === 3) byController.controller.abort();
    counts.push(n);
    const stop = new AbortController();
    n = 0;
    for await (const _ of await engine.completions.create(body, { signal: stop.signal })) {
      if (++n === 3) stop.abort();
    }
    counts.push(n);
    n = 0;
    for await (const _ of await engine.completions.create(body)) if (++n === 3) break;
    counts.push(n);
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    };
    const reader = (await engine.fetch("/v1/completions", init)).body.getReader();
    await reader.read();
    await reader.cancel();
    // Both slots are free again when two short answers can be written.
    const short = { model: "llama-tied", prompt: "A", max_tokens: 2, temperature: 0 };
    const ask = () => engine.completions.create(short);
    const after = await Promise.all([ask(), ask(), ask()]);
    return { counts, after: after.map(({ usage }) => usage.completion_tokens) };
  });
  for (const n of got.counts) assert.equal(n, 3, String(got.counts));
  assert.deepEqual(got.after, [2, 2, 2]);
};

cases["bench waits for an answer, and answers wait for it"] = async () => {
  const got = await noise(async () => {
    const order = [];
    const note = (name) => (value) => (order.push(name), value);
    const before = collect(model.generate({ prompt: "The", maxTokens: 20, ignoreEos: true })).then(
      note("before"),
    );
    const settings = { tests: [{ prompt: 16 }], runs: 1, warmUps: 0, peaks: false };
    const bench = engine.bench(settings).then(note("bench"));
    const after = collect(model.generate({ prompt: "A", maxTokens: 2, ignoreEos: true })).then(
      note("after"),
    );
    const [, rows] = await Promise.all([before, bench, after]);
    return { order, outcome: rows[0].outcome };
  });
  assert.deepEqual(got.order, ["before", "bench", "after"]);
  assert.equal(got.outcome, "done");
};

cases["a model that another replaced says so"] = async () => {
  const got = await roomy(async () => {
    const old = globalThis.model;
    // More than can be written before the other model is there.
    const ask = () => failure(collect(old.generate({ prompt: "The", ignoreEos: true })));
    const running = Promise.all(Array.from({ length: 100 }, ask)).then((all) => all.at(-1));
    globalThis.model = await engine.load({ url: "/models/scripted.gguf" });
    globalThis.key = "";
    return { running: await running, later: await failure(old.tokenize("x")) };
  });
  assert.equal(got.running.code, "model.unloaded", got.running.message);
  assert.equal(got.later.code, "model.unloaded");
};

cases["a model's own template, system prompt, messages and parameters count in the page"] =
  async () => {
    const got = await noise(async (messages) => {
      const post = async (path, body) => {
        const asked = { method: "POST", body: JSON.stringify({ stream: false, ...body }) };
        const answer = await (await engine.fetch(path, asked)).json();
        if (answer.error) throw new Error(answer.error);
        return answer;
      };
      const [{ name: from }] = await engine.models.list();
      const make = (more) => post("/api/create", { model: "mine", from, ...more });
      await make({
        template: "{{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ end }}=",
        system: "Be brief.",
        messages: [{ role: "user", content: "One?" }, { role: "assistant", content: "Two." }],
        parameters: { temperature: 0, num_predict: 6 },
      });
      const mine = await engine.load({ name: "mine" });
      const write = async (more = {}) => {
        const pieces = await all(mine.generate({ messages, ...more }));
        return [pieces.map(({ text }) => text).join(""), pieces.flatMap(({ tokens }) => tokens)];
      };
      const talk = async (more = {}) =>
        (await post("/api/chat", { model: "mine", messages, ...more })).message.content;
      const told = [{ role: "system", content: "Be long." }, ...messages];
      const template = "Q: {{ .Prompt }} A:";
      const out = {
        own: [await write(), await talk()],
        told: [await write({ messages: told }), await talk({ messages: told })],
        longer: await write({ maxTokens: 9 }),
        given: [
          await write({ template }),
          await post("/api/generate", { model: "mine", prompt: messages[0].content, template }),
        ],
        hasTemplate: mine.info.hasTemplate,
        temperature: mine.info.temperature,
        parameters: (await engine.models.show("mine")).parameters,
      };
      const { Thoughts } = await import("/deep/er/lib/public/index.js");
      const think = async (template) => {
        const [parts, told] = [new Thoughts(), []];
        const out = { text: "", thought: "" };
        for await (const piece of mine.generate({ messages, template })) {
          told.push(...(piece.thinking ? [piece.thinking] : []));
          const { text, thought } = parts.take(piece);
          out.text += text;
          out.thought += thought;
        }
        return { ...out, told };
      };
      out.begun = await think("{% for m in messages %}{{ m.content }}{% endfor %}[THINK]\n");
      out.free = await think("{% if 0 %}<think>{% endif %}{{ messages[0].content }}");
      await make({ template });
      out.made = await write({ messages: [{ role: "system", content: "" }, ...messages] });
      out.broken = await mine.generate({ messages, template: "{{ .Prompt" }).next().then(
        () => null,
        ({ code, message }) => ({ code, message }),
      );
      await engine.models.rm("mine");
      globalThis.key = null; // another model was loaded meanwhile
      return out;
    }, messages);
    const { own, told, longer, given } = got;
    assert.equal(own[0][0], own[1], "as the router writes it");
    assert.equal(own[0][1].length, 6, "num_predict");
    assert.equal(told[0][0], told[1]);
    assert.notEqual(told[0][0], own[0][0], "the system prompt is the chat's");
    assert.deepEqual(longer[1].slice(0, 6), own[0][1]);
    assert.equal(longer[1].length, 9);
    assert.equal(given[0][0], given[1].response);
    assert.notEqual(given[0][0], own[0][0]);
    const [begun] = got.begun.told;
    assert.deepEqual(begun, { open: "[THINK]", close: "[/THINK]", begun: true });
    assert.ok(got.begun.thought.length > 0 && got.begun.text === "", "it begins inside");
    assert.deepEqual(got.free.told, [{ open: "<think>", close: "</think>", begun: false }]);
    assert.ok(got.free.text.length > 0 && got.free.thought === "");
    assert.equal(got.hasTemplate, true);
    assert.equal(got.temperature, 0);
    assert.deepEqual(got.parameters, { temperature: 0, num_predict: 6 });
    assert.notDeepEqual(got.made, own[0], "a new template counts without a load");
    assert.equal(got.broken.code, "model.template");
    assert.match(got.broken.message, /^\S.{15,}[.!?]$/s);
  };

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
