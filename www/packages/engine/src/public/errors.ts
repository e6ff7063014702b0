import type { ErrorBody } from "../internal/protocol.js";

/** A failure of this package: a stable `code`, a sentence for a person, details for a report. */
export class EngineError extends Error {
  readonly code: string;
  readonly detail: string;

  constructor(code: string, message: string, detail = "") {
    super(message);
    this.name = "EngineError";
    this.code = code;
    this.detail = detail;
  }

  /** What a promise of this package rejects with, whatever was thrown below it. @internal */
  static from(error: unknown): EngineError {
    if (error instanceof EngineError) return error;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new EngineError(
      "engine.crash",
      "The engine stopped unexpectedly. Start it again.",
      text,
    );
  }

  /** @internal */
  static fromBody(body: ErrorBody): EngineError {
    return new EngineError(body.code, body.message, body.detail);
  }
}
