/** Compute workers: how they are started, and what they are told. */

import { makeWorker } from "./trusted.js";

/** What a compute worker is told: the module, and the memory it shares with the engine's worker. */
export interface ThreadStart {
  readonly name: string;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

/** `ready`: it computes from now on. `late`: the team was complete without it. */
export type ThreadReply = { readonly type: "ready" } | { readonly type: "late" };

/** A worker that is not there after this long is not waited for. */
const START_TIMEOUT_MS = 10_000;

/**
 * Starts up to `count` compute workers in the module's memory and waits until they have entered it.
 * The engine's worker cannot start them later: it does not return to its event loop while it
 * computes. Fewer than asked for are not an error; the engine says how many threads it has.
 */
export async function startThreads(
  name: string,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  count: number,
): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, () => startThread({ name, module, memory })),
  );
}

function startThread(start: ThreadStart): Promise<void> {
  return new Promise((resolve) => {
    const worker = makeWorker(
      () =>
        new Worker(new URL("./thread.js", import.meta.url), {
          type: "module",
          name: "ingle-thread",
        }),
    );
    const giveUp = () => {
      worker.terminate();
      resolve();
    };
    const timer = setTimeout(giveUp, START_TIMEOUT_MS);
    worker.onmessage = ({ data }: MessageEvent<ThreadReply>) => {
      clearTimeout(timer);
      if (data.type === "late") return giveUp();
      // From here on an error is a trap; it reaches the engine through the shared memory.
      worker.onerror = (event) => event.preventDefault();
      resolve();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      clearTimeout(timer);
      giveUp();
    };
    worker.postMessage(start);
  });
}
