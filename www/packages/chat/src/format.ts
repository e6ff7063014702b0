/** Figures as people read them: decimal units, a no-break space before the unit. */

import { number, t, tn } from "./i18n/index.js";

const NBSP = "\u00a0";
const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** 1 250 000 000 → "1.25 GB". */
export function bytes(n: number): string {
  let unit = 0;
  while (n >= 1000 && unit < UNITS.length - 1) {
    n /= 1000;
    unit += 1;
  }
  const digits = unit === 0 ? 0 : n < 10 ? 2 : 1;
  return number(n, digits) + NBSP + UNITS[unit];
}

/** "1.25 of 2.02 GB": both in the unit of the larger. */
export function bytesOf(done: number, total: number): string {
  const unit = Math.min(
    UNITS.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.max(1, total)) / 3)),
  );
  const scale = 1000 ** unit;
  const digits = unit === 0 ? 0 : total / scale < 10 ? 2 : 1;
  const [a, b] = [done, total].map((n) => number(n / scale, digits));
  return `${t("of", { a: a ?? "", b: b ?? "" })}${NBSP}${UNITS[unit]}`;
}

/** A model's name as people say it: "llama3.2", where the store has "llama3.2:latest". */
export function nameShown(name: string): string {
  return name.replace(/:latest$/, "");
}

export function count(n: number): string {
  return number(n);
}

export function percent(done: number, total: number): string {
  return `${total > 0 ? Math.floor((done / total) * 100) : 0}%`;
}

/** Words for the time a transfer still takes; coarse, because it is a guess. */
export function timeLeft(seconds: number): string {
  if (seconds >= 90 * 60) return tn("left.hours", Math.round(seconds / 3600));
  if (seconds >= 90) return tn("left.minutes", Math.round(seconds / 60));
  if (seconds >= 45) return tn("left.minutes", 1);
  if (seconds >= 10) return t("left.less");
  return t("left.few");
}

/** Nothing is said about the time left before this much was seen. */
const RATE_AFTER_MS = 5_000;
/** The rate is the mean over this long. */
const RATE_OVER_MS = 10_000;
/** The words about the time left change at most this often. */
const WORDS_EVERY_MS = 2_000;
/** More time than was said is believed after this long. */
const LONGER_AFTER_MS = 10_000;

/** Rate and time left of a transfer from (time, bytes) samples. */
export class Rate {
  #samples: { at: number; done: number }[] = [];
  #start: number | null = null;
  #said: { at: number; seconds: number; words: string } | null = null;
  #longerSince: number | null = null;

  add(at: number, done: number): void {
    // Another tab has begun again: what was seen is no measure of that.
    if (done < (this.#samples.at(-1)?.done ?? 0)) [this.#samples, this.#said] = [[], null];
    this.#start ??= at;
    this.#samples.push({ at, done });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) > RATE_OVER_MS)
      this.#samples.shift();
  }

  /** Bytes per second, or null while too little was seen. */
  perSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples[this.#samples.length - 1];
    if (!first || !last || last.at - first.at < 500) return null;
    return ((last.done - first.done) / (last.at - first.at)) * 1000;
  }

  secondsLeft(total: number): number | null {
    const last = this.#samples[this.#samples.length - 1];
    const rate = this.perSecond();
    if (!last || !rate || this.#start === null || last.at - this.#start < RATE_AFTER_MS)
      return null;
    return (total - last.done) / rate;
  }

  /** Time left in words, steady enough to be read; null while nothing can be said. */
  wordsLeft(total: number): string | null {
    const seconds = this.secondsLeft(total);
    const now = this.#samples[this.#samples.length - 1]?.at ?? 0;
    if (seconds === null) return this.#said?.words ?? null;
    const said = this.#said;
    if (said && now - said.at < WORDS_EVERY_MS) return said.words;
    const isLonger = said !== null && seconds > said.seconds;
    this.#longerSince = isLonger ? (this.#longerSince ?? now) : null;
    if (said && isLonger && now - (this.#longerSince ?? now) < LONGER_AFTER_MS) return said.words;
    this.#longerSince = null;
    this.#said = { at: now, seconds, words: timeLeft(seconds) };
    return this.#said.words;
  }
}
