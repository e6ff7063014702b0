export { Engine } from "./engine.js";
export { Model } from "./model.js";
export { EngineError } from "./errors.js";
export type * from "./types.js";
