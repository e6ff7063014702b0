import type {
  Engine,
  EngineInfo,
  FinishReason,
  GenerateOptions,
  LossReason,
  Message,
  Model,
  Reading,
  Timings,
} from "@ingle/engine";
import { Thoughts } from "@ingle/engine";

import { bytes } from "./format.js";
import type { Begun, Setup } from "./history/types.js";
import { t } from "./i18n/index.js";
import { joined } from "./joined.js";
import { noteSpeed } from "./recommend.js";
import { snapshotName } from "./remembered.js";
import { type Lines, linesOf, type Request } from "./server/client.js";
import { chat } from "./server/model.js";
import { CREATIVITY, prefs } from "./settings.js";

/** What an answer is asked for with. */
export interface AnswerOptions {
  readonly messages: readonly Message[];
  readonly setup: Setup;
  readonly signal: AbortSignal;
  /** The answer so far, as far as it is known by its tokens: it goes on behind them. */
  readonly begun?: Begun | null;
  /** The chat it is of. */
  readonly chat?: string;
}

/** Tokens of a piece, and the parts of its text that are still held back. */
export interface Tokens {
  readonly ids: readonly number[];
  readonly part: string;
  readonly held: string;
}

/** A piece of an answer. The last one has `done`. */
export type AnswerPiece =
  | {
      readonly done: false;
      readonly text: string;
      /** What the model thinks before it answers. */
      readonly thought: string;
      readonly nTokens: number;
      readonly reading?: Reading;
      readonly tokens?: Tokens;
      /** The engine was lost, and this answer goes on in the next one. */
      readonly resumed?: LossReason;
    }
  | {
      readonly done: true;
      readonly text: string;
      readonly thought: string;
      readonly nTokens: number;
      readonly reason: FinishReason;
      readonly tokens?: Tokens;
      /** Null if nobody measured, as after a stop far away. */
      readonly timings: Timings | null;
    };

/** Where a model computes, in the words of the screen. */
export interface Where {
  /** Who sees the words: this tab, this computer, or another one. */
  readonly kind: "tab" | "computer" | "elsewhere";
  /** In the chip: "On this device". */
  readonly chip: string;
  /** Heading of a new chat. */
  readonly promise: string;
  /** The sentences under it. */
  readonly lead: string;
  /** Under a growing answer before its first word. */
  readonly waiting: string;
}

/** What a conversation needs of a model, wherever it computes. */
export interface ChatModel {
  /** Tells the lists of models which one is in use. */
  readonly key: string;
  readonly title: string;
  /** Beside the title: type and size. */
  readonly note: string;
  /** Tokens. */
  readonly contextLength: number;
  /** Tokens it could be loaded with; `contextLength` where that cannot be changed from here. */
  readonly contextLimit: number;
  /** The line under the box. */
  readonly status: string;
  /** What `status` leaves out. */
  readonly details: string;
  /** Bytes of memory in this tab. */
  readonly heldBytes: number;
  /** Temperature where a person has not chosen one. */
  readonly creativity: number;
  /** A sentence about the model's chat template, if there is one to say. */
  readonly templateNote: string | null;
  readonly where: Where;
  /** Whether the numbers of tokens in pieces are exact before the last one. */
  readonly countsTokens: boolean;
  /** Whose ids the tokens of an answer with this setup are; null if it is given none. */
  idsOf(setup: Setup): string | null;
  /** Tokens of a text, without a template; null where that cannot be asked. */
  count(text: string): Promise<number | null>;
  /** Ends with a piece that has `done`, after an abort too. */
  generate(options: AnswerOptions): AsyncGenerator<AnswerPiece, void, void>;
}

/** In this tab. Its words are looked up when they are read, in the language of that moment. */
export const TAB: Where = {
  kind: "tab",
  get chip() {
    return t("where.tab");
  },
  get promise() {
    return t("start.promise");
  },
  get lead() {
    return t("start.lead");
  },
  get waiting() {
    return t("line.reading");
  },
};

export const keyOfFile = (name: string): string => `file:${name}`;

/** "WebGPU" or "Processor". */
export function deviceName(device: "cpu" | "gpu"): string {
  return device === "gpu" ? "WebGPU" : t("device.cpu");
}

/** A model that this page's engine has loaded. */
export class TabModel implements ChatModel {
  readonly where = TAB;
  readonly countsTokens = true;
  readonly #model: Model;
  readonly #engine: Engine;
  /** Where it computes now; after a loss that may be the processor. */
  #on: { readonly device: "cpu" | "gpu"; readonly name: string };

  constructor(model: Model, engine: Engine) {
    this.#model = model;
    this.#engine = engine;
    this.#on = { device: model.info.device, name: model.info.deviceName };
  }

