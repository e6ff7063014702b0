// OpenAI's SDK for Node, unmodified, against a real server.
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";

import { assert, run } from "../../web/lib/report.mjs";
import * as script from "./lib/script.mjs";
import { start } from "./lib/server.mjs";

const { all } = script;
const server = await start();
await server.create("scripted", script.FILE);
await server.create("noise", script.NOISE_FILE);
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
const chat = client.chat.completions;
const messages = [{ role: "user", content: "How is the weather?" }];
const N_TOKENS = script.PIECES.length;
const cases = {};

const callsOf = ({ tool_calls: calls }) =>
  (calls ?? []).map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

cases["chat: whole, and streamed with usage"] = async () => {
  const said = await chat.create({ model: "scripted", messages });
  const [choice] = said.choices;
  assert.deepEqual([choice.message.content, choice.finish_reason], [script.SAID, "stop"]);
  assert.equal(said.usage.completion_tokens, N_TOKENS);
  const stream_options = { include_usage: true };
  const about = { model: "scripted", messages, stream: true, stream_options };
  const chunks = await all(await chat.create(about));
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  assert.equal(text, script.SAID);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.completion_tokens, N_TOKENS);
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.equal(chunks.at(-2).choices[0].finish_reason, "stop");
};

cases["chat: the SDK's own stream helper"] = async () => {
  const pieces = [];
  const stream = chat.stream({ model: "scripted", messages });
  stream.on("content", (piece) => pieces.push(piece));
  assert.equal(await stream.finalContent(), script.SAID);
  assert.deepEqual(pieces.filter(Boolean), script.PIECES);
};

cases["chat: a tool, called and answered"] = async () => {
  const tools = [script.WEATHER];
  const first = (await chat.create({ model: "scripted", messages, tools })).choices[0];
  assert.deepEqual(callsOf(first.message), script.CALLED);
  assert.equal(first.finish_reason, "tool_calls");
  const [{ id }] = first.message.tool_calls;
  const told = { role: "tool", tool_call_id: id, content: "Sun" };
  const more = [...messages, first.message, told];
  const last = (await chat.create({ model: "scripted", messages: more, tools })).choices[0];
  assert.equal(last.message.content, script.TOLD);
};

cases["chat: tools, streamed and chosen"] = async () => {
  const tools = [script.WEATHER, script.CLOCK];
  const final = await chat.stream({ model: "scripted", messages, tools }).finalMessage();
  assert.deepEqual(callsOf(final), script.CALLED_BOTH);
  const tool_choice = { type: "function", function: { name: "weather" } };
  const held = await chat.create({ model: "scripted", messages, tools, tool_choice });
  assert.deepEqual(
    callsOf(held.choices[0].message).map(([name]) => name),
    ["weather"],
  );
};

cases["chat: the SDK runs the tools itself"] = async () => {
  const asked = [];
  const weather = {
    type: "function",
    function: {
      ...script.WEATHER.function,
      parse: JSON.parse,
      function: ({ city }) => {
        asked.push(city);
        return `Sun in ${city}`;
      },
    },
  };
  const runner = chat.runTools({ model: "scripted", messages, tools: [weather] });
  assert.equal(await runner.finalContent(), script.TOLD);
  assert.deepEqual(asked, ["Bern"]);
};

cases["chat: response_format of a schema"] = async () => {
  const json_schema = { name: "answer", strict: true, schema: script.ANSWER_SCHEMA };
  const response_format = { type: "json_schema", json_schema };
  for (const model of ["scripted", "noise"]) {
    const said = await chat.create({ model, messages, response_format });
    script.checkAnswer(said.choices[0].message.content);
  }
};

cases["chat: log-probabilities"] = async () => {
  const about = { model: "noise", messages, max_tokens: 3, temperature: 0 };
  const said = await chat.create({ ...about, logprobs: true, top_logprobs: 4 });
  const { content } = said.choices[0].logprobs;
  assert.equal(content.length, 3);
  for (const token of content) {
    assert.equal(token.top_logprobs.length, 4);
    assert.equal(token.logprob, Math.max(...token.top_logprobs.map((top) => top.logprob)));
  }
};

