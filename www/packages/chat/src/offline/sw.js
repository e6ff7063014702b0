// The service worker of the app: it keeps the app's own files, so that the page opens without a
// network, and it is the seal and the limit: a page it sends may contact nobody, or only the hosts
// a person has chosen. The build puts BUILD (a hash of all files) and FILES before this.
// Written by hand and not with Workbox: it has one list and one rule, and what is sealed must be
// readable in one look.
/* global BUILD, FILES */

const SHELL = `ingle-shell-${BUILD}`;
/** Whether the page is sealed, and the hosts it is limited to; outlives updates. */
const SEAL = "ingle-seal";
const SEAL_MARK = "sealed";
const HOSTS_MARK = "hosts";
/** A host as a policy names it; anything else could say more than that. */
const HOST = /^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?$/i;

/** What the page and its workers may do: run this app's own files, and contact these hosts. */
function policyFor(hosts) {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "manifest-src 'self'",
    ["connect-src 'self'", ...hosts].join(" "),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

const scope = new URL(self.registration.scope);
const isModule = (file) => file.endsWith(".wasm");
/** The module that makes smaller models: kept when it was wanted once. */
const isWorkshop = (file) => isModule(file) && file.includes("workshop");

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(SHELL).then((cache) =>
      // The modules are large and a browser uses one: the page says which (`keep`).
      cache.addAll(FILES.filter((file) => !isModule(file)).map((file) => fresh(file))),
    ),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys())
        if (name.startsWith("ingle-shell-") && name !== SHELL) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("message", (event) => {
  const { type, module } = event.data ?? {};
  const answer = (value) => event.ports[0]?.postMessage(value);
  if (type === "update") return void self.skipWaiting();
  if (type === "keep") event.waitUntil(keep(module).then(answer, () => answer(false)));
  if (type === "seal") event.waitUntil(seal(event.data.on).then(() => answer(true)));
  if (type === "limit") event.waitUntil(limit(event.data.hosts).then(() => answer(true)));
});

/** What is being kept: asked for twice, it comes once. */
const keeping = new Map();

/** Keeps the one module that this browser runs. */
async function keep(module) {
  const stem = `ingle${module.includes("relaxed") ? "-relaxed" : ""}`;
  const name = `${stem}${module.includes("threads") ? "-threads" : ""}_bg-`;
  const file = FILES.find((file) => isModule(file) && file.includes(`/${name}`));
  if (!file) return false;
  if (!keeping.has(file)) keeping.set(file, add(file).finally(() => keeping.delete(file)));
  await keeping.get(file);
  return true;
}

async function add(file) {
  const cache = await caches.open(SHELL);
  if (!(await cache.match(new URL(file, scope)))) await cache.add(new URL(file, scope).href);
}

/** From the server, and not from a copy that the browser has kept of an older build. */
function fresh(file) {
  return new Request(new URL(file, scope), { cache: "no-cache" });
}

/** Known after the first look; a fetch before that waits for it. */
let sealed = null;
/** Null: any host. */
let hosts;

async function seal(on) {
  sealed = on;
  await put(SEAL_MARK, on ? "sealed" : null);
}

async function limit(to) {
  hosts = to && to.filter((host) => HOST.test(host));
  await put(HOSTS_MARK, hosts && JSON.stringify(hosts));
}

async function put(name, text) {
  const cache = await caches.open(SEAL);
  const mark = new URL(name, scope);
  if (text === null) await cache.delete(mark);
  else await cache.put(mark, new Response(text));
}

async function isSealed() {
  const cache = await caches.open(SEAL);
  sealed ??= (await cache.match(new URL(SEAL_MARK, scope))) !== undefined;
  if (hosts === undefined) {
    const kept = await cache.match(new URL(HOSTS_MARK, scope));
    hosts = kept ? await kept.json() : null;
  }
  return sealed;
}
void isSealed();

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const isOwn = url.origin === scope.origin && url.pathname.startsWith(scope.pathname);
  const name = url.pathname.slice(scope.pathname.length);
  const isPage = request.mode === "navigate" && (name === "" || name === "index.html");
  const isFile = isOwn && request.method === "GET" && FILES.includes(name);
  if (isOwn && (isPage || isFile))
    event.respondWith(stored(isPage ? "index.html" : name, request));
  // Not even passed through: a download of gigabytes has no business here.
  else if (sealed !== false) event.respondWith(other(request));
});

/** A file of the app: the copy that is kept, else from the server. */
async function stored(name, request) {
  const isShut = await isSealed();
  const cache = await caches.open(SHELL);
  const copy = await cache.match(new URL(name, scope));
  const seal = '<meta name="ingle-sealed" content="1">';
  if (isShut) return copy ? under(copy, name, [], seal) : Response.error();
  const found = copy ?? (isWorkshop(name) ? await kept(cache, request) : await fetch(request));
  if (hosts === null || !found.ok) return found;
  return under(found, name, hosts, `<meta name="ingle-limited" content="${hosts.join(" ")}">`);
}

/** A file that was wanted for the first time, from now on without a network too. */
async function kept(cache, request) {
  await cache.add(request.url).catch(() => undefined);
  return (await cache.match(request.url)) ?? fetch(request);
}

/** Anything else goes through, unless the page is sealed. */
async function other(request) {
  return (await isSealed()) ? Response.error() : fetch(request);
}

/** The same file under a policy; the page itself is told so in its head. */
async function under(response, name, allowed, mark) {
  const headers = new Headers(response.headers);
  headers.set("content-security-policy", policyFor(allowed));
  if (name !== "index.html") return new Response(response.body, { status: 200, headers });
  headers.delete("content-length");
  headers.delete("content-encoding");
  const html = await response.text();
  const marked = html.replace("<head>", `<head>\n${mark}`);
  return new Response(marked, { status: 200, headers });
}
