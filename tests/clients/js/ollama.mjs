// Ollama's JavaScript client, unmodified, against a real server.
import { Ollama } from "ollama";
import { Ollama as BrowserOllama } from "ollama/browser";

import { assert, run } from "../../web/lib/report.mjs";
import { registry } from "./lib/registry.mjs";
import * as script from "./lib/script.mjs";
import { start } from "./lib/server.mjs";

const { all } = script;
const server = await start();
const mirror = await start({ args: ["--registry"] });
const oci = await registry();
const client = new Ollama({ host: server.url });
const messages = [{ role: "user", content: "How is the weather?" }];
const greedy = { temperature: 0 };
const cases = {};

const refused = (status, text) => (error) => {
  assert.equal(error.name, "ResponseError");
  assert.equal(error.status_code, status);
  assert.ok(error.message.includes(text), error.message);
  return true;
};
const callsOf = ({ tool_calls: calls = [] }) =>
  calls.map((call) => [call.function.name, call.function.arguments]);
const modelsOf = async () =>
  Object.fromEntries((await client.list()).models.map((model) => [model.model, model]));

cases["create: of an uploaded file, with progress"] = async () => {
  assert.deepEqual(await client.list(), { models: [] });
  const digest = await server.upload(script.FILE);
  const files = { [script.FILE]: digest };
  const parts = await all(await client.create({ model: "scripted", files, stream: true }));
  const statuses = parts.map((part) => part.status);
  assert.ok(statuses.includes(`using existing layer ${digest}`), statuses);
  assert.deepEqual(statuses.slice(-2), ["writing manifest", "success"]);
  await server.create("noise", script.NOISE_FILE);
  const template = "{{ .Prompt }} {{ .Suffix }}<|told|>";
  const made = await client.create({ model: "insert", from: "scripted", template });
  assert.equal(made.status, "success");
  await assert.rejects(client.create({ model: "x" }), refused(400, "'from' or 'files'"));
};

cases["version, list, show and ps"] = async () => {
  assert.match((await client.version()).version, /^\d+\.\d+\.\d+/);
  const models = await modelsOf();
  assert.deepEqual(Object.keys(models).sort(), [
    "insert:latest",
    "noise:latest",
    "scripted:latest",
  ]);
  assert.equal(models["scripted:latest"].details.format, "gguf");
  const shown = await client.show({ model: "insert" });
  assert.ok(shown.capabilities.includes("insert"));
  assert.equal(shown.model_info["general.architecture"], "llama");
  await client.generate({ model: "noise", prompt: "", keep_alive: "5m" });
  const [loaded] = (await client.ps()).models;
  assert.equal(loaded.digest, models["noise:latest"].digest);
  assert.ok(new Date(loaded.expires_at) > new Date());
};

cases["generate: whole, streamed, raw, and with a suffix"] = async () => {
  const prompt = "Hello";
  const whole = await client.generate({ model: "scripted", prompt });
  assert.equal(whole.response, script.SAID);
  assert.equal(whole.eval_count, script.PIECES.length);
  assert.ok(Number.isInteger(whole.total_duration) && whole.total_duration > 0);
  const parts = await all(await client.generate({ model: "scripted", prompt, stream: true }));
  assert.deepEqual(
    parts.map((part) => part.response),
    [...script.PIECES, ""],
  );
  assert.equal(parts.at(-1).done_reason, "stop");
  const options = { ...greedy, num_predict: 4 };
  const raw = { model: "scripted", prompt: "<|forever|>", raw: true, options };
  const cut = await client.generate(raw);
  assert.deepEqual([cut.response, cut.done_reason], [script.FOREVER.repeat(2), "length"]);
  const filled = await client.generate({ model: "insert", prompt: "a", suffix: "b" });
  assert.equal(filled.response, script.TOLD);
  await assert.rejects(
    client.generate({ model: "scripted", prompt: "a", suffix: "b" }),
    refused(400, '"scripted" does not support insert'),
  );
};

