import { EngineError } from "../public/errors.js";
import type { Notice, Piece, Progress } from "../public/types.js";
import { aborted } from "./aborted.js";
import type { BenchEvent, CallName, Calls, Reply, Request, ResponseHead } from "./protocol.js";

/** How long the worker may take to fetch and compile its module before that counts as a failure. */
const START_TIMEOUT_MS = 60_000;

interface Pending {
  resolve(value: unknown): void;
  reject(error: EngineError): void;
  onProgress: ((progress: Progress) => void) | undefined;
  onPiece: ((piece: Piece) => void) | undefined;
  onBench: ((event: BenchEvent) => void) | undefined;
  onHead: ((head: ResponseHead) => void) | undefined;
  onChunk: ((chunk: Uint8Array<ArrayBuffer>) => void) | undefined;
}

export interface CallHooks {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly onPiece?: ((piece: Piece) => void) | undefined;
  readonly onBench?: ((event: BenchEvent) => void) | undefined;
  readonly onHead?: ((head: ResponseHead) => void) | undefined;
  readonly onChunk?: ((chunk: Uint8Array<ArrayBuffer>) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The page's end of the worker: numbers the requests and settles each exactly once, whatever
 * happens to the worker. Browsers do not tell a page that its worker was killed, so the worker
 * holds a Web Lock while it lives and the page waits for it: getting it means the worker is gone.
 */
export class Client {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #lock = `ingle-worker-${crypto.randomUUID()}`;
  readonly #watch = new AbortController();
  #nextId = 1;
  #gone: EngineError | null = null;
  onNotice: ((notice: Notice) => void) | null = null;
  onGone: ((error: EngineError) => void) | null = null;

  constructor(workerUrl: string | URL | undefined) {
    this.#worker = workerUrl
      ? new Worker(workerUrl, { type: "module", name: "ingle" })
      : new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "ingle" });
    this.#worker.onmessage = (event: MessageEvent<Reply>) => this.#receive(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.close(crashed(event.message || "the worker could not be loaded"));
    };
  }

  async start(
    body: Omit<Calls["start"]["body"], "lock">,
  ): Promise<Calls["start"]["result"]> {
    const timer = setTimeout(
      () =>
        this.close(
          new EngineError(
            "engine.start",
            "The engine did not start within a minute. Reload the page.",
          ),
        ),
      START_TIMEOUT_MS,
    );
    try {
      const info = await this.call("start", { ...body, lock: this.#lock });
      this.#watchForDeath();
      return info;
    } finally {
      clearTimeout(timer);
    }
  }

  call<K extends CallName>(
    type: K,
    body: Calls[K]["body"],
    hooks: CallHooks = {},
  ): Promise<Calls[K]["result"]> {
    if (this.#gone) return Promise.reject(this.#gone);
    const { signal } = hooks;
    if (signal?.aborted) return Promise.reject(aborted());
    const id = this.#nextId++;
    const cancel = () => this.#post({ type: "cancel", id });
    signal?.addEventListener("abort", cancel, { once: true });
    return new Promise<Calls[K]["result"]>((resolve, reject) => {
      this.#pending.set(id, {
        resolve: resolve as (value: unknown) => void,
        reject,
        onProgress: hooks.onProgress,
        onPiece: hooks.onPiece,
        onBench: hooks.onBench,
        onHead: hooks.onHead,
        onChunk: hooks.onChunk,
      });
      this.#post({ type, id, ...body } as Request);
    }).finally(() => signal?.removeEventListener("abort", cancel));
  }

  /** Ends the worker; whatever still waits is rejected with `error`. */
  close(error: EngineError): void {
    if (this.#gone) return;
    this.#gone = error;
    this.#watch.abort();
    this.#worker.terminate();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of waiting) call.reject(error);
    this.onGone?.(error);
  }

  get gone(): EngineError | null {
    return this.#gone;
  }

  #post(message: Request): void {
    try {
      this.#worker.postMessage(message);
    } catch (error) {
      const call = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      call?.reject(
        new EngineError(
          "api.argument",
          "An argument cannot be sent to the engine: only plain data and files can.",
          String(error),
        ),
      );
    }
  }

  #receive(reply: Reply): void {
    if (reply.type === "notice") return this.onNotice?.(reply.notice);
    if (reply.type === "crash") return this.close(crashed(reply.detail));
    const call = this.#pending.get(reply.id);
    if (!call) return;
    switch (reply.type) {
      case "progress":
        return call.onProgress?.(reply.progress);
      case "piece":
        return call.onPiece?.(reply.piece);
      case "bench":
        return call.onBench?.(reply.event);
      case "head":
        return call.onHead?.(reply.head);
      case "chunk":
        return call.onChunk?.(reply.chunk);
      case "result":
        this.#pending.delete(reply.id);
        return call.resolve(reply.value);
      case "error":
        this.#pending.delete(reply.id);
        return call.reject(EngineError.fromBody(reply.error));
    }
  }

  #watchForDeath(): void {
    const locks = navigator.locks as LockManager | undefined;
    locks
      ?.request(this.#lock, { signal: this.#watch.signal }, () => {
        this.close(
          new EngineError(
            "engine.killed",
            "The browser ended the engine, often because memory ran out. Load the model again.",
            "the worker released its lock",
          ),
        );
      })
      .catch(() => undefined); // aborted by close(): nothing is watched any more
  }
}

function crashed(detail: string): EngineError {
  return new EngineError(
    "engine.crash",
    "The engine stopped unexpectedly. Start it again.",
    detail,
  );
}
