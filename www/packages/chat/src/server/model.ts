import type { FinishReason, Timings } from "@ingle/engine";

import { bytes } from "../format.js";
import type { AnswerOptions, AnswerPiece, ChatModel, Where } from "../model.js";
import { type Client, gone } from "./client.js";

/** A line of `/api/chat`; times are nanoseconds, and only the last line has them. */
interface ChatLine {
  readonly message?: { readonly content?: string };
  readonly done?: boolean;
  readonly done_reason?: string;
  readonly prompt_eval_count?: number;
  readonly prompt_eval_duration?: number;
  readonly eval_count?: number;
  readonly eval_duration?: number;
}

/** A model of the list in `/api/tags`. */
export interface Served {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly details?: { readonly quantization_level?: string };
}

export const keyOfServed = (name: string): string => `served:${name}`;

/** Type and size, as far as the server says them. */
export function noteOf({ size, details }: Served): string {
  const type = details?.quantization_level;
  return type && type !== "unknown" ? `${type}, ${bytes(size)}` : bytes(size);
}

/** A model that the server has loaded; it loads it again by itself after a pause. */
export class ServedModel implements ChatModel {
  readonly heldBytes = 0;
  readonly templateNote = null;
  /** A piece is mostly a token, but the server does not say so. */
  readonly countsTokens = false;

  constructor(
    readonly client: Client,
    readonly served: Served,
    readonly where: Where,
    readonly status: string,
    readonly contextLength: number,
  ) {}

  get key(): string {
    return keyOfServed(this.served.name);
  }

  get title(): string {
    return this.served.name.replace(/:latest$/, "");
  }

  get details(): string {
    return `Answers are computed by the server at ${this.client.host}`;
  }

  get note(): string {
    return noteOf(this.served);
  }

  async *generate(options: AnswerOptions): AsyncGenerator<AnswerPiece, void, void> {
    const { messages, temperature, maxTokens, signal } = options;
    const limit = maxTokens === undefined ? {} : { num_predict: maxTokens };
    const body = {
      model: this.served.name,
      messages,
      // An answer at once: this page shows no thoughts apart from answers.
      think: false,
      options: { temperature, ...limit },
    };
    try {
      for await (const line of this.client.lines<ChatLine>("/api/chat", {
        reason: "answer",
        body,
        signal,
      })) {
        const text = line.message?.content ?? "";
        if (line.done !== true) {
          yield { done: false, text, nTokens: 1 };
          continue;
        }
        const reason: FinishReason = line.done_reason === "length" ? "length" : "stop";
        return yield { done: true, text, nTokens: 0, reason, timings: timings(line) };
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      return yield { done: true, text: "", nTokens: 0, reason: "cancelled", timings: null };
    }
    throw gone(this.client.host, "the stream ended without an object that is done");
  }
}

function timings(line: ChatLine): Timings {
  const { prompt_eval_count = 0, prompt_eval_duration = 0 } = line;
  const { eval_count = 0, eval_duration = 0 } = line;
  return {
    promptTokens: prompt_eval_count,
    cachedTokens: 0,
    outputTokens: eval_count,
    prefillMs: prompt_eval_duration / 1e6,
    decodeMs: eval_duration / 1e6,
  };
}
