import { EngineError } from "../public/errors.js";

/** What a cancelled request rejects with. */
export function aborted(): EngineError {
  return new EngineError("aborted", "It was cancelled.");
}
