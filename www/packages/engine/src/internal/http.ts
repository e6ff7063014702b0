import { EngineError } from "../public/errors.js";
import { aborted } from "./aborted.js";
import type { Client } from "./client.js";
import { Intake } from "./credit.js";
import type { RequestHead } from "./protocol.js";
import type { CallHooks } from "./recover-call.js";

/** Statuses whose answers have no body; a `Response` with one cannot even be made. */
const BODILESS = new Set([101, 103, 204, 205, 304]);

/**
 * `fetch` into the engine: a request like any other goes to the worker, its head and chunks come
 * back as a `Response`. The promise settles with the head, as that of the browser's `fetch` does.
 */
export async function request(
  client: Client,
  path: string | URL,
  init: RequestInit,
): Promise<Response> {
  // The name of the host is of no matter; `.invalid` is nobody's.
  const asked = new Request(new URL(path, "http://page.invalid"), withDuplex(init));
  const { signal } = asked;
  if (signal.aborted) throw aborted();
  const hasBody = asked.method !== "GET" && asked.method !== "HEAD";
  const payload = hasBody ? await asked.blob() : null;
  const { pathname, search } = new URL(asked.url);
  const head: RequestHead = {
    method: asked.method,
    path: pathname,
    query: search.replace(/^\?/, ""),
    headers: [...asked.headers],
  };
  return new Promise((resolve, reject) =>
    answer(client, { head, payload }, signal, resolve, reject),
  );
}

function answer(
  client: Client,
  body: { head: RequestHead; payload: Blob | null },
  signal: AbortSignal,
  resolve: (response: Response) => void,
  reject: (error: unknown) => void,
): void {
  const stop = new AbortController();
  const forward = () => stop.abort();
  signal.addEventListener("abort", forward, { once: true });
  if (signal.aborted) stop.abort();
  let more: (n: number) => void = () => undefined;
  let isOver = false;
  const intake = new Intake(
    (n) => more(n),
    () => {
      isOver = true;
      stop.abort();
    },
  );
  const end = (finish: () => void) => {
    signal.removeEventListener("abort", forward);
    if (!isOver) finish();
    isOver = true;
  };
  const hooks: CallHooks = {
    signal: stop.signal,
    onSent: (tell) => {
      more = tell;
      intake.restart();
    },
    onHead: ({ status, headers }) => {
      const isBodiless = BODILESS.has(status) || body.head.method === "HEAD";
      resolve(new Response(isBodiless ? null : intake.stream, { status, headers }));
    },
    onChunk: (chunk) => {
      if (!isOver) intake.push(chunk);
    },
    onKnown: () => intake.skip(),
  };
  client.call("fetch", body, hooks).then(
    () => end(() => intake.close()),
    (error: unknown) => {
      const reason = EngineError.from(error);
      end(() => intake.fail(reason));
      reject(reason); // does nothing once the head was there
    },
  );
}

/** A body that is a stream must say that it is sent before the answer comes. */
function withDuplex(init: RequestInit): RequestInit {
  return init.body instanceof ReadableStream ? ({ ...init, duplex: "half" } as RequestInit) : init;
}
