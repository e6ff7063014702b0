import { Engine } from "@ingle/engine";

let engine = null;

/** Loads a model: `{ file }` or `{ url }`. `say` gets a line for people. */
export async function load(source, say) {
  engine ??= await Engine.start();
  const model = await engine.load(source, {
    onProgress: ({ phase, loaded, total }) => say(`${phase}: ${loaded} of ${total ?? "?"} bytes`),
  });
  say(`${model.info.title} on ${model.info.deviceName}`);
  return model.info.name;
}

/** The pieces of an answer. */
export async function* ask(model, question, signal) {
  const messages = [{ role: "user", content: question }];
  const request = { model, messages, max_tokens: 256, stream: true };
  const chunks = await engine.chat.completions.create(request, { signal });
  for await (const chunk of chunks) yield chunk.choices[0]?.delta.content ?? "";
}

/** The model of the address, `?model=…`, if there is one. */
export const wanted = new URLSearchParams(location.search).get("model");