cases["images are refused"] = async () => {
  const images = [new Uint8Array([137, 80, 78, 71])];
  await assert.rejects(
    client.generate({ model: "scripted", prompt: "x", images }),
    refused(400, "image"),
  );
  const seeing = [{ role: "user", content: "x", images }];
  await assert.rejects(client.chat({ model: "scripted", messages: seeing }), refused(400, "image"));
};

cases["chat: whole, streamed, and the client made for browsers"] = async () => {
  const whole = await client.chat({ model: "scripted", messages });
  assert.deepEqual(whole.message, { role: "assistant", content: script.SAID });
  for (const each of [client, new BrowserOllama({ host: server.url })]) {
    const parts = await all(await each.chat({ model: "scripted", messages, stream: true }));
    assert.deepEqual(
      parts.map((part) => part.message.content),
      [...script.PIECES, ""],
    );
    assert.deepEqual(
      parts.map((part) => part.done),
      [...script.PIECES.map(() => false), true],
    );
  }
};

cases["chat: tools, whole, answered and streamed"] = async () => {
  const tools = [script.WEATHER];
  const first = await client.chat({ model: "scripted", messages, tools });
  assert.deepEqual(callsOf(first.message), script.CALLED);
  const told = { role: "tool", tool_name: "weather", content: "Sun" };
  const more = [...messages, first.message, told];
  const last = await client.chat({ model: "scripted", messages: more, tools });
  assert.equal(last.message.content, script.TOLD);
  const both = [script.WEATHER, script.CLOCK];
  const stream = await client.chat({ model: "scripted", messages, tools: both, stream: true });
  const parts = await all(stream);
  assert.deepEqual(
    parts.flatMap((part) => callsOf(part.message)),
    script.CALLED_BOTH,
  );
  await assert.rejects(
    client.chat({ model: "noise", messages, tools }),
    refused(400, '"noise" does not support tools'),
  );
};

cases["chat: thoughts stand apart"] = async () => {
  const { message } = await client.chat({ model: "scripted", messages, think: true });
  assert.deepEqual([message.thinking, message.content], [script.THOUGHT, script.THEN_SAID]);
  const stream = await client.chat({ model: "scripted", messages, think: "low", stream: true });
  const parts = (await all(stream)).map((part) => part.message);
  assert.equal(parts.map((part) => part.thinking ?? "").join(""), script.THOUGHT);
  assert.equal(parts.map((part) => part.content).join(""), script.THEN_SAID);
  await assert.rejects(
    client.chat({ model: "noise", messages, think: true }),
    refused(400, '"noise" does not support thinking'),
  );
};

cases["format: JSON and a schema"] = async () => {
  const wantsJson = [{ role: "user", content: "JSON, please" }];
  const about = { model: "scripted", messages: wantsJson, format: "json", options: greedy };
  assert.deepEqual(JSON.parse((await client.chat(about)).message.content), { answer: "yes" });
  const format = script.ANSWER_SCHEMA;
  for (const model of ["scripted", "noise"]) {
    const about = { model, prompt: "Is it sunny?", format, options: greedy };
    const whole = await client.generate(about);
    script.checkAnswer(whole.response);
    const parts = await all(await client.generate({ ...about, stream: true }));
    assert.equal(parts.map((part) => part.response).join(""), whole.response);
  }
};

cases["log-probabilities"] = async () => {
  const about = { model: "noise", messages, logprobs: true, top_logprobs: 2 };
  const said = await client.chat({ ...about, options: { ...greedy, num_predict: 3 } });
  assert.equal(said.logprobs.length, 3);
  for (const { logprob, top_logprobs: top } of said.logprobs) {
    assert.equal(top.length, 2);
    assert.equal(logprob, top[0].logprob);
  }
};

cases["embed and embeddings"] = async () => {
  const input = ["red door", "small garden"];
  const { embeddings } = await client.embed({ model: "noise", input });
  const length = (vector) => Math.hypot(...vector);
  for (const vector of embeddings) assert.ok(Math.abs(length(vector) - 1) < 1e-5);
  const { embedding } = await client.embeddings({ model: "noise", prompt: input[0] });
  const worst = embedding.map((x, i) => Math.abs(x / length(embedding) - embeddings[0][i]));
  assert.ok(Math.max(...worst) < 1e-5);
};

