/** The page's end of work aside: one worker per piece of work, started for it and ended with it. */

import { EngineError } from "../public/errors.js";
import { aborted } from "./aborted.js";
import type { AsideCalls, AsideReply, AsideRequest } from "./aside-messages.js";
import { makeWorker } from "./trusted.js";

/** Who stops some work, and who hears how far it is. */
export interface AsideOptions<Progress> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** The script `file` lies beside the engine's worker, for pages that moved that. */
export function besideWorker(engineWorker: string | URL, file: string, name: string): Worker {
  const url = new URL(file, new URL(engineWorker, document.baseURI));
  return makeWorker(() => new Worker(url, { type: "module", name }), url);
}

/**
 * Has a worker do `type`. An abort waits until what was written is removed; a worker that is killed
 * (a page is not told) lets go of the lock that this page waits for.
 */
export async function doAside<Calls extends AsideCalls<Calls>, K extends keyof Calls>(
  start: () => Worker,
  type: K,
  body: Calls[K]["body"],
  { signal, onProgress }: AsideOptions<Calls[K]["progress"]> = {},
): Promise<Calls[K]["result"]> {
  if (signal?.aborted) throw aborted();
  const worker = start();
  const post = (message: AsideRequest<Calls>) => worker.postMessage(message);
  const lock = `ingle-aside/${crypto.randomUUID()}`;
  const over = new AbortController();
  const cancel = () => post({ cancel: true });
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await new Promise<Calls[K]["result"]>((resolve, reject) => {
      const watch = () =>
        navigator.locks
          .request(lock, { signal: over.signal }, () => reject(killed()))
          .catch(() => undefined); // the work ended before
      worker.onerror = (event) => {
        event.preventDefault();
        reject(crashed(event.message || "the worker could not be loaded"));
      };
      worker.onmessage = ({ data }: MessageEvent<AsideReply<Calls>>) => {
        if ("held" in data) void watch();
        else if ("progress" in data) onProgress?.(data.progress);
        else if ("error" in data) reject(EngineError.fromBody(data.error));
        else resolve(data.result);
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
