import { Engine } from "@ingle/engine";
import { bridge } from "@ingle/engine/bridge";
import OpenAI from "openai";

const $ = (id) => document.getElementById(id);
const say = (text) => ($("status").textContent = text);

/** The engine, and OpenAI's client with this page as its server. */
async function start() {
  const engine = await Engine.start();
  const { openai } = await bridge(engine);
  const client = new OpenAI({ baseURL: openai, apiKey: "none", dangerouslyAllowBrowser: true });
  return { engine, client };
}

const started = start();
let model = null;

async function load(source) {
  try {
    const { engine } = await started;
    const { info } = await engine.load(source, {
      onProgress: ({ phase, loaded }) => say(`${phase}: ${loaded} bytes`),
    });
    model = info.name;
    say(`${info.title} on ${info.deviceName}`);
    $("ask").disabled = false;
  } catch (error) {
    say(error.message);
  }
}

$("file").onchange = ({ target }) => load({ file: [...target.files] });
const url = new URLSearchParams(location.search).get("model");
if (url) load({ url });

$("form").onsubmit = async (event) => {
  event.preventDefault();
  $("answer").textContent = "";
  const { client } = await started;
  const messages = [{ role: "user", content: $("question").value }];
  const stream = await client.chat.completions.create({ model, messages, stream: true });
  for await (const chunk of stream) {
    $("answer").textContent += chunk.choices[0]?.delta.content ?? "";
  }
};
