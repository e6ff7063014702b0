/**
 * How the parts of an answer pass from who writes it to who reads it: at most so many are on their
 * way or lie there unread. A reader that is slow holds its answer back, and memory does not grow.
 */

/** A part is a piece or an event of an answer, a few hundred bytes, or a whole short answer. */
export const WINDOW = 32;

/** The writer's side. */
export class Credit {
  #left: number;
  #wake: () => void = () => undefined;

  constructor(window = WINDOW) {
    this.#left = window;
  }

  /** Returns when another part may go, or the answer is called off; at once where it may. */
  take(signal: AbortSignal): Promise<void> | void {
    if (this.#left <= 0 && !signal.aborted) return this.#wait(signal);
    this.#left -= 1;
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const wake = () => this.#wake();
    signal.addEventListener("abort", wake);
    while (this.#left <= 0 && !signal.aborted) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    signal.removeEventListener("abort", wake);
    this.#left -= 1;
  }

  /** The reader took `n` parts. */
  give(n: number): void {
    this.#left += n;
    this.#wake();
  }
}

/** The reader's side: a stream of what came, that tells how much of it was taken. */
export class Intake {
  readonly stream: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #nCame = 0;
  #nTold = 0;

  /** `tell(n)`: `n` more parts were taken. `cancel`: nobody reads on. */
  constructor(
    private readonly tell: (n: number) => void,
    cancel: () => void,
  ) {
    const source: UnderlyingDefaultSource<Uint8Array> = {
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#told(),
      cancel,
    };
    this.stream = new ReadableStream(source, { highWaterMark: WINDOW });
  }

  push(part: Uint8Array): void {
    this.#nCame += 1;
    this.#controller?.enqueue(part);
  }

  /** A part came that is known already. */
  skip(): void {
    this.#nCame += 1;
    this.#told();
  }

  /** Another writer begins, with a window of its own. */
  restart(): void {
    this.#nTold = this.#nCame - this.#nQueued;
  }

  close(): void {
    this.#controller?.close();
  }

  fail(reason: unknown): void {
    this.#controller?.error(reason);
  }

  get #nQueued(): number {
    return WINDOW - (this.#controller?.desiredSize ?? WINDOW);
  }

  /** Tells in halves of the window, and at the latest when nothing is left. */
  #told(): void {
    const n = this.#nCame - this.#nQueued - this.#nTold;
    if (n <= 0 || (n < WINDOW / 2 && this.#nQueued > 0)) return;
    this.#nTold += n;
    this.tell(n);
  }
}
