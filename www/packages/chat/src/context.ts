import type { Message as Turn } from "@ingle/engine";

import type { ChatModel } from "./model.js";

/** Until a model has counted, this many characters are taken for a token. */
const CHARACTERS_PER_TOKEN = 4;
/** Tokens a chat template adds to a message, until a real prompt has shown it. */
const TEMPLATE_TOKENS = 6;
/** An answer needs room for at least this many tokens. */
const ANSWER_TOKENS_MIN = 32;

/** How a prompt fills the context, in tokens. */
export interface Use {
  readonly instructions: number;
  readonly messages: number;
  readonly draft: number;
  readonly total: number;
  /** Whether a model has counted, or characters were. */
  readonly exact: boolean;
}

/** What is sent, and what is left out. */
export interface Fitted {
  readonly turns: readonly Turn[];
  /** How many of the oldest messages are left out. */
  readonly left: number;
  readonly tokens: number;
}

/**
 * Counts how full the context is. The model counts each text once; what its template adds is
 * learned from the first real prompt, so the gauge says what was really sent.
 */
export class Context {
  #counted = new Map<string, number>();
  #key = "";
  #template = TEMPLATE_TOKENS;

  /** The model has read `turns` as this many tokens. */
  learn(model: ChatModel, turns: readonly Turn[], promptTokens: number): void {
    this.#of(model);
    const known = turns.map(({ content }) => this.#counted.get(content));
    if (turns.length === 0 || known.some((n) => n === undefined)) return;
    const sum = known.reduce<number>((a, n) => a + (n ?? 0), 0);
    this.#template = Math.max(0, (promptTokens - sum) / turns.length);
  }

  async use(model: ChatModel | null, turns: readonly Turn[], draft: string): Promise<Use> {
    const counts = await Promise.all(turns.map(({ content }) => this.#count(model, content)));
    const isSystem = turns[0]?.role === "system";
    const whole = counts.map((n) => n + this.#template);
    const instructions = isSystem ? (whole[0] ?? 0) : 0;
    const messages = sum(whole) - instructions;
    const own = draft === "" ? 0 : (await this.#count(model, draft)) + this.#template;
    return {
      instructions: Math.round(instructions),
      messages: Math.round(messages),
      draft: Math.round(own),
      total: Math.round(instructions + messages + own),
      exact: model?.countsTokens === true,
    };
  }

  /** Tokens that may be sent, so that an answer has room. */
  limit({ contextLength }: ChatModel): number {
    return Math.max(0, contextLength - ANSWER_TOKENS_MIN);
  }

  /** Tokens of one text, for a chip or a field. */
  async tokens(model: ChatModel | null, text: string): Promise<number | null> {
    return model ? model.count(text).catch(() => null) : null;
  }

  /**
   * Leaves out the oldest messages until the rest fits: never the instructions, never the last one,
   * and what is left begins with a message of the person. `begun`: tokens of the answer so far.
   */
  async fit(model: ChatModel, turns: readonly Turn[], begun = 0): Promise<Fitted> {
    const system = turns[0]?.role === "system" ? turns.slice(0, 1) : [];
    const rest = turns.slice(system.length);
    const sizes = await Promise.all(rest.map(({ content }) => this.#count(model, content)));
    const base = (await this.use(model, system, "")).total;
    const limit = this.limit(model) - begun;
    const total = (from: number) => base + sum(sizes.slice(from).map((n) => n + this.#template));
    let from = 0;
    while (from < rest.length - 1 && (total(from) > limit || rest[from]?.role !== "user"))
      from += 1;
    if (total(0) <= limit) from = 0;
    return {
      turns: [...system, ...rest.slice(from)],
      left: from,
      tokens: Math.ceil(total(from)),
    };
  }

  /** Whether `turns` are more than the model can read, and how many tokens they are. */
  async overflow(
    model: ChatModel,
    turns: readonly Turn[],
    begun = 0,
  ): Promise<number | null> {
    if (model.contextLength === 0) return null;
    const total = (await this.use(model, turns, "")).total + begun;
    return total > this.limit(model) ? total : null;
  }

  async #count(model: ChatModel | null, text: string): Promise<number> {
    this.#of(model);
    const known = this.#counted.get(text);
    if (known !== undefined) return known;
    const counted = model ? await model.count(text).catch(() => null) : null;
    if (counted === null) return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
    this.#counted.set(text, counted);
    return counted;
  }

  /** Another model counts anew. */
  #of(model: ChatModel | null): void {
    const key = model?.key ?? "";
    if (key === this.#key) return;
    this.#key = key;
    this.#counted = new Map();
    this.#template = TEMPLATE_TOKENS;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
