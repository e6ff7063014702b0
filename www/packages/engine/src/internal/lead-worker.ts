import { EngineError } from "../public/errors.js";
import type { EngineInfo } from "../public/types.js";
import type { Loss } from "./lead-link.js";
import type { Calls, Reply, Request } from "./protocol.js";
import { makeWorker } from "./trusted.js";

/** How long the worker may take to fetch and compile its module before that counts as a failure. */
const START_TIMEOUT_MS = 60_000;
/** The `start` request; the host's own numbers begin above. */
export const START_ID = 0;

export type StartBody = Omit<Calls["start"]["body"], "lock">;

/**
 * One worker, from its start to its end. Browsers do not tell a page that its worker was killed, so
 * the worker holds a Web Lock while it lives and the page waits for it: getting it means that the
 * worker is gone. The lock's name begins with `scope`, so that another tab can see whether a worker
 * of that scope still lives.
 */
export class EngineWorker {
  readonly #worker: Worker;
  readonly #lock: string;
  readonly #watch = new AbortController();
  #isOver = false;
  #started: { resolve(info: EngineInfo): void; reject(error: EngineError): void } | null = null;
  onReply: (reply: Reply) => void = () => undefined;
  onLost: (loss: Loss) => void = () => undefined;

  private constructor(workerUrl: string | URL | undefined, scope: string) {
    this.#lock = `${scope}${crypto.randomUUID()}`;
    this.#worker = workerUrl
      ? makeWorker(() => new Worker(workerUrl, { type: "module", name: "ingle" }), workerUrl)
      : makeWorker(
          () =>
            new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "ingle" }),
        );
    this.#worker.onmessage = (event: MessageEvent<Reply>) => this.#receive(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#lose({ reason: "crash", detail: event.message || "the worker could not be loaded" });
    };
  }

  /** Starts a worker and chooses its device. */
  static async start(
    workerUrl: string | URL | undefined,
    scope: string,
    body: StartBody,
  ): Promise<{ worker: EngineWorker; info: EngineInfo }> {
    const worker = new EngineWorker(workerUrl, scope);
    const timer = setTimeout(() => worker.#refuse(slow()), START_TIMEOUT_MS);
    try {
      const info = await new Promise<EngineInfo>((resolve, reject) => {
        worker.#started = { resolve, reject };
        worker.post({ type: "start", id: START_ID, ...body, lock: worker.#lock });
      });
      worker.#watchForDeath();
      return { worker, info };
    } finally {
      clearTimeout(timer);
      worker.#started = null;
    }
  }

  post(message: Request): void {
    this.#worker.postMessage(message);
  }

  terminate(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch.abort();
    this.#worker.terminate();
  }

  #receive(reply: Reply): void {
    if (this.#isOver) return;
    if (reply.type === "crash") return this.#lose({ reason: reply.reason, detail: reply.detail });
    if (!this.#started || !("id" in reply) || reply.id !== START_ID) return this.onReply(reply);
    if (reply.type === "result") this.#started.resolve(reply.value as EngineInfo);
    if (reply.type === "error") this.#refuse(EngineError.fromBody(reply.error));
  }

  #lose(loss: Loss): void {
    if (this.#isOver) return;
    if (this.#started) return this.#refuse(crashed(loss.detail));
    this.terminate();
    this.onLost(loss);
  }

  #refuse(error: EngineError): void {
    this.terminate();
    this.#started?.reject(error);
  }

  #watchForDeath(): void {
    const locks = navigator.locks as LockManager | undefined;
    locks
      ?.request(this.#lock, { signal: this.#watch.signal }, () => {
        this.#lose({ reason: "killed", detail: "the worker released its lock" });
      })
      .catch(() => undefined); // aborted by terminate(): nothing is watched any more
  }
}

function slow(): EngineError {
  return new EngineError(
    "engine.start",
    "The engine did not start within a minute. Reload the page.",
  );
}

function crashed(detail: string): EngineError {
  return new EngineError(
    "engine.crash",
    "The engine stopped unexpectedly. Start it again.",
    detail,
  );
}
