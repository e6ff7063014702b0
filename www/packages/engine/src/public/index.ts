export { doctor, DOCTOR_ROWS } from "./doctor.js";
export type * from "./doctor.js";
export { Engine } from "./engine.js";
export { Model } from "./model.js";
export { EngineError } from "./errors.js";
export type * from "./types.js";
