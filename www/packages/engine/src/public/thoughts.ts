import type { Thinking } from "./types.js";

/** What most models write; for answers of which nothing is said. */
const USUAL: Thinking = { open: "<think>", close: "</think>", begun: false };

/** `gap`: behind the closing mark, before the first word. */
type Part = "before" | "inside" | "gap" | "after";

/** Where an answer stands between two pieces. */
export interface ThoughtsMark {
  readonly part: string;
  /** Text that may be the beginning of a mark, and was not given yet. */
  readonly held: string;
}

/**
 * Takes an answer apart as it comes: what the model thinks at its beginning, and the rest. The
 * marks are held back until they are whole, so a half-written one is never shown.
 *
 * ```ts
 * const thoughts = new Thoughts();
 * for await (const piece of model.generate({ messages })) {
 *   const { thought, text } = thoughts.take(piece);
 * }
 * ```
 */
export class Thoughts implements ThoughtsMark {
  #marks = USUAL;
  #state: Part = "before";
  #held = "";

  /** At the beginning, or where another one stood. */
  constructor(from: ThoughtsMark | null = null) {
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
  take(piece: {
    readonly text: string;
    readonly done: boolean;
    readonly thinking?: Thinking | undefined;
  }): { readonly text: string; readonly thought: string } {
    if (piece.thinking) this.#know(piece.thinking);
    return this.#split(piece.text, piece.done);
  }

  /** Comes before the first text; comes again where an answer goes on, and changes nothing then. */
  #know(marks: Thinking): void {
    this.#marks = marks;
    if (marks.begun && this.#state === "before" && this.#held === "") this.#state = "inside";
  }

  #split(piece: string, done: boolean): { text: string; thought: string } {
    const { open, close } = this.#marks;
    this.#held += piece;
    let thought = "";
    if (this.#state === "before") {
      const start = this.#held.trimStart();
      if (start.startsWith(open)) {
        this.#state = "inside";
        this.#held = start.slice(open.length);
      } else if (done || !open.startsWith(start)) this.#state = "after";
      else return { text: "", thought: "" };
    }
    if (this.#state === "inside") {
      const end = this.#held.indexOf(close);
      if (end >= 0) {
        thought = this.#held.slice(0, end);
        this.#held = this.#held.slice(end + close.length);
        this.#state = "gap";
      } else {
        const keep = done ? 0 : heldBack(this.#held, close);
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
function heldBack(text: string, close: string): number {
  for (let n = Math.min(close.length - 1, text.length); n > 0; n -= 1)
    if (text.endsWith(close.slice(0, n))) return n;
  return 0;
}
