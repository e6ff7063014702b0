import type { LossReason } from "@ingle/engine";

import { announce } from "./announce.js";
import type { AnswerView } from "./answer.js";
import { percent } from "./format.js";
import type { State } from "./history/types.js";
import { number, t, tn } from "./i18n/index.js";
import type { AnswerPiece, ChatModel } from "./model.js";
import { afterLoss, pausedHere } from "./recovery.js";
import { prefs } from "./settings.js";

/** The writing speed is the mean of this long and shown after this many tokens. */
const SPEED_OVER_MS = 2_000;
const SPEED_AFTER_TOKENS = 8;
const LINE_EVERY_MS = 500;
/** Reading that is faster than this is not mentioned. */
const READING_AFTER_MS = 400;
/** Silence is explained to a screen reader after this, and then as often. */
const SAY_AFTER_MS = 3_000;
const SAY_EVERY_MS = 10_000;

/** The words under a growing answer: reading, writing with its speed, then the figures. */
export class Line {
  readonly #answer: AnswerView;
  /** Before a figure that nobody counted. */
  readonly #about: string;
  readonly #start = performance.now();
  #firstAt: number | null = null;
  #tokens = 0;
  #shownAt = 0;
  #saidAt: number;
  #samples: { at: number; tokens: number }[] = [];
  /** Tokens of it that this engine did not choose. */
  #given: number;
  /** What befell it, for the line that stays. */
  #note = "";
  readonly #resume = () => this.#say(pausedHere());

  /** `given`: tokens that were written before. */
  constructor(answer: AnswerView, model: ChatModel, given = 0) {
    this.#answer = answer;
    this.#given = this.#tokens = given;
    // A page that was frozen with its answer, and goes on.
    document.addEventListener("resume", this.#resume);
    this.#about = model.countsTokens ? "" : t("about");
    this.#saidAt = this.#start + SAY_AFTER_MS - SAY_EVERY_MS;
    answer.line(model.where.waiting);
  }

  take(piece: AnswerPiece): void {
    const now = performance.now();
    if (!piece.done && piece.resumed) return this.#resumed(piece.resumed);
    if (!piece.done && piece.reading) return this.#reading(now, piece.reading);
    if (piece.nTokens > 0 && this.#firstAt === null) {
      this.#firstAt = now;
      announce(t("say.answering"));
    }
    this.#tokens += piece.nTokens;
    this.#samples.push({ at: now, tokens: this.#tokens });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > SPEED_OVER_MS)
      this.#samples.shift();
    if (now - this.#shownAt < LINE_EVERY_MS) return;
    this.#shownAt = now;
    const thinking = piece.thought !== "" && piece.text === "";
    this.#answer.line(
      thinking
        ? `${t("line.thinking")} · ${this.#about}${tn("tokens", this.#tokens)}`
        : [t("line.writing"), ...this.#speed(), ...this.#firstWord()].join(" · "),
    );
  }

  #resumed(reason: LossReason): void {
    [this.#given, this.#samples] = [this.#tokens, []];
    this.#say(afterLoss(reason));
  }

  #say(note: string): void {
    this.#note = note;
    this.#answer.line(note);
    this.#shownAt = performance.now(); // long enough to be read
  }

  /** No more pieces come. */
  end(): void {
    document.removeEventListener("resume", this.#resume);
  }

  #reading(now: number, { done, total }: { done: number; total: number }): void {
    if (now - this.#start > READING_AFTER_MS)
      this.#answer.line(`${t("line.reading")} ${tn("tokens", total)} · ${percent(done, total)}`);
    if (now - this.#saidAt < SAY_EVERY_MS) return;
    this.#saidAt = now;
    announce(t("say.reading"));
  }

  /** Tokens per second of what this engine chose, if that was enough to tell. */
  perSecond({ timings }: Extract<AnswerPiece, { done: true }>): number | null {
    const chosen = (timings?.outputTokens ?? 0) - this.#given;
    if (!timings || chosen < SPEED_AFTER_TOKENS || timings.decodeMs <= 0) return null;
    return ((chosen - 1) / timings.decodeMs) * 1000;
  }

  /** The figures of an answer that has ended. */
  done(piece: Extract<AnswerPiece, { done: true }>): { line: string; state: State } {
    const { outputTokens, decodeMs } = piece.timings ?? {
      outputTokens: this.#tokens,
      decodeMs: 0,
    };
    const n = (piece.timings ? "" : this.#about) + tn("tokens", outputTokens);
    const chosen = outputTokens - this.#given;
    const rate = chosen > 1 && decodeMs > 0 ? [speed(((chosen - 1) / decodeMs) * 1000)] : [];
    const noted = this.#note === "" ? [] : [this.#note];
    const line = (...words: string[]) => [...words, ...rate, ...noted].join(" · ");
    switch (piece.reason) {
      case "cancelled":
        return { line: line(t("line.stopped", { n })), state: "stopped" };
      case "length":
        return { line: line(t("line.length", { n })), state: "length" };
      case "context":
        return { line: line(n), state: "context" }; // whose words the writer counts
      case "stop":
        return {
          line: [this.#figures(rate, n), ...noted].filter(Boolean).join(" · "),
          state: "whole",
        };
    }
  }

  #figures(rate: string[], n: string): string {
    if (prefs.figures === "none") return "";
    return (prefs.figures === "speed" ? rate : [...rate, ...this.#firstWord(), n]).join(" · ");
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
    const seconds = Math.max(0.01, (this.#firstAt - this.#start) / 1000);
    return [t("line.first", { s: number(seconds, seconds < 0.1 ? 2 : 1) })];
  }
}

function speed(tokensPerSecond: number): string {
  return `${number(tokensPerSecond, tokensPerSecond < 100 ? 1 : 0)}\u00a0${t("tokens.rate")}`;
}

/** "212 words". */
export function words(text: string): number {
  return text.trim() === "" ? 0 : text.trim().split(/\s+/).length;
}
