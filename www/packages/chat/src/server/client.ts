import { EngineError } from "@ingle/engine";

import { t } from "../i18n/index.js";

/** What the server was asked for, in the words of the ledger. */
export type Reason = "list" | "load" | "answer" | "pull" | "delete";

/** One request to the server. */
export interface Asked {
  readonly reason: Reason;
  /** Of the answer; grows while it comes. */
  bytes: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface Request {
  readonly reason: Reason;
  readonly method?: "DELETE";
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

const TOKEN_KEY = "ingle.token";

/** Who answers in lines of JSON: the server, or the engine in this tab. */
export interface Lines {
  readonly host: string;
  lines<T>(path: string, request: Request): AsyncGenerator<T, void, void>;
}

/** Speaks HTTP and JSON with the server that this page came from, and with no other. */
export class Client {
  readonly host = location.host;
  /** Newest last. */
  readonly asked: Asked[] = [];
  /** Called when a request was made. */
  onAsked: () => void = () => undefined;
  #token = kept();

  /** What the server wants to see of everybody; kept until the tab closes. */
  set token(token: string) {
    this.#token = token;
    try {
      sessionStorage.setItem(TOKEN_KEY, token);
    } catch {
      // No storage here: it holds until the page is loaded again.
    }
  }

  /** A whole answer. */
  async json<T>(path: string, request: Request): Promise<T> {
    const { response, asked } = await this.#send(path, request);
    const text = await reading(response.text(), this.host, request.signal);
    asked.bytes += text.length;
    return parsed<T>(text, this.host);
  }

  /** An answer in lines, each an object. Ends with the connection, or with the error in a line. */
  async *lines<T>(path: string, request: Request): AsyncGenerator<T, void, void> {
    const { response, asked } = await this.#send(path, request);
    yield* linesOf<T>(response, this.host, request.signal, (n) => (asked.bytes += n));
  }

  async #send(path: string, { reason, method, body, signal }: Request) {
    const asked: Asked = { reason, bytes: 0, at: Date.now() };
    this.asked.push(asked);
    this.onAsked();
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.#token) headers["Authorization"] = `Bearer ${this.#token}`;
    const sent = fetch(new URL(path, location.origin), {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers,
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    const response = await reading(sent, this.host, signal);
    if (response.ok) return { response, asked };
    throw await refusal(response, this.host);
  }
}

/** The objects of an answer in lines. Leaving the loop early ends the work behind it. */
export async function* linesOf<T>(
  response: Response,
  host: string,
  signal: AbortSignal | undefined,
  onBytes: (n: number) => void,
): AsyncGenerator<T, void, void> {
  if (!response.ok) throw await refusal(response, host);
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (reader) {
      const { done, value } = await reading(reader.read(), host, signal);
      if (done) break;
      onBytes(value.length);
      text += decoder.decode(value, { stream: true });
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines.filter((line) => line.trim() !== ""))
        yield checked(parsed<T>(line, host));
    }
    if (text.trim() !== "") yield checked(parsed<T>(text, host));
  } finally {
    void reader?.cancel().catch(() => undefined);
  }
}

function kept(): string | null {
  try {
    return sessionStorage.getItem(TOKEN_KEY);
  } catch {
    return null;
  }
}

/** Waits for the network; what goes wrong there is one sentence. */
async function reading<T>(work: Promise<T>, host: string, signal?: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (signal?.aborted) throw new EngineError("aborted", "It was stopped.");
    throw gone(host, String(error));
  }
}

/** The connection broke off, or nothing listens any more. */
export function gone(host: string, detail: string): EngineError {
  return new EngineError("server.gone", t("server.gone", { host }), detail);
}

/** What the server calls its refusal. */
const CODE_HEADER = "x-ingle-code";

/** Refusals that have a way on of their own; the rest is the server's sentence. */
const CODES: Readonly<Record<number, string>> = {
  401: "server.token",
  404: "server.missing",
  503: "server.busy",
};

async function refusal(response: Response, host: string): Promise<EngineError> {
  const text = await response.text().catch(() => "");
  const { status, headers } = response;
  const isFull = headers.get(CODE_HEADER) === "ctx.full";
  const code = isFull ? "ctx.full" : (CODES[status] ?? "server.error");
  const sentence = said(text) ?? t("server.answered", { host, status });
  return new EngineError(code, sentence, `HTTP ${status}`);
}

/** The sentence in Ollama's form of an error. */
function said(text: string): string | null {
  try {
    const value: unknown = JSON.parse(text);
    const error = typeof value === "object" && value !== null && "error" in value && value.error;
    return typeof error === "string" && error !== "" ? error : null;
  } catch {
    return null;
  }
}

function parsed<T>(text: string, host: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    const sentence = t("server.unreadable", { host });
    throw new EngineError("server.error", sentence, text.slice(0, 200));
  }
}

/** An object of a stream; after its beginning an error can only be said in it. */
function checked<T>(value: T): T {
  const error = said(JSON.stringify(value));
  if (error !== null) throw new EngineError("server.error", error);
  return value;
}
