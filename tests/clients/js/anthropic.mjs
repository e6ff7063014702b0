// Anthropic's SDK for Node, unmodified, against `/v1/messages` of a real server.
import Anthropic from "@anthropic-ai/sdk";

import { assert, run } from "../../web/lib/report.mjs";
import * as script from "./lib/script.mjs";
import { start } from "./lib/server.mjs";

const { all } = script;
const server = await start();
await server.create("scripted", script.FILE);
const client = new Anthropic({ baseURL: server.url, apiKey: "any", maxRetries: 0 });
const messages = [{ role: "user", content: "How is the weather?" }];
const about = { model: "scripted", max_tokens: 100, messages };
const cases = {};

/** A tool of OpenAI's form in Anthropic's. */
const tool = ({ function: { name, description, parameters } }) => ({
  name,
  description,
  input_schema: parameters,
});
const callsOf = ({ content }) =>
  content.filter((block) => block.type === "tool_use").map((block) => [block.name, block.input]);

cases["a message: whole and streamed"] = async () => {
  const said = await client.messages.create({ ...about, system: "Be brief." });
  assert.deepEqual(said.content, [{ type: "text", text: script.SAID }]);
  assert.deepEqual([said.stop_reason, said.role], ["end_turn", "assistant"]);
  assert.equal(said.usage.output_tokens, script.PIECES.length);
  const pieces = [];
  const stream = client.messages.stream(about).on("text", (piece) => pieces.push(piece));
  const final = await stream.finalMessage();
  assert.deepEqual(pieces, script.PIECES);
  assert.deepEqual(final.content[0].text, script.SAID);
  const events = await all(await client.messages.create({ ...about, stream: true }));
  assert.deepEqual([events[0].type, events.at(-1).type], ["message_start", "message_stop"]);
};

cases["tools: called, answered and streamed"] = async () => {
  const tools = [tool(script.WEATHER)];
  const first = await client.messages.create({ ...about, tools });
  assert.deepEqual([first.stop_reason, callsOf(first)], ["tool_use", script.CALLED]);
  const result = { type: "tool_result", tool_use_id: first.content[0].id, content: "Sun" };
  const more = [
    ...messages,
    { role: "assistant", content: first.content },
    { role: "user", content: [result] },
  ];
  const last = await client.messages.create({ ...about, messages: more, tools });
  assert.equal(last.content[0].text, script.TOLD);
  const both = [tool(script.WEATHER), tool(script.CLOCK)];
  const final = await client.messages.stream({ ...about, tools: both }).finalMessage();
  assert.deepEqual(callsOf(final), script.CALLED_BOTH);
};

cases["thoughts are blocks of their own"] = async () => {
  const thinking = { type: "enabled", budget_tokens: 1024 };
  const stream = client.messages.stream({ ...about, max_tokens: 2048, thinking });
  const { content } = await stream.finalMessage();
  assert.deepEqual(
    content.map((block) => block.thinking ?? block.text),
    [script.THOUGHT, script.THEN_SAID],
  );
};

cases["errors are the SDK's own"] = async () => {
  await assert.rejects(
    client.messages.create({ ...about, model: "none" }),
    (error) => error instanceof Anthropic.NotFoundError && error.status === 404,
  );
  await assert.rejects(
    client.messages.create({ ...about, messages: [] }),
    (error) => error instanceof Anthropic.BadRequestError,
  );
};

await run(cases, { after: server.close });
