import { events } from "../internal/sse.js";
import { EngineError } from "./errors.js";

/**
 * Chunks of an answer while it is written. Leaving the loop, or `controller.abort()`, stops the
 * model within one token; after an abort the loop just ends. It can be read once.
 */
export class Stream<T> implements AsyncIterable<T> {
  readonly #body: ReadableStream<Uint8Array>;
  readonly controller: AbortController;

  /** @internal */
  constructor(body: ReadableStream<Uint8Array>, controller: AbortController) {
    this.#body = body;
    this.controller = controller;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for await (const data of events(this.#body)) {
        // What had come by then is not given any more.
        if (data === "[DONE]" || this.controller.signal.aborted) return;
        const value = JSON.parse(data) as T & { error?: { message?: string; code?: unknown } };
        if (value.error) {
          const { message = "The answer ended with an error.", code } = value.error;
          throw new EngineError("api.stream", message, String(code ?? ""));
        }
        yield value as Awaited<T>;
      }
    } catch (error) {
      if (this.controller.signal.aborted) return;
      throw error;
    } finally {
      this.controller.abort();
    }
  }
}
