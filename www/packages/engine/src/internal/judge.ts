/** The page's end of a judge. */

import { type AsideOptions, besideWorker, doAside } from "./aside.js";
import type { JudgeCalls } from "./judge-messages.js";
import { makeWorker } from "./trusted.js";

function start(engineWorker: string | URL | undefined): Worker {
  if (engineWorker !== undefined)
    return besideWorker(engineWorker, "judge-worker.js", "ingle judge");
  // Written out, so that bundlers find it.
  return makeWorker(
    () =>
      new Worker(new URL("./judge-worker.js", import.meta.url), {
        type: "module",
        name: "ingle judge",
      }),
  );
}

/** Has a judge do `type`. */
export function askJudge<K extends keyof JudgeCalls>(
  engineWorker: string | URL | undefined,
  type: K,
  body: JudgeCalls[K]["body"],
  options?: AsideOptions<JudgeCalls[K]["progress"]>,
): Promise<JudgeCalls[K]["result"]> {
  return doAside<JudgeCalls, K>(() => start(engineWorker), type, body, options);
}
