/**
 * The service worker of the bridge: `v1/*` and `api/*` under its scope go to a page that has an
 * engine. It is complete in itself, so that a site can copy it to its root, import it, or take it
 * into a service worker of its own with `importScripts`.
 *
 * Browsers end service workers at will, and nothing kept here would survive that. Which pages have
 * an engine is therefore asked of the browser each time: such a page holds a Web Lock whose name
 * has the page's id, and an answer breaks off when that lock becomes free.
 */
{
  type Answer = import("./messages.js").Answer;
  type Asked = import("./messages.js").Asked;
  type Cancel = import("./messages.js").Cancel;
  type More = import("./messages.js").More;

  interface Page {
    readonly id: string;
    postMessage(message: Asked, transfer: Transferable[]): void;
  }
  interface Scope {
    readonly registration: ServiceWorkerRegistration;
    readonly clients: { claim(): Promise<void>; get(id: string): Promise<Page | undefined> };
    skipWaiting(): Promise<void>;
    addEventListener<T extends Event>(type: string, listener: (event: T) => void): void;
  }
  type Waiting = Event & { waitUntil(done: Promise<unknown>): void };
  type Fetched = Event & {
    readonly request: Request;
    readonly clientId: string;
    respondWith(response: Promise<Response>): void;
  };
  type Sink = ReadableStreamDefaultController<Uint8Array>;

  /** Locks of pages with an engine: this and the page's id. */
  const LOCK = "ingle-bridge ";
  /** Chunks of an answer that may lie here unread. */
  const WINDOW = 32;
  const scope = globalThis as unknown as Scope;

  scope.addEventListener<Waiting>("install", (event) => event.waitUntil(scope.skipWaiting()));
  scope.addEventListener<Waiting>("activate", (event) => event.waitUntil(scope.clients.claim()));
  scope.addEventListener<MessageEvent>("message", (event) => {
    if (event.data?.type !== "ingle:who") return;
    event.ports[0]?.postMessage((event.source as unknown as Page).id);
  });
  scope.addEventListener<Fetched>("fetch", (event) => {
    const path = pathOf(event.request.url);
    if (path) event.respondWith(answer(event.request, path, event.clientId));
  });

  /** The path below the scope with its query, if it is one of the engine's. */
  function pathOf(address: string): string | null {
    const { href } = new URL(scope.registration.scope);
    if (!address.startsWith(href)) return null;
    const path = `/${address.slice(href.length).replace(/#.*/, "")}`;
    return /^\/(v1|api)\//.test(path) ? path : null;
  }

  async function answer(request: Request, path: string, asker: string): Promise<Response> {
    const page = await pageWithEngine(asker);
    if (!page) {
      return failure(
        path,
        503,
        "No page with an engine is open. Open one, load a model there, and ask again.",
      );
    }
    const hasBody = request.method !== "GET" && request.method !== "HEAD";
    const asked: Asked = {
      type: "ingle:fetch",
      method: request.method,
      path,
      headers: [...request.headers],
      payload: hasBody ? await request.blob() : null,
      window: WINDOW,
    };
    return new Promise((resolve) => relay(page, asked, request.signal, resolve));
  }

  /** The page that asks, if it has an engine, else any that has one. */
  async function pageWithEngine(asker: string): Promise<Page | null> {
    const { held = [] } = await navigator.locks.query();
    const names = held.flatMap(({ name }) => (name?.startsWith(LOCK) ? [name] : []));
    const ids = names.map((name) => name.slice(LOCK.length));
    ids.sort((a, b) => Number(b === asker) - Number(a === asker));
    for (const id of ids) {
      const page = await scope.clients.get(id);
      if (page) return page;
    }
    return null;
  }

  function relay(
    page: Page,
    asked: Asked,
    signal: AbortSignal,
    resolve: (response: Response) => void,
  ): void {
    const { port1: port, port2 } = new MessageChannel();
    const over = new AbortController();
    let sink: Sink | null = null;
    let [nCame, nTold] = [0, 0];
    const end = (finish: (sink: Sink) => void) => {
      if (over.signal.aborted) return;
      over.abort();
      port.close();
      if (sink) finish(sink);
    };
    const cancel = () => {
      if (over.signal.aborted) return;
      port.postMessage("cancel" satisfies Cancel);
      end((sink) => sink.error(new DOMException("The request was aborted.", "AbortError")));
    };
    const fail = (message: string) => {
      if (!sink) resolve(failure(asked.path, 502, message));
      end((sink) => sink.error(new Error(message)));
    };
    signal.addEventListener("abort", cancel, { once: true, signal: over.signal });
    port.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.type === "chunk") {
        nCame += 1;
        return sink?.enqueue(data.chunk);
      }
      if (data.type === "end") return end((sink) => sink.close());
      if (data.type === "error") return fail(data.message);
      const { status, headers } = data;
      const start = (controller: Sink) => void (sink = controller);
      const pull = (controller: Sink) => {
        const nQueued = WINDOW - (controller.desiredSize ?? WINDOW);
        const more = nCame - nQueued - nTold;
        if (more <= 0 || (more < WINDOW / 2 && nQueued > 0)) return;
        nTold += more;
        port.postMessage({ more } satisfies More);
      };
      const queue = { highWaterMark: WINDOW };
      const body = new ReadableStream<Uint8Array>({ start, pull, cancel }, queue);
      const isBodiless = status === 204 || status === 304 || asked.method === "HEAD";
      resolve(new Response(isBodiless ? null : body, { status, headers }));
    };
    page.postMessage(asked, [port2]);
    navigator.locks
      .request(LOCK + page.id, { signal: over.signal }, () =>
        fail("The page with the engine was closed. Open it again and ask once more."),
      )
      .catch(() => undefined); // the answer was over before the page was
  }

  /** An error as the path's family of clients reads it. */
  function failure(path: string, status: number, message: string): Response {
    const body = path.startsWith("/v1/")
      ? { error: { message, type: "server_error", param: null, code: null } }
      : { error: message };
    return Response.json(body, { status });
  }
}
