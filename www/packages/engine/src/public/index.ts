export { Engine } from "./engine.js";
export { Model } from "./model.js";
export { EngineError } from "./errors.js";
export { Chat, ChatCompletions } from "./chat.js";
export { Completions } from "./completions.js";
export { Embeddings } from "./embeddings.js";
export { Stream } from "./stream.js";
export type * from "./openai.js";
export type * from "./types.js";
