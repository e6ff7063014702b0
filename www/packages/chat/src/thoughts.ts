const OPEN = "<think>";
const CLOSE = "</think>";

/** `gap`: behind the closing mark, before the first word. */
type Part = "before" | "inside" | "gap" | "after";

/**
 * Takes an answer apart as it comes: what stands in `<think>` at its beginning, and the rest. The
 * marks are held back until they are whole, so a half-written one is never shown.
 */
export class Thoughts {
  #state: Part = "before";
  #held = "";

  /** At the beginning, or where another one stood: with its `part` and `held`. */
  constructor(from: { readonly part: string; readonly held: string } | null = null) {
    if (!from) return;
    [this.#state, this.#held] = [from.part as Part, from.held];
  }

  get part(): string {
    return this.#state;
  }

  get held(): string {
    return this.#held;
  }

  /** The parts of one piece; the last piece lets go of what was held back. */
  split(piece: string, done: boolean): { text: string; thought: string } {
    this.#held += piece;
    let thought = "";
    if (this.#state === "before") {
      const start = this.#held.trimStart();
      if (start.startsWith(OPEN)) {
        this.#state = "inside";
        this.#held = start.slice(OPEN.length);
      } else if (done || !OPEN.startsWith(start)) this.#state = "after";
      else return { text: "", thought: "" };
    }
    if (this.#state === "inside") {
      const end = this.#held.indexOf(CLOSE);
      if (end >= 0) {
        thought = this.#held.slice(0, end);
        this.#held = this.#held.slice(end + CLOSE.length);
        this.#state = "gap";
      } else {
        const keep = done ? 0 : heldBack(this.#held);
        thought = this.#held.slice(0, this.#held.length - keep);
        this.#held = this.#held.slice(this.#held.length - keep);
        return { text: "", thought };
      }
    }
    const text = this.#state === "gap" ? this.#held.trimStart() : this.#held;
    if (text !== "") this.#state = "after";
    this.#held = "";
    return { text, thought };
  }
}

/** How many characters at the end of `text` may be the beginning of the closing mark. */
function heldBack(text: string): number {
  for (let n = Math.min(CLOSE.length - 1, text.length); n > 0; n -= 1)
    if (text.endsWith(CLOSE.slice(0, n))) return n;
  return 0;
}
