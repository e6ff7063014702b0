import { EngineError } from "../public/errors.js";
import type { RequestOptions } from "../public/openai.js";
import { Stream } from "../public/stream.js";
import { aborted } from "./aborted.js";

/** Asks the router. */
export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

/** Sends `body`; the answer as an object, or as a stream if that was asked for. */
export async function create<T, Chunk>(
  fetch: Fetch,
  path: string,
  body: { readonly stream?: boolean | null | undefined },
  { signal }: RequestOptions,
): Promise<T | Stream<Chunk>> {
  if (signal?.aborted) throw aborted();
  const controller = new AbortController();
  const forward = () => controller.abort();
  signal?.addEventListener("abort", forward, { once: true });
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: controller.signal,
  });
  if (!response.ok) throw await failure(response);
  if (body.stream && response.body) return new Stream<Chunk>(response.body, controller);
  try {
    return (await response.json()) as T;
  } finally {
    signal?.removeEventListener("abort", forward);
  }
}

/** OpenAI's error as one of this package: its code is `api.` and the status. */
async function failure(response: Response): Promise<EngineError> {
  const text = await response.text();
  let message = text;
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } | string };
    message = (typeof error === "string" ? error : error?.message) ?? text;
  } catch {
    // no JSON: the text is the message
  }
  return new EngineError(`api.${response.status}`, message || "The request failed.", text);
}
