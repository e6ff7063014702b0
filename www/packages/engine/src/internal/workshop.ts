/** The page's end of a workshop. */

import { type AsideOptions, besideWorker, doAside } from "./aside.js";
import type { WorkshopCalls } from "./workshop-messages.js";
import { makeWorker } from "./trusted.js";

function start(engineWorker: string | URL | undefined): Worker {
  if (engineWorker !== undefined)
    return besideWorker(engineWorker, "workshop-worker.js", "ingle workshop");
  // Written out, so that bundlers find it.
  return makeWorker(
    () =>
      new Worker(new URL("./workshop-worker.js", import.meta.url), {
        type: "module",
        name: "ingle workshop",
      }),
  );
}

/** Has a workshop do `type`. */
export function atWorkshop<K extends keyof WorkshopCalls>(
  engineWorker: string | URL | undefined,
  type: K,
  body: WorkshopCalls[K]["body"],
  options?: AsideOptions<WorkshopCalls[K]["progress"]>,
): Promise<WorkshopCalls[K]["result"]> {
  return doAside<WorkshopCalls, K>(() => start(engineWorker), type, body, options);
}
