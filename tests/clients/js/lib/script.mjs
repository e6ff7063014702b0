// What the scripted model says; `tests/src/script.rs` is where it is told to.
import { assert } from "../../../web/lib/report.mjs";

export const FILE = "scripted.gguf";
export const SAID = "It is sunny in Bern.";
export const PIECES = ["It", " is", " sunny", " in", " Bern", "."];
export const THOUGHT = "The sky looks clear.";
export const THEN_SAID = "No rain.";
export const CALLED = [["weather", { city: "Bern" }]];
export const CALLED_BOTH = [
  ["weather", { city: "Rome" }],
  ["clock", {}],
];
export const TOLD = "The tool said so!";
export const FOREVER = " tick tock";

/** A model of random weights: for vectors and probabilities that are not all alike. */
export const NOISE_FILE = "llama-tied.gguf";

export const ANSWER_SCHEMA = {
  type: "object",
  properties: { answer: { enum: ["yes", "no"] }, sure: { type: "boolean" } },
  required: ["answer", "sure"],
  additionalProperties: false,
};

/** Whether a text is JSON of the form of the schema. */
export function checkAnswer(text) {
  const value = JSON.parse(text);
  assert.deepEqual(Object.keys(value).sort(), ["answer", "sure"]);
  assert.ok(["yes", "no"].includes(value.answer), text);
  assert.equal(typeof value.sure, "boolean");
}

/** A tool in the form that Ollama's and OpenAI's chats share. */
const tool = (name, properties) => ({
  type: "function",
  function: {
    name,
    description: `Says the ${name}.`,
    parameters: {
      type: "object",
      properties,
      required: Object.keys(properties),
      additionalProperties: false,
    },
  },
});
/** Not any text: where a call is forced the script is left, and a text would not end. */
const CITY = { type: "string", enum: ["Bern", "Rome"], description: "Of which city." };
export const WEATHER = tool("weather", { city: CITY });
export const CLOCK = tool("clock", {});

/** All that an asynchronous iterator gives. */
export async function all(items) {
  const out = [];
  for await (const item of items) out.push(item);
  return out;
}
