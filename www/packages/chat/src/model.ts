import type { FinishReason, Message, Model, Piece, Reading, Timings } from "@ingle/engine";

import { bytes } from "./format.js";

/** What an answer is asked for with. */
export interface AnswerOptions {
  readonly messages: readonly Message[];
  readonly temperature: number;
  readonly maxTokens?: number;
  readonly signal: AbortSignal;
}

/** A piece of an answer. The last one has `done`. */
export type AnswerPiece =
  | {
      readonly done: false;
      readonly text: string;
      readonly nTokens: number;
      readonly reading?: Reading;
    }
  | {
      readonly done: true;
      readonly text: string;
      readonly nTokens: number;
      readonly reason: FinishReason;
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
  /** The line under the box. */
  readonly status: string;
  /** What `status` leaves out. */
  readonly details: string;
  /** Bytes of memory in this tab. */
  readonly heldBytes: number;
  /** A sentence about the model's chat template, if there is one to say. */
  readonly templateNote: string | null;
  readonly where: Where;
  /** Whether the numbers of tokens in pieces are exact before the last one. */
  readonly countsTokens: boolean;
  /** Ends with a piece that has `done`, after an abort too. */
  generate(options: AnswerOptions): AsyncGenerator<AnswerPiece, void, void>;
}

export const TAB: Where = {
  kind: "tab",
  chip: "On this device",
  promise: "Ask something. It stays on this device.",
  lead:
    "ingle runs a language model inside this tab. What you type is not sent anywhere, and it " +
    "works without a connection.",
  waiting: "Reading",
};

export const keyOfFile = (name: string): string => `file:${name}`;

/** "WebGPU" or "Processor". */
export function deviceName(device: "cpu" | "gpu"): string {
  return device === "gpu" ? "WebGPU" : "Processor";
}

/** A model that this page's engine has loaded. */
export class TabModel implements ChatModel {
  readonly where = TAB;
  readonly countsTokens = true;
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
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

  get status(): string {
    return deviceName(this.#model.info.device);
  }

  get details(): string {
    return this.#model.info.deviceName;
  }

  get heldBytes(): number {
    const { weightBytes, kvBytes, scratchBytes } = this.#model.info;
    return weightBytes + kvBytes + scratchBytes;
  }

  get templateNote(): string | null {
    return this.#model.info.templateNote;
  }

  async *generate(options: AnswerOptions): AsyncGenerator<AnswerPiece, void, void> {
    for await (const piece of this.#model.generate(options)) yield counted(piece);
  }
}

function counted(piece: Piece): AnswerPiece {
  const { tokens, ...rest } = piece;
  return { ...rest, nTokens: tokens.length };
}
