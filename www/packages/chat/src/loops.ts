import type { AnswerPiece } from "./model.js";

/**
 * A model that writes the same passage again and again will not stop by itself. Only what repeats
 * to the letter, many times and for long, counts: lists, tables and verses do not.
 */

/** So many of the last characters are one passage, ... */
export const LOOP_CHARACTERS = 1_600;
/** ... at least so often. */
const TIMES_MIN = 8;
/** Looked at after so many new characters. */
const LOOK_EVERY = 200;

/** The shortest passage that `text` is made of, again and again, in characters. */
function period(text: string): number {
  // The longest beginning that is also an end (Knuth, Morris and Pratt 1977).
  const borders = new Uint32Array(text.length);
  for (let i = 1, k = 0; i < text.length; i += 1) {
    while (k > 0 && text[i] !== text[k]) k = borders[k - 1] ?? 0;
    if (text[i] === text[k]) k += 1;
    borders[i] = k;
  }
  return text.length - (borders[text.length - 1] ?? 0);
}

/** How many characters at the end of `text` repeat one passage; 0 if they are too few. */
export function repeated(text: string): number {
  const tail = text.slice(-LOOP_CHARACTERS);
  if (tail.length < LOOP_CHARACTERS || tail.trim() === "") return 0;
  const step = period(tail);
  if (step * TIMES_MIN > tail.length) return 0;
  let from = text.length - tail.length;
  while (from > 0 && text[from - 1] === text[from - 1 + step]) from -= 1;
  return text.length - from;
}

/** Watches an answer, with its thoughts, for the end that does not come. */
export class Loops {
  #text = "";
  #seen = 0;

  /** The repeated characters at the end, if the answer has begun to turn in a circle. */
  take({ text, thought }: AnswerPiece): string | null {
    this.#text += thought + text;
    if (this.#text.length - this.#seen < LOOK_EVERY) return null;
    this.#seen = this.#text.length;
    const n = repeated(this.#text);
    return n === 0 ? null : this.#text.slice(-n);
  }
}
