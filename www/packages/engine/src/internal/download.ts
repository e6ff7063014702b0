import { EngineError } from "../public/errors.js";
import { aborted } from "./aborted.js";
import type { TransferContext } from "./transfer.js";

/** A server that sends nothing for this long is given up. */
const STALL_MS = 30_000;

export interface Download {
  readonly name: string;
  /** Null if the server does not say, or if it compresses, which makes its number another one. */
  readonly total: number | null;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends the request; nothing happens after the last byte. */
  cancel(): void;
}

/** Starts a request for a model file and turns every way it can fail into a sentence. */
export async function openDownload(
  url: string,
  { signal, onRequest }: Pick<TransferContext, "signal" | "onRequest">,
): Promise<Download> {
  const host = new URL(url).host;
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  signal.addEventListener("abort", onAbort, { once: true });
  const watch = new Stall(() => stop.abort());
  const cancel = () => {
    signal.removeEventListener("abort", onAbort);
    watch.clear();
    stop.abort();
  };
  const failure = (error: unknown) => {
    cancel();
    if (signal.aborted) return aborted();
    if (watch.stalled) {
      return new EngineError("net.stalled", `${host} stopped answering. Try again.`, String(error));
    }
    return error;
  };
  const record = onRequest(host);
  let response: Response;
  try {
    watch.restart();
    response = await fetch(url, {
      signal: stop.signal,
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
  } catch (error) {
    const reason = failure(error);
    throw reason === error ? await explain(url, host, error) : reason;
  }
  if (!response.ok || !response.body) {
    cancel();
    throw new EngineError(
      "net.http",
      `${host} refused the download. It answered ${response.status}. Check the address.`,
      `${response.status} ${response.statusText} for ${url}`,
    );
  }
  const body = response.body;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const reader = body.getReader();
    try {
      for (;;) {
        watch.restart();
        const { done, value } = await reader.read();
        if (done) break;
        record.bytes += value.byteLength;
        yield value;
      }
    } catch (error) {
      const reason = failure(error);
      throw reason === error ? broken(host, error) : reason;
    } finally {
      cancel();
    }
  }
  return { name: nameOf(url), total: size(response), chunks: chunks(), cancel };
}

function broken(host: string, error: unknown): EngineError {
  return new EngineError(
    "net.cut",
    `The connection to ${host} broke. Nothing was kept; try again.`,
    String(error),
  );
}

/** Finds out why a request failed; browsers only say that it did. */
async function explain(url: string, host: string, error: unknown): Promise<EngineError> {
  const detail = String(error);
  if (!navigator.onLine && host !== location.host) {
    return new EngineError(
      "net.offline",
      "You are offline. Use a file you have, or try again later.",
      detail,
    );
  }
  if (host !== location.host) {
    const answers = await fetch(url, { method: "HEAD", mode: "no-cors" }).then(
      () => true,
      () => false,
    );
    if (answers) {
      return new EngineError(
        "net.cors",
        `${host} does not allow browsers to download this. ` +
          "Download the file yourself and choose it here.",
        detail,
      );
    }
  }
  return new EngineError(
    "net.refused",
    `Cannot reach ${host}. Nothing is listening there, or the address is wrong.`,
    detail,
  );
}

function size(response: Response): number | null {
  const length = Number(response.headers.get("content-length") ?? NaN);
  const coded = response.headers.get("content-encoding") ?? "identity";
  return Number.isSafeInteger(length) && length > 0 && coded === "identity" ? length : null;
}

/** The last part of an address, as a file name. */
export function nameOf(url: string): string {
  const last = new URL(url).pathname.split("/").pop() ?? "";
  try {
    return decodeURIComponent(last);
  } catch {
    return last; // a stray percent sign: the raw text is as good a name
  }
}

class Stall {
  stalled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onStall: () => void) {}

  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.stalled = true;
      this.onStall();
    }, STALL_MS);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
