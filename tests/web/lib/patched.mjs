// Engines whose worker runs a patch first: storage that fails, lies or is missing.

/** Mounts for `serveEngine`, under which `patched` finds its scripts. */
export const patches = {
  "/patch/": (request, response) => {
    response.setHeader("content-type", "text/javascript");
    response.end(new URL(request.url, "http://x").searchParams.get("code"));
  },
  "/patched/": (request, response) => {
    const code = encodeURIComponent(new URL(request.url, "http://x").searchParams.get("code"));
    response.setHeader("content-type", "text/javascript");
    response.end(
      `import "/patch/?code=${code}";\nimport "/deep/er/lib/internal/worker.js";\n`,
    );
  },
};

/** Options of `Engine.start` for a worker in which `code` ran before anything else. */
export function patched(code) {
  return { device: "cpu", workerUrl: `/patched/?code=${encodeURIComponent(code)}` };
}

/** No private file storage. */
export const NO_OPFS = "delete StorageManager.prototype.getDirectory;";
/** Neither that nor IndexedDB. */
export const NO_STORAGE =
  NO_OPFS + "Object.defineProperty(globalThis, 'indexedDB', { value: undefined });";

/** Code that begins so runs in the engine's worker too, where only another one's is patched. */
export const BOTH = "/* both */";
const ASIDE = "/patched-aside/";

/** Mounts for `serveEngine`: the engine's scripts, with a patch in the worker of this name. */
export const asidePatches = (worker) => ({
  [ASIDE]: (request, response) => {
    const [, , code, script] = request.url.split("/");
    response.setHeader("content-type", "text/javascript");
    // A script of its own, since imports come before what stands beside them.
    if (script === "code.js") return response.end(decodeURIComponent(code));
    const isPatched = script === worker || code.startsWith(encodeURIComponent(BOTH));
    const first = isPatched ? 'import "./code.js";\n' : "";
    return response.end(`${first}import "/deep/er/lib/internal/${script}";\n`);
  },
});

/** Options of `Engine.start` for an engine whose worker aside runs `code` first. */
export const withCode = (code) => ({
  device: "cpu",
  workerUrl: `${ASIDE}${encodeURIComponent(code)}/worker.js`,
});

/** A worker's first pause lasts until a page says something on the channel "gate". */
export const HELD = `const post = MessagePort.prototype.postMessage;
  const open = new Promise((resolve) => (new BroadcastChannel("gate").onmessage = resolve));
  MessagePort.prototype.postMessage = function (...args) {
    void open.then(() => post.apply(this, args));
  };`;
