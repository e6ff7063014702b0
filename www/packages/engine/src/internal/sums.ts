/**
 * SHA-256 beside the engine's worker: the digest of one large file, in a worker with the same
 * module in a memory of its own. It lives as long as the digest takes, so nothing stays behind.
 */

import type { ThreadStart } from "./threads.js";
import { makeWorker } from "./trusted.js";

/** What the worker is told, after the module. */
export type SumCall =
  | { readonly type: "add"; readonly buffer: Uint8Array<ArrayBuffer>; readonly n: number }
  | { readonly type: "finish" };

/** The module as the worker gets it; its memory is its own. */
export type SumStart = Omit<ThreadStart, "memory">;

/**
 * A worker that answers nothing for this long is not waited for: it could not start, or the browser
 * ended it, which nobody is told. One that is only slow costs the file's digest once more.
 */
const PATIENCE_MS = 10_000;

/** One digest. Promises hold null once the worker is lost; they never fail. */
export class Sum {
  readonly #worker: Worker;
  /** Calls are answered in their order. */
  readonly #waiting: ((value: Uint8Array | null) => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isLost = false;

  private constructor(start: SumStart) {
    this.#worker = makeWorker(
      () =>
        new Worker(new URL("./sum-worker.js", import.meta.url), {
          type: "module",
          name: "ingle-sum",
        }),
    );
    this.#worker.onmessage = ({ data }: MessageEvent<Uint8Array>) => {
      this.#waiting.shift()?.(data);
      this.#arm();
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.close();
    };
    this.#worker.postMessage(start);
  }

  /** Null where no such worker can be made. */
  static begin(start: SumStart): Sum | null {
    try {
      return new Sum(start);
    } catch {
      return null;
    }
  }

  /** Adds the first `n` bytes of a buffer, which is the worker's until it comes back. */
  add(buffer: Uint8Array<ArrayBuffer>, n: number): Promise<Uint8Array | null> {
    return this.#ask({ type: "add", buffer, n }, [buffer.buffer]);
  }

  finish(): Promise<Uint8Array | null> {
    return this.#ask({ type: "finish" }, []);
  }

  close(): void {
    this.#isLost = true;
    clearTimeout(this.#timer);
    this.#worker.terminate();
    for (const settle of this.#waiting.splice(0)) settle(null);
  }

  #ask(call: SumCall, transfer: Transferable[]): Promise<Uint8Array | null> {
    if (this.#isLost) return Promise.resolve(null);
    this.#worker.postMessage(call, transfer);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#arm();
    });
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.close(), PATIENCE_MS);
  }
}
