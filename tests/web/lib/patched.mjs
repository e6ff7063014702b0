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
