// A plain static server on loopback: no special headers unless asked for, so what works here works
// anywhere.
import { createReadStream, statSync } from "node:fs";
import http from "node:http";
import path from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".json": "application/json",
};

/**
 * Serves folders and files under prefixes: `{ "/some/path/": folder, "/models/x.gguf": file }`.
 * A function as the value answers by itself: `(request, response) => void`. `headers` go with every
 * answer.
 */
export async function serve(mounts, { headers = {} } = {}) {
  const server = http.createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const url = decodeURIComponent(new URL(request.url, "http://x").pathname);
    const prefix = Object.keys(mounts)
      .filter((mount) => url === mount || (mount.endsWith("/") && url.startsWith(mount)))
      .sort((a, b) => b.length - a.length)[0];
    if (prefix === undefined) return end(response, 404);
    const target = mounts[prefix];
    if (typeof target === "function") return target(request, response);
    const rest = path.normalize(url.slice(prefix.length));
    if (rest.startsWith("..")) return end(response, 403);
    let file = prefix.endsWith("/") ? path.join(target, rest) : target;
    if (url.endsWith("/")) file = path.join(file, "index.html");
    return send(request, response, file);
  });
  await listen(server);
  const origin = `http://localhost:${server.address().port}`;
  return {
    origin,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** Ports that servers of this process had. */
const ports = new Set();

/** On a port that none had before: what a browser keeps for an address is to be empty at first. */
async function listen(server) {
  for (;;) {
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address();
    if (!ports.has(port)) return ports.add(port);
    await new Promise((resolve) => server.close(resolve));
  }
}

function send(request, response, file) {
  let size;
  try {
    const stat = statSync(file);
    if (!stat.isFile()) return end(response, 404);
    size = stat.size;
  } catch {
    return end(response, 404);
  }
  response.setHeader("content-type", TYPES[path.extname(file)] ?? "application/octet-stream");
  response.setHeader("content-length", size);
  if (request.method === "HEAD") return response.end();
  return createReadStream(file)
    .on("error", () => response.destroy())
    .pipe(response);
}

function end(response, status) {
  response.statusCode = status;
  response.end();
}
