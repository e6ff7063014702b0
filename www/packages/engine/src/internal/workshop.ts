/** The page's end of a workshop: one worker per piece of work, started for it and ended with it. */

import { EngineError } from "../public/errors.js";
import type { QuantizeProgress } from "../public/quantize.js";
import { aborted } from "./aborted.js";
import type {
  WorkshopCallName,
  WorkshopCalls,
  WorkshopReply,
  WorkshopRequest,
} from "./workshop-messages.js";

interface Hooks {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: QuantizeProgress) => void) | undefined;
}

/** The worker's script lies beside the engine's, for pages that moved that. */
function start(engineWorker: string | URL | undefined): Worker {
  if (engineWorker !== undefined) {
    const url = new URL("workshop-worker.js", new URL(engineWorker, document.baseURI));
    return new Worker(url, { type: "module", name: "ingle workshop" });
  }
  // Written out, so that bundlers find it.
  return new Worker(new URL("./workshop-worker.js", import.meta.url), {
    type: "module",
    name: "ingle workshop",
  });
}

/**
 * Has a workshop do `type`. An abort waits until what was written is removed; a worker that is
 * killed (a page is not told) lets go of the lock that this page waits for.
 */
export async function atWorkshop<K extends WorkshopCallName>(
  engineWorker: string | URL | undefined,
  type: K,
  body: WorkshopCalls[K]["body"],
  { signal, onProgress }: Hooks = {},
): Promise<WorkshopCalls[K]["result"]> {
  if (signal?.aborted) throw aborted();
  const worker = start(engineWorker);
  const post = (message: WorkshopRequest) => worker.postMessage(message);
  const lock = `ingle-workshop/${crypto.randomUUID()}`;
  const over = new AbortController();
  const cancel = () => post({ cancel: true });
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await new Promise<WorkshopCalls[K]["result"]>((resolve, reject) => {
      const watch = () =>
        navigator.locks
          .request(lock, { signal: over.signal }, () => reject(killed()))
          .catch(() => undefined); // the work ended before
      worker.onerror = (event) => {
        event.preventDefault();
        reject(crashed(event.message || "the worker could not be loaded"));
      };
      worker.onmessage = ({ data }: MessageEvent<WorkshopReply>) => {
        if ("held" in data) void watch();
        else if ("progress" in data) onProgress?.(data.progress);
        else if ("error" in data) reject(EngineError.fromBody(data.error));
        else resolve(data.result as WorkshopCalls[K]["result"]);
      };
      post({ call: { type, ...body } as never, lock });
    });
  } finally {
    signal?.removeEventListener("abort", cancel);
    over.abort();
    worker.terminate();
  }
}

const AGAIN = "Nothing was changed. Try again.";

function killed(): EngineError {
  return new EngineError(
    "engine.killed",
    `The browser ended the work on the model, as it does when memory is short. ${AGAIN}`,
  );
}

function crashed(detail: string): EngineError {
  return new EngineError(
    "engine.crash",
    `The work on the model stopped unexpectedly. ${AGAIN}`,
    detail,
  );
}
