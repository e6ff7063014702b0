import { byId, el } from "../dom.js";
import { t } from "../i18n/index.js";

/** The mark that the service worker puts into a page it has sealed. */
const MARK = "meta[name='ingle-sealed']";

/** The same of a page that may contact these hosts, and no other. */
const LIMITED = "meta[name='ingle-limited']";

/** What is kept of the app itself. */
export type Offline = "ready" | "waiting" | "none";

/** When the module is asked for again: a slow network is not asked twice for the same bytes. */
const KEEP_AGAIN_MS = [5_000, 10_000, 30_000];

let offline: Offline = "none";
let listener: () => void = () => undefined;

/** Whether this page and its workers run under the sealed policy. */
export function isSealed(): boolean {
  return document.querySelector(MARK) !== null;
}

/** The hosts, as its policy names them, that this page may contact; null: any. */
export function limitedTo(): readonly string[] | null {
  const hosts = document.querySelector<HTMLMetaElement>(LIMITED)?.content;
  return hosts === undefined ? null : hosts.split(" ").filter(Boolean);
}

export function offlineState(): Offline {
  return offline;
}

/** Called when `offlineState` has changed. */
export function onOffline(run: () => void): void {
  listener = run;
}

/**
 * Registers the service worker, keeps the module in use, and offers a new version if there is one.
 * Pages without TLS have no service workers: they work, but not without a network.
 */
export function watchUpdates(module: () => string | null): void {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  void start(module).catch(() => set("none"));
}

async function start(module: () => string | null): Promise<void> {
  const { serviceWorker } = navigator;
  // A page that was not controlled from its start is up to date: only a later change is news.
  const wasControlled = serviceWorker.controller !== null;
  const url = new URL("./sw.js", document.baseURI);
  set("waiting");
  const registered = serviceWorker.register(url, { updateViaCache: "none" });
  // A worker that is there is of use whatever comes of this: in WebKit a registration never ends
  // when the page before was left during its own.
  const ready = await Promise.race([
    serviceWorker.ready,
    registered.then(() => serviceWorker.ready),
  ]);
  watch(ready);
  const name = module();
  const kept = name === null || (await keep(ready, name));
  set(kept ? "ready" : "waiting");
  if (wasControlled && ready.waiting) offer(ready.waiting);
}

/** Has the module in use kept; asks again where the worker ended before it answered, or failed. */
async function keep(ready: ServiceWorkerRegistration, module: string): Promise<boolean> {
  for (const ms of KEEP_AGAIN_MS) {
    const late = sleep(ms).then(() => false);
    if (await Promise.race([ask(ready.active, { type: "keep", module }), late])) return true;
    await late;
  }
  return ask(ready.active, { type: "keep", module });
}

function watch(registration: ServiceWorkerRegistration): void {
  const follow = () => {
    const worker = registration.installing;
    worker?.addEventListener("statechange", () => {
      if (worker.state === "installed" && navigator.serviceWorker.controller) offer(worker);
    });
  };
  registration.addEventListener("updatefound", follow);
  follow(); // one that is on its way already says no more that it was found
}

/** A line in the sidebar; the new version never takes over by itself. */
function offer(worker: ServiceWorker): void {
  const use = () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
    worker.postMessage({ type: "update" });
  };
  const button = el("button", { class: "b b-sm", type: "button", onclick: use }, t("update.now"));
  byId("update").replaceChildren(t("update.ready"), " ", button);
  byId("update").hidden = false;
}

/** Seals the page or opens it again, by reloading it. False where there is no service worker. */
export async function seal(on: boolean): Promise<boolean> {
  if (offline !== "ready") return false;
  await ask((await navigator.serviceWorker.ready).active, { type: "seal", on });
  location.reload();
  return true;
}

/**
 * Limits the page to hosts, or lifts the limit (null), by reloading it: a policy holds from the
 * start of a page on. False where there is no service worker.
 */
export async function limit(hosts: readonly string[] | null): Promise<boolean> {
  if (offline !== "ready") return false;
  await ask((await navigator.serviceWorker.ready).active, { type: "limit", hosts });
  location.reload();
  return true;
}

function ask(worker: ServiceWorker | null, message: object): Promise<boolean> {
  if (!worker) return Promise.resolve(false);
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data === true);
    worker.postMessage(message, [port2]);
  });
}

function set(state: Offline): void {
  offline = state;
  document.documentElement.dataset["offline"] = state;
  listener();
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