  /** The engine was started again, perhaps elsewhere. */
  moved({ device, adapter }: EngineInfo): void {
    if (device !== this.#on.device) this.#on = { device, name: adapter };
  }

  /** Milliseconds that its load took. */
  get loadMs(): number {
    return this.#model.info.loadMs;
  }

  get key(): string {
    return keyOfFile(this.#model.info.name);
  }

  get title(): string {
    return this.#model.info.title;
  }

  get note(): string {
    return `${this.#model.info.weightType}, ${bytes(this.#model.info.fileBytes)}`;
  }

  get contextLength(): number {
    return this.#model.info.contextLength;
  }

  get contextLimit(): number {
    return Math.max(this.#model.info.trainedContext, this.contextLength);
  }

  get status(): string {
    return deviceName(this.#on.device);
  }

  get details(): string {
    return this.#on.name;
  }

  get heldBytes(): number {
    const { weightBytes, kvBytes, scratchBytes } = this.#model.info;
    return weightBytes + kvBytes + scratchBytes;
  }

  get creativity(): number {
    return this.#model.info.temperature ?? CREATIVITY;
  }

  get templateNote(): string | null {
    return this.#model.info.templateNote;
  }

  /** With a schema the router answers, in words alone. */
  idsOf({ schema }: Setup): string | null {
    return schema === "" ? `${this.key} ${this.#model.info.fileBytes}` : null;
  }

  async count(text: string): Promise<number | null> {
    if (text === "") return 0;
    const ids = await this.#model.tokenize(text, { addSpecial: false, parseSpecial: false });
    return ids.length;
  }

  /** Keeps how fast it wrote, for what is recommended. */
  #noteSpeed({ outputTokens, decodeMs }: Timings, nGiven: number): void {
    const chosen = outputTokens - nGiven;
    if (chosen < SPEED_TOKENS_MIN || decodeMs <= 0) return;
    noteSpeed(this.#on.device, this.#model.info.fileBytes, ((chosen - 1) / decodeMs) * 1000);
  }

  async *generate(asked: AnswerOptions): AsyncGenerator<AnswerPiece, void, void> {
    const { messages, setup, signal, begun = null, chat: name } = asked;
    // Schemas are the router's business; it answers from this same model.
    if (setup.schema !== "") {
      const model = { name: this.#model.info.name, creativity: this.creativity };
      return yield* chat(routerOf(this.#engine), model, asked, undefined);
    }
    const thoughts = new Thoughts(begun?.mark);
    const isKept = prefs.remember && name !== undefined;
    const snapshot = isKept ? { snapshot: { name: snapshotName(name) } } : {};
    const more = { ...sampling(setup, this.creativity), ...goingOn(begun, setup), ...snapshot };
    const options = { messages: joined(messages), signal, ...more };
    for await (const piece of this.#model.generate(options)) {
      const { tokens: ids, text: _, ...rest } = piece;
      const parts = thoughts.take(piece);
      const { part, held } = thoughts;
      if (piece.done) this.#noteSpeed(piece.timings, begun?.tokens.length ?? 0);
      yield { ...rest, ...parts, nTokens: ids.length, tokens: { ids, part, held } };
    }
  }
}

/** An answer with fewer new tokens says little about speed. */
const SPEED_TOKENS_MIN = 16;

/** The engine's own router, asked as the server is. Nothing leaves the tab. */
function routerOf(engine: Engine): Lines {
  const host = t("where.tab");
  return {
    host,
    async *lines<T>(path: string, { body, signal }: Request) {
      const init = { method: "POST", body: JSON.stringify(body), ...(signal ? { signal } : {}) };
      yield* linesOf<T>(await engine.fetch(path, init), host, signal, () => undefined);
    },
  };
}

/** Behind its tokens with its draws; one at its limit gets as much again. */
function goingOn(begun: Begun | null, { maxTokens }: Setup) {
  if (!begun) return {};
  const { tokens, seed } = begun;
  if (tokens.length === 0) return { seed };
  const limit = tokens.length < maxTokens ? maxTokens : tokens.length + maxTokens;
  return { seed, resume: tokens, ...(maxTokens > 0 ? { maxTokens: limit } : {}) };
}

/** What of a setup the engine is told; what is null it decides by itself. */
function sampling(setup: Setup, creativity: number): Omit<GenerateOptions, "messages"> {
  const given = {
    temperature: setup.creativity ?? creativity,
    topP: setup.topP,
    topK: setup.topK,
    minP: setup.minP,
    repeatPenalty: setup.repeatPenalty,
    presencePenalty: setup.presencePenalty,
    frequencyPenalty: setup.frequencyPenalty,
    seed: setup.seed,
    stop: setup.stop.length > 0 ? setup.stop : null,
    maxTokens: setup.maxTokens > 0 ? setup.maxTokens : null,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
}
