/** The worker's end of one piece of work: a call comes once, and its result ends the worker. */

import type {
  AsideCall,
  AsideCalls,
  AsideProgress,
  AsideReply,
  AsideRequest,
  AsideResult,
} from "./aside-messages.js";
import { errorBody } from "./error-body.js";

/** What work has beside its call: whether it shall stop, and who hears how far it is. */
export interface AsideHooks<Calls extends AsideCalls<Calls>> {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: AsideProgress<Calls>) => void;
}

/** Does what the page asks. Called once, at the worker's start. */
export function serveAside<Calls extends AsideCalls<Calls>>(
  run: (call: AsideCall<Calls>, hooks: AsideHooks<Calls>) => Promise<AsideResult<Calls>>,
): void {
  const stop = new AbortController();
  const say = (reply: AsideReply<Calls>) => postMessage(reply);
  const failed = (error: unknown) => say({ error: errorBody(error) });
  const hooks: AsideHooks<Calls> = {
    signal: stop.signal,
    onProgress: (progress) => say({ progress }),
  };
  onmessage = ({ data }: MessageEvent<AsideRequest<Calls>>) => {
    if ("cancel" in data) return stop.abort();
    holdLock(data.lock, () => say({ held: true }));
    run(data.call, hooks).then((result) => say({ result }), failed);
  };
  // A trap inside the module surfaces here and nowhere else: the promise it was in never settles.
  addEventListener("error", (event) => failed(event.error ?? event.message));
  addEventListener("unhandledrejection", (event) => failed(event.reason));
}

function holdLock(name: string, onHeld: () => void): void {
  const held = () => {
    onHeld();
    return new Promise<never>(() => undefined);
  };
  void navigator.locks.request(name, held);
}