cases["keep_alive: 0 lets a model leave"] = async () => {
  const loaded = await client.generate({ model: "scripted", prompt: "", keep_alive: -1 });
  assert.equal(loaded.done_reason, "load");
  const left = await client.chat({ model: "scripted", messages: [], keep_alive: 0 });
  assert.equal(left.done_reason, "unload");
  const names = (await client.ps()).models.map((model) => model.model);
  assert.ok(!names.includes("scripted:latest"), names);
};

cases["copy and delete"] = async () => {
  const copied = await client.copy({ source: "scripted", destination: "me/copy:v1" });
  assert.equal(copied.status, "success");
  assert.equal((await client.chat({ model: "me/copy:v1", messages })).message.content, script.SAID);
  assert.equal((await client.delete({ model: "me/copy:v1" })).status, "success");
  await assert.rejects(client.show({ model: "me/copy:v1" }), refused(404, "not found"));
  await assert.rejects(client.delete({ model: "me/copy:v1" }), refused(404, "not found"));
};

const checkProgress = (parts, first) => {
  assert.deepEqual([parts[0].status, parts.at(-1).status], [first, "success"]);
  const moved = parts.filter((part) => part.digest && part.total);
  assert.ok(moved.some((part) => part.completed === part.total));
  for (const digest of new Set(moved.map((part) => part.digest))) {
    const done = moved.filter((part) => part.digest === digest).map((part) => part.completed ?? 0);
    assert.deepEqual(
      done,
      done.toSorted((a, b) => a - b),
    );
  }
};

cases["pull: from another server, with progress"] = async () => {
  await mirror.create("library/far", script.FILE);
  const model = `${mirror.address}/library/far`;
  const parts = await all(await client.pull({ model, insecure: true, stream: true }));
  checkProgress(parts, "pulling manifest");
  assert.equal((await client.generate({ model, prompt: "Hi" })).response, script.SAID);
  const missing = { model: `${mirror.address}/library/none`, insecure: true };
  const because = /pull model manifest: file does not exist/;
  await assert.rejects(client.pull(missing), because);
  await assert.rejects(
    async () => all(await client.pull({ ...missing, stream: true })),
    because,
  );
};

cases["push: to a registry, and back from it"] = async () => {
  const model = `${oci.address}/me/pushed:1`;
  await client.copy({ source: "scripted", destination: model });
  const { digest } = (await modelsOf())[model];
  const parts = await all(await client.push({ model, insecure: true, stream: true }));
  checkProgress(parts, "retrieving manifest");
  await client.delete({ model });
  assert.equal((await client.pull({ model, insecure: true })).status, "success");
  assert.equal((await modelsOf())[model].digest, digest);
};

cases["errors carry their status"] = async () => {
  const hi = { model: "none", prompt: "x" };
  await assert.rejects(client.generate(hi), refused(404, "model 'none' not found"));
  await assert.rejects(client.generate({ ...hi, stream: true }), refused(404, "not found"));
  await assert.rejects(client.embed({ model: "none", input: "x" }), refused(404, "try pulling"));
  const cook = [{ role: "cook", content: "x" }];
  await assert.rejects(client.chat({ model: "scripted", messages: cook }), refused(400, "cook"));
  const options = { num_predict: "many" };
  await assert.rejects(
    client.chat({ model: "scripted", messages, options }),
    refused(400, "num_predict"),
  );
};

cases["a stream that is left ends the work"] = async () => {
  const endless = [{ role: "user", content: "Go on forever" }];
  const stream = await client.chat({ model: "scripted", messages: endless, stream: true });
  const read = async () => {
    let text = "";
    for await (const part of stream) {
      text += part.message.content;
      if (text.length > 100) client.abort();
    }
  };
  await assert.rejects(read(), { name: "AbortError" });
  assert.equal((await client.chat({ model: "scripted", messages })).message.content, script.SAID);
};

const after = async () => {
  oci.close();
  await Promise.all([server.close(), mirror.close()]);
};
await run(cases, { after });
