import { EngineError } from "../public/errors.js";
import { Credit } from "../internal/credit.js";
import type { Answer, Asked, Cancel, More, Who } from "./messages.js";

/** What answers: an `Engine`, or anything that fetches like one. */
export interface Answering {
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** How the bridge's service worker is registered. */
export interface BridgeOptions {
  /**
   * Where the service worker is: `dist/bridge/worker.js` of this package, copied to the root of
   * the site, or a service worker of the site's own that has it. Default: `ingle-sw.js` beside the
   * page.
   */
  readonly url?: string | URL;
  /** Paths under which `v1/*` and `api/*` are answered; default: the folder of `url`. */
  readonly scope?: string;
  /** `module` for a service worker that has `import`s (default `classic`). */
  readonly type?: WorkerType;
}

/** A page that answers. */
export interface Bridge {
  /** The address under which OpenAI's clients find the engine: their `baseURL`. */
  readonly openai: string;
  /** The address under which Ollama's clients find it: their `host`. */
  readonly ollama: string;
  readonly registration: ServiceWorkerRegistration;
  /** This page answers no more; the service worker stays for others. */
  stop(): Promise<void>;
}

/** As in `worker.ts`, which imports nothing. */
const LOCK = "ingle-bridge ";
/** A service worker that is there and does not answer for so long has something else in it. */
const PATIENCE_MS = 10_000;

/**
 * Lets this page's engine answer `/v1/*` and `/api/*` of its own origin, for programs that speak to
 * a server: the official clients of OpenAI and Ollama work with `openai` and `ollama` below as the
 * address. Resolves when requests of this page arrive. Several pages may have a bridge; each
 * answers its own requests, and any of them those of pages without one.
 */
export async function bridge(engine: Answering, options: BridgeOptions = {}): Promise<Bridge> {
  const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
  if (!container) {
    throw new EngineError(
      "bridge.unsupported",
      "This page can have no service worker. Serve it over https, or from localhost.",
    );
  }
  const { url = new URL("ingle-sw.js", document.baseURI), scope, type = "classic" } = options;
  const registration = await register(container, url, { type, ...(scope ? { scope } : {}) });
  const worker = await active(registration);
  await controlled(container);
  const release = await announce(worker);
  const onMessage = (event: MessageEvent<Asked>) => {
    const [port] = event.ports;
    if (event.data?.type === "ingle:fetch" && port) void serve(engine, event.data, port);
  };
  container.addEventListener("message", onMessage);
  container.startMessages();
  const root = registration.scope.replace(/\/$/, "");
  return {
    openai: `${root}/v1`,
    ollama: root,
    registration,
    stop: async () => {
      await release();
      container.removeEventListener("message", onMessage);
    },
  };
}

async function register(
  container: ServiceWorkerContainer,
  url: string | URL,
  options: RegistrationOptions,
): Promise<ServiceWorkerRegistration> {
  try {
    return await container.register(url, options);
  } catch (error) {
    throw new EngineError(
      "bridge.worker",
      `The bridge's service worker could not be registered from ${url}. Copy ` +
        "dist/bridge/worker.js of @ingle/engine there.",
      String(error),
    );
  }
}

/** The registration's worker, when it is ready. */
async function active(registration: ServiceWorkerRegistration): Promise<ServiceWorker> {
  const worker = registration.active ?? registration.waiting ?? registration.installing;
  if (!worker) throw silent("it is gone");
  if (worker.state === "activated") return worker;
  await within(
    new Promise<void>((resolve, reject) => {
      worker.addEventListener("statechange", () => {
        if (worker.state === "activated") resolve();
        if (worker.state === "redundant") reject(silent("it failed to install"));
      });
    }),
  );
  return worker;
}

/** Returns when this page's requests go through the service worker. */
async function controlled(container: ServiceWorkerContainer): Promise<void> {
  if (container.controller) return;
  await within(
    new Promise<void>((resolve) =>
      container.addEventListener("controllerchange", () => resolve(), { once: true }),
    ),
  );
}

/** Holds the lock that says that this page has an engine; gives what releases it. */
async function announce(worker: ServiceWorker): Promise<() => Promise<void>> {
  const { port1, port2 } = new MessageChannel();
  const told = new Promise<string>((resolve) => {
    port1.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
  });
  worker.postMessage({ type: "ingle:who" } satisfies Who, [port2]);
  const id = await within(told);
  port1.close();
  let release = () => {};
  let released = Promise.resolve();
  await new Promise<void>((held) => {
    released = navigator.locks.request(LOCK + id, () => {
      held();
      return new Promise<void>((resolve) => (release = resolve));
    });
  });
  return () => {
    release();
    return released;
  };
}

/** Answers one request of the service worker over its port. */
async function serve(engine: Answering, asked: Asked, port: MessagePort): Promise<void> {
  const say = (answer: Answer, transfer: Transferable[] = []) => port.postMessage(answer, transfer);
  const stop = new AbortController();
  const credit = asked.window === undefined ? null : new Credit(asked.window);
  port.onmessage = ({ data }: MessageEvent<Cancel | More>) => {
    if (data === "cancel") stop.abort();
    else credit?.give(data.more);
  };
  try {
    const { method, path, headers, payload } = asked;
    const response = await engine.fetch(path, {
      method,
      headers,
      body: payload,
      signal: stop.signal,
    });
    say({ type: "head", status: response.status, headers: [...response.headers] });
    const reader = response.body?.getReader();
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      const chunk = part.value as Uint8Array<ArrayBuffer>;
      await credit?.take(stop.signal);
      say({ type: "chunk", chunk }, [chunk.buffer]);
    }
    say({ type: "end" });
  } catch (error) {
    say({ type: "error", message: EngineError.from(error).message });
  } finally {
    port.close();
  }
}

function within<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silent("it does not answer")), PATIENCE_MS);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

function silent(why: string): EngineError {
  return new EngineError(
    "bridge.worker",
    `The service worker of the bridge is of no use, because ${why}. Check that the file is ` +
      "dist/bridge/worker.js of @ingle/engine, or has it inside.",
  );
}
