import { aborted } from "../internal/aborted.js";
import type { Client } from "../internal/client.js";
import type { Loaded } from "../internal/protocol.js";
import { Queue } from "../internal/queue.js";
import { EngineError } from "./errors.js";
import type { GenerateOptions, LogitsOptions, ModelInfo, Piece, TokenizeOptions } from "./types.js";

/** A loaded model. It stays usable until another is loaded or the engine stops. */
export class Model {
  readonly #client: Client;
  readonly #model: number;
  readonly info: ModelInfo;

  /** @internal */
  constructor(client: Client, loaded: Loaded) {
    this.#client = client;
    this.#model = loaded.model;
    this.info = loaded.info;
  }

  /**
   * Writes an answer. The last piece has `done`, the reason and the timings. Leaving the loop early
   * or aborting the signal stops the model within one token; after an abort the last piece still
   * comes, with the reason `cancelled`. A loop that takes its time holds the model back: it writes
   * some hundred tokens ahead.
   */
  async *generate(options: GenerateOptions): AsyncGenerator<Piece, void, void> {
    const { signal, ...settings } = options;
    const given = [settings.prompt, settings.messages, settings.tokens].filter(
      (x) => x !== undefined,
    );
    if (given.length !== 1) {
      throw new EngineError("api.argument", "Give exactly one of prompt, messages and tokens.");
    }
    if (signal?.aborted) throw aborted();
    const stop = new AbortController();
    const forward = () => stop.abort();
    signal?.addEventListener("abort", forward, { once: true });
    const queue = new Queue<Piece>();
    this.#client
      .call(
        "generate",
        { model: this.#model, settings },
        {
          onSent: (more) => queue.restart(more),
          onPiece: (piece, isOwn) => queue.push(piece, isOwn),
          onKnown: () => queue.skip(),
          signal: stop.signal,
        },
      )
      .then(
        () => queue.end(null),
        (error: unknown) => queue.end(EngineError.from(error)),
      );
    try {
      for (let piece = await queue.next(); piece; piece = await queue.next()) yield piece;
    } finally {
      signal?.removeEventListener("abort", forward);
      stop.abort(); // does nothing after the end; stops the model if the loop was left early
    }
  }

  tokenize(text: string, options: TokenizeOptions = {}): Promise<number[]> {
    return this.#client.call("tokenize", { model: this.#model, text, options });
  }

  /** Logits after the last of `ids`, or after each of them with `{ all: true }` (row by row). */
  logits(ids: ArrayLike<number>, options: LogitsOptions = {}): Promise<Float32Array> {
    return this.#client.call("logits", { model: this.#model, ids: Array.from(ids), options });
  }

  /** Frees the model's memory. The file stays in browser storage. */
  async unload(): Promise<void> {
    await this.#client.call("unload", { model: this.#model });
  }
}
