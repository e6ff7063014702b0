import { Engine } from "@ingle/engine";

const TEXTS = ["a cup of tea", "a pair of shoes", "rain on the roof", "the way to the station"];
const $ = (id) => document.getElementById(id);
const say = (text) => ($("status").textContent = text);

const workerUrl = new URL("./ingle/internal/worker.js", document.baseURI);
const engine = await Engine.start({ workerUrl });
let model = null;

async function load(source) {
  try {
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
if (url) await load({ url });

$("form").onsubmit = async (event) => {
  event.preventDefault();
  const input = [$("question").value, ...TEXTS];
  const { data } = await engine.embeddings.create({ model, input });
  const [asked, ...vectors] = data.map(({ embedding }) => embedding);
  // Vectors have length 1, so their product is the cosine.
  const product = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const found = TEXTS.map((text, i) => ({ text, score: product(asked, vectors[i]) }));
  found.sort((a, b) => b.score - a.score);
  const items = found.map(({ text, score }) => {
    const item = document.createElement("li");
    item.textContent = `${text} (${score.toFixed(3)})`;
    return item;
  });
  $("answer").replaceChildren(...items);
};
