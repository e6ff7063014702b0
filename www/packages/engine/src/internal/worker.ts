/**
 * The worker: it alone owns the module, the device and the stored files. What changes the model in
 * use runs one after another; everything else runs beside it, answers included: the module has
 * several slots, and waits for its device without holding this thread.
 */

import { EngineError } from "../public/errors.js";
import type { Piece } from "../public/types.js";
import { aborted } from "./aborted.js";
import { Credit } from "./credit.js";
import { errorBody } from "./error-body.js";
import type {
  BenchEvent,
  CallName,
  Calls,
  Reply,
  Request,
  ResponseHead,
  TapeEntry,
} from "./protocol.js";
import { Session } from "./session.js";

type Call = Exclude<Request, { type: "cancel" | "more" }>;

interface Scope {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(message: Reply, transfer?: Transferable[]): void;
  addEventListener(type: "error", listener: (event: ErrorEvent) => void): void;
  addEventListener(
    type: "unhandledrejection",
    listener: (event: PromiseRejectionEvent) => void,
  ): void;
}

const scope = globalThis as unknown as Scope;
const running = new Map<number, AbortController>();
/** What may still be sent of bodies and answers. */
const credits = new Map<number, Credit>();
let session: Session | null = null;
/** The last of those that run one after another; the others wait for the start only. */
let last: Promise<void> = Promise.resolve();
let started: Promise<void> | null = null;

const IN_ORDER: ReadonlySet<CallName> = new Set(["load", "unload"]);

scope.onmessage = ({ data }) => {
  if (data.type === "cancel") {
    running.get(data.id)?.abort();
    return;
  }
  if (data.type === "more") {
    credits.get(data.id)?.give(data.n);
    return;
  }
  const stop = new AbortController();
  running.set(data.id, stop);
  const run = () => answer(data, stop.signal).finally(() => running.delete(data.id));
  if (data.type === "start") last = started = run();
  else if (IN_ORDER.has(data.type)) last = last.then(run);
  else void (started ?? Promise.resolve()).then(run);
};

// A trap inside the module surfaces here and nowhere else: the promise it was in never settles.
scope.addEventListener("error", (event) => crash(event.error ?? event.message));
scope.addEventListener("unhandledrejection", (event) => crash(event.reason));

async function answer(call: Call, signal: AbortSignal): Promise<void> {
  try {
    if (signal.aborted) throw aborted();
    const value = await run(call, signal);
    const transfer = value instanceof Float32Array ? [value.buffer as ArrayBuffer] : [];
    scope.postMessage({ type: "result", id: call.id, value }, transfer);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return crash(error);
    scope.postMessage({ type: "error", id: call.id, error: errorBody(error) });
  }
}

async function run(call: Call, signal: AbortSignal): Promise<Calls[CallName]["result"]> {
  if (call.type === "start") {
    holdLock(call.lock);
    session = await Session.open(call.device, call.wishes, call.tuning, silent);
    return session.info();
  }
  if (!session) throw new EngineError("engine.start", "The engine was not started.");
  const { id } = call;
  switch (call.type) {
    case "load":
      return session.load(call, signal, (progress) =>
        scope.postMessage({ type: "progress", id, progress }),
      );
    case "generate": {
      const credit = new Credit();
      credits.set(id, credit);
      const onPiece = (piece: unknown) => {
        scope.postMessage({ type: "piece", id, piece: piece as Piece });
        return credit.take(signal);
      };
      return session.generate(call, signal, onPiece).finally(() => credits.delete(id));
    }
    case "bench":
      return session.bench(call, signal, (event) =>
        scope.postMessage({ type: "bench", id, event: event as BenchEvent }),
      );
    case "tokenize":
      return session.tokenize(call);
    case "logits":
      return session.logits(call);
    case "unload":
      return session.unload(call);
    case "fetch": {
      const credit = new Credit();
      credits.set(id, credit);
      const reader = {
        head: (head: ResponseHead) => scope.postMessage({ type: "head", id, head }),
        chunk: (chunk: Uint8Array<ArrayBuffer>, tape: readonly TapeEntry[]) =>
          scope.postMessage({ type: "chunk", id, chunk, tape }, [chunk.buffer]),
        ready: () => credit.take(signal),
      };
      return session.fetch(call, signal, reader).finally(() => credits.delete(id));
    }
    case "info":
      return session.info();
  }
  return session.store.answer(call, signal, (progress) =>
    scope.postMessage({ type: "progress", id, progress }),
  );
}

/** Held until this worker ends, in whatever way; the page waits for it. */
function holdLock(name: string): void {
  const locks = navigator.locks as LockManager | undefined;
  void locks?.request(name, () => new Promise<never>(() => undefined));
}

function crash(reason: unknown): void {
  const detail =
    reason instanceof Error ? `${reason.message}\n${reason.stack ?? ""}` : String(reason);
  scope.postMessage({ type: "crash", reason: "crash", detail });
}

/** A wait that never ends is a device that is gone, though nobody says so. */
function silent(ms: number): void {
  const detail = `the graphics chip did not answer for ${Math.round(ms / 1000)} s`;
  scope.postMessage({ type: "crash", reason: "gpu", detail });
}
