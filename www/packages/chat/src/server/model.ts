import { EngineError, type FinishReason, type Timings } from "@ingle/engine";

import { bytes, nameShown } from "../format.js";
import type { Setup } from "../history/types.js";
import { t } from "../i18n/index.js";
import { joined } from "../joined.js";
import type { AnswerOptions, AnswerPiece, ChatModel, Where } from "../model.js";
import { CREATIVITY } from "../settings.js";
import { type Client, gone, type Lines } from "./client.js";

/** A line of `/api/chat`; times are nanoseconds, and only the last line has them. */
interface ChatLine {
  readonly message?: { readonly content?: string; readonly thinking?: string };
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

/** What the server says of a model. */
export interface ServedFacts {
  readonly thinks: boolean;
  /** Its Modelfile's; null where that says nothing. */
  readonly temperature: number | null;
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
    readonly has: ServedFacts,
  ) {}

  /** Nobody but the server decides it. */
  get contextLimit(): number {
    return this.contextLength;
  }

  get key(): string {
    return keyOfServed(this.served.name);
  }

  get title(): string {
    return nameShown(this.served.name);
  }

  get details(): string {
    return t("server.details", { host: this.client.host });
  }

  get note(): string {
    return noteOf(this.served);
  }

  get creativity(): number {
    return this.has.temperature ?? CREATIVITY;
  }

  /** The server answers in words. */
  idsOf(): null {
    return null;
  }

  /** The server has no question for it. */
  async count(): Promise<number | null> {
    return null;
  }

  generate(asked: AnswerOptions): AsyncGenerator<AnswerPiece, void, void> {
    const think = this.has.thinks ? asked.setup.think : undefined;
    const model = { name: this.served.name, creativity: this.creativity };
    return chat(this.client, model, asked, think);
  }
}

/** An answer of `/api/chat`, wherever that is answered; without `think` the model decides. */
export async function* chat(
  client: Lines,
  model: { readonly name: string; readonly creativity: number },
  { messages, setup, signal }: AnswerOptions,
  think: boolean | undefined,
): AsyncGenerator<AnswerPiece, void, void> {
  const body = {
    model: model.name,
    messages: joined(messages),
    ...(think === undefined ? {} : { think }),
    ...(setup.schema === "" ? {} : { format: JSON.parse(setup.schema) as unknown }),
    // Too long is said, and never cut in silence.
    truncate: false,
    options: sampling(setup, model.creativity),
  };
  try {
    const asked = { reason: "answer", body, signal } as const;
    for await (const line of client.lines<ChatLine>("/api/chat", asked)) {
      const { content: text = "", thinking: thought = "" } = line.message ?? {};
      if (line.done !== true) {
        yield { done: false, text, thought, nTokens: 1 };
        continue;
      }
      const reason: FinishReason = line.done_reason === "length" ? "length" : "stop";
      const end = { nTokens: 0, reason, timings: timings(line) };
      return yield { done: true, text, thought, ...end };
    }
  } catch (error) {
    if (!signal.aborted) throw setup.schema === "" ? error : ofSchema(error);
    const end = { nTokens: 0, reason: "cancelled", timings: null } as const;
    return yield { done: true, text: "", thought: "", ...end };
  }
  throw gone(client.host, "the stream ended without an object that is done");
}

/** What is wrong with a schema is refused before anything runs; a person can edit it. */
function ofSchema(error: unknown): unknown {
  const { code, message, detail } = EngineError.from(error);
  const isIt = code === "server.error" && detail === "HTTP 400" && /schema/i.test(message);
  if (!isIt) return error;
  const [, keyword] = /keyword '([^']+)'/.exec(message) ?? [];
  const text = keyword === undefined ? message : t("text.gen.schema", { keyword });
  return new EngineError("gen.schema", text, message);
}

/** A setup in the names of the API; what is null the model decides. */
function sampling(setup: Setup, creativity: number): Record<string, unknown> {
  const given = {
    temperature: setup.creativity ?? creativity,
    num_predict: setup.maxTokens > 0 ? setup.maxTokens : null,
    top_p: setup.topP,
    top_k: setup.topK,
    min_p: setup.minP,
    repeat_penalty: setup.repeatPenalty,
    presence_penalty: setup.presencePenalty,
    frequency_penalty: setup.frequencyPenalty,
    seed: setup.seed,
    stop: setup.stop.length > 0 ? setup.stop : null,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
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
