import type { EngineError } from "../public/errors.js";
import { WINDOW } from "./credit.js";

/**
 * Hands pieces from the engine's messages to the one reader of a loop, and tells the engine how
 * many were taken, so that it holds the answer back when the reader is slow. Not a stream of the
 * platform, as bodies have it (`Intake`): one that fails throws away what lies in it unread, and
 * what an answer came to before an error is wanted.
 */
export class Queue<T> {
  /** What lies here, and if the engine that writes now counts it as unread. */
  #items: { readonly item: T; counts: boolean }[] = [];
  #tell: (n: number) => void = () => undefined;
  /** Taken, and not told yet. */
  #nTaken = 0;
  #wake: (() => void) | null = null;
  #ended = false;
  #error: EngineError | null = null;

  /** Another engine writes from here on, with a window of its own: `tell(n)`, `n` were taken. */
  restart(tell: (n: number) => void): void {
    [this.#tell, this.#nTaken] = [tell, 0];
    for (const one of this.#items) one.counts = false;
  }

  /** `isOwn`: it is from the page, and no engine waits until it is taken. */
  push(item: T, isOwn = false): void {
    this.#items.push({ item, counts: !isOwn });
    this.#wake?.();
  }

  /** Something came that nobody has to read. */
  skip(): void {
    this.#taken();
  }

  end(error: EngineError | null): void {
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  async next(): Promise<T | null> {
    for (;;) {
      const one = this.#items.shift();
      if (one?.counts) this.#taken();
      if (one) return one.item;
      if (this.#error) throw this.#error;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
  }

  /** Tells in halves of the window, and at the latest when nothing is left. */
  #taken(): void {
    this.#nTaken += 1;
    if (this.#ended || (this.#nTaken < WINDOW / 2 && this.#items.length > 0)) return;
    this.#tell(this.#nTaken);
    this.#nTaken = 0;
  }
}
