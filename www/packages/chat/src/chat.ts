import { EngineError, type Message } from "@ingle/engine";

import { announce } from "./announce.js";
import type { Answer, Conversation } from "./conversation.js";
import { count, percent } from "./format.js";
import type { AnswerPiece, ChatModel } from "./model.js";
import type { ChatSettings } from "./settings.js";

/** The writing speed is the mean of this long and shown after this many tokens. */
const SPEED_OVER_MS = 2_000;
const SPEED_AFTER_TOKENS = 8;
const LINE_EVERY_MS = 500;
/** Reading that is faster than this is not mentioned. */
const READING_AFTER_MS = 400;
/** A stop that takes longer than this says that it was heard. */
const STOPPING_AFTER_MS = 400;

export interface ChatEvents {
  writing(writing: boolean): void;
  /** Tokens of context in use. */
  figures(used: number): void;
  failed(error: EngineError): void;
}

/** One conversation: what was said, and the answer that is being written. */
export class Chat {
  readonly #conversation: Conversation;
  readonly #settings: ChatSettings;
  readonly #events: ChatEvents;
  #messages: Message[] = [];
  #answer: Answer | null = null;
  #stop: AbortController | null = null;

  constructor(conversation: Conversation, settings: ChatSettings, events: ChatEvents) {
    this.#conversation = conversation;
    this.#settings = settings;
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  clear(): void {
    this.#messages = [];
    this.#answer = null;
  }

  say(text: string): void {
    this.#messages.push({ role: "user", content: text });
    this.#conversation.addMessage(text);
  }

  /** The line of an answer that cannot start yet. */
  waitLine(): (text: string) => void {
    const answer = this.#conversation.addAnswer("Answer");
    this.#answer = answer;
    answer.line("Will start when the model is ready.");
    return (text) => answer.line(text);
  }

  stop(): void {
    const stop = this.#stop;
    if (!stop || stop.signal.aborted) return;
    stop.abort();
    setTimeout(() => {
      if (this.#stop === stop) this.#answer?.line("Stopping");
    }, STOPPING_AFTER_MS);
  }

  /** Answers what was said last once more; what came of the first try stays on the screen. */
  again(model: ChatModel): void {
    while (this.#messages.at(-1)?.role === "assistant") this.#messages.pop();
    if (!this.isEmpty) this.answer(model);
  }

  /** Writes the answer to what was said last. */
  answer(model: ChatModel): void {
    const answer = this.#answer ?? this.#conversation.addAnswer(model.title);
    this.#answer = answer;
    const stop = new AbortController();
    this.#stop = stop;
    this.#events.writing(true);
    void this.#write(model, answer, stop.signal).finally(() => {
      if (this.#answer === answer) this.#answer = null;
      if (this.#stop === stop) this.#stop = null;
      this.#events.writing(false);
    });
  }

  async #write(model: ChatModel, answer: Answer, signal: AbortSignal): Promise<void> {
    const messages = this.#messages;
    const { instructions, creativity, maxTokens } = this.#settings;
    const system: Message[] =
      instructions.trim() === "" ? [] : [{ role: "system", content: instructions.trim() }];
    const line = new Line(answer, model);
    try {
      const pieces = model.generate({
        messages: [...system, ...messages],
        temperature: creativity,
        ...(maxTokens > 0 ? { maxTokens } : {}),
        signal,
      });
      for await (const piece of pieces) {
        answer.append(piece.text);
        line.take(piece);
        if (!piece.done) continue;
        if (piece.timings)
          this.#events.figures(piece.timings.promptTokens + piece.timings.outputTokens);
        answer.finish(line.done(piece));
        if (piece.reason !== "cancelled") answer.announce();
      }
      messages.push({ role: "assistant", content: answer.text });
    } catch (error) {
      answer.finish(answer.text === "" ? "" : "Stopped. The text so far is kept.");
      if (answer.text !== "") messages.push({ role: "assistant", content: answer.text });
      const reason = error instanceof EngineError ? error : EngineError.from(error);
      if (reason.code !== "aborted") this.#events.failed(reason);
    }
  }
}

/** The words under a growing answer: reading, writing with its speed, then the figures. */
class Line {
  readonly #answer: Answer;
  /** Before a figure that nobody counted. */
  readonly #about: string;
  readonly #start = performance.now();
  #firstAt: number | null = null;
  #tokens = 0;
  #shownAt = 0;
  #samples: { at: number; tokens: number }[] = [];

  constructor(answer: Answer, model: ChatModel) {
    this.#answer = answer;
    this.#about = model.countsTokens ? "" : "about ";
    answer.line(model.where.waiting);
  }

  take(piece: AnswerPiece): void {
    const now = performance.now();
    if (!piece.done && piece.reading) {
      const { done, total } = piece.reading;
      if (now - this.#start > READING_AFTER_MS) {
        this.#answer.line(`Reading ${count(total)} tokens · ${percent(done, total)}`);
      }
      return;
    }
    if (piece.nTokens > 0 && this.#firstAt === null) {
      this.#firstAt = now;
      announce("Answering.");
    }
    this.#tokens += piece.nTokens;
    this.#samples.push({ at: now, tokens: this.#tokens });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > SPEED_OVER_MS)
      this.#samples.shift();
    if (now - this.#shownAt < LINE_EVERY_MS) return;
    this.#shownAt = now;
    this.#answer.line(["Writing", ...this.#speed(), ...this.#firstWord()].join(" · "));
  }

  done(piece: Extract<AnswerPiece, { done: true }>): string {
    const { outputTokens, decodeMs } = piece.timings ?? { outputTokens: this.#tokens, decodeMs: 0 };
    const about = piece.timings ? "" : this.#about;
    const n = `${about}${count(outputTokens)} ${outputTokens === 1 ? "token" : "tokens"}`;
    const rate =
      outputTokens > 1 && decodeMs > 0 ? [speed(((outputTokens - 1) / decodeMs) * 1000)] : [];
    switch (piece.reason) {
      case "cancelled":
        return [`Stopped after ${n}`, ...rate].join(" · ");
      case "length":
        return [`Stopped at the length limit of ${n}`, ...rate].join(" · ");
      case "context":
        return ["The context is full", n, ...rate].join(" · ");
      case "stop":
        return [...rate, ...this.#firstWord(), n].join(" · ");
    }
  }

  #speed(): string[] {
    const first = this.#samples[0];
    const last = this.#samples[this.#samples.length - 1];
    if (!first || !last || this.#tokens < SPEED_AFTER_TOKENS || last.at <= first.at) return [];
    const rate = ((last.tokens - first.tokens) / (last.at - first.at)) * 1000;
    return [this.#about + speed(rate)];
  }

  #firstWord(): string[] {
    if (this.#firstAt === null) return [];
    return [`first word after ${((this.#firstAt - this.#start) / 1000).toFixed(1)}\u00a0s`];
  }
}

function speed(tokensPerSecond: number): string {
  return `${tokensPerSecond.toFixed(1)}\u00a0tokens/s`;
}