cases["completions: text, and scores of a text"] = async () => {
  const said = await client.completions.create({ model: "scripted", prompt: "<|say|>" });
  assert.equal(said.choices[0].text, script.SAID);
  const prompt = "The house at the end of the lane";
  const about = { model: "noise", prompt, echo: true, logprobs: 2, max_tokens: 0 };
  const [choice] = (await client.completions.create(about)).choices;
  assert.deepEqual([choice.text, choice.logprobs.tokens.join("")], [prompt, prompt]);
  assert.ok(choice.logprobs.token_logprobs.every((x) => x < 0));
};

cases["embeddings: float and base64"] = async () => {
  const input = ["red door", "small garden"];
  const about = { model: "noise", input };
  const floats = await client.embeddings.create({ ...about, encoding_format: "float" });
  const packed = await client.embeddings.create(about);
  floats.data.forEach(({ embedding, index }, i) => {
    assert.equal(index, i);
    const worst = embedding.map((x, j) => Math.abs(x - packed.data[i].embedding[j]));
    assert.ok(Math.max(...worst) < 1e-6);
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-5);
  });
};

cases["models: listed and retrieved"] = async () => {
  const ids = (await all(client.models.list())).map((model) => model.id);
  assert.deepEqual(ids.sort(), ["noise:latest", "scripted:latest"]);
  assert.equal((await client.models.retrieve("noise:latest")).owned_by, "library");
  await assert.rejects(client.models.retrieve("none"), NotFoundError);
};

cases["responses: whole, streamed, with tools"] = async () => {
  const said = await client.responses.create({ model: "scripted", input: "Hello" });
  assert.deepEqual([said.output_text, said.status], [script.SAID, "completed"]);
  const stream = client.responses.stream({ model: "scripted", input: "Hello" });
  assert.equal((await stream.finalResponse()).output_text, script.SAID);
  const tools = [{ type: "function", strict: true, ...script.WEATHER.function }];
  const { output } = await client.responses.create({ model: "scripted", input: messages, tools });
  assert.deepEqual([output[0].name, JSON.parse(output[0].arguments)], script.CALLED[0]);
  const told = { type: "function_call_output", call_id: output[0].call_id, output: "Sun" };
  const input = [...messages, ...output, told];
  const last = await client.responses.create({ model: "scripted", input, tools });
  assert.equal(last.output_text, script.TOLD);
};

cases["errors are the SDK's own"] = async () => {
  await assert.rejects(chat.create({ model: "none", messages }), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.deepEqual([error.status, error.type], [404, "not_found_error"]);
    assert.ok(error.message.includes("model 'none' not found"));
    return true;
  });
  await assert.rejects(chat.create({ model: "none", messages, stream: true }), NotFoundError);
  await assert.rejects(chat.create({ model: "scripted", messages: [] }), BadRequestError);
  const guarded = await start({ env: { INGLE_TOKEN: "secret" } });
  try {
    const stranger = client.withOptions({ baseURL: `${guarded.url}/v1`, apiKey: "wrong" });
    await assert.rejects(all(stranger.models.list()), AuthenticationError);
    const friend = client.withOptions({ baseURL: `${guarded.url}/v1`, apiKey: "secret" });
    assert.deepEqual(await all(friend.models.list()), []);
  } finally {
    await guarded.close();
  }
};

cases["a stream that is left ends the work"] = async () => {
  const endless = [{ role: "user", content: "Go on forever" }];
  const stream = await chat.create({ model: "scripted", messages: endless, stream: true });
  let text = "";
  for await (const chunk of stream) {
    text += chunk.choices[0].delta.content;
    if (text.length > 100) break;
  }
  assert.ok(text.startsWith(script.FOREVER.repeat(5)));
  const said = await chat.create({ model: "scripted", messages });
  assert.equal(said.choices[0].message.content, script.SAID);
};

await run(cases, { after: server.close });
