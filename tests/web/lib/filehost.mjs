// A host of model files on loopback, of another origin than the page or of the same: with ranges or
// without, slow, cut, changing, lying. One file of made-up weights behind a real header.
import { createHash } from "node:crypto";
import http from "node:http";
import { gzipSync } from "node:zlib";

/** A model file made long: what follows the tensors is not part of the model, and is kept too. */
export function longFile(model, bytes, seed = 1) {
  const out = Buffer.alloc(Math.max(bytes, model.length));
  model.copy(out);
  let x = seed >>> 0 || 1;
  for (let at = model.length; at + 4 <= out.length; at += 4) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    out.writeUInt32LE(x >>> 0, at);
  }
  return out;
}

export const sha256 = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/**
 * Serves `bytes` under every path. Fields of the result may be changed while it serves:
 * `bytes`, `etag`, `ranges` (false: the whole file always), `cors` ("open": everybody may read, and
 * sees the headers of ranges; "plain": without those headers; null: nobody else), `bytesPerMs`
 * (null: no limit), `cutAfter` (ends each connection after so many bytes), `status`, `coding`.
 * `route` gives the bytes of an address instead. `sent` counts bytes of bodies; `requests` are all
 * that came.
 */
export async function fileHost(bytes, options = {}) {
  const host = {
    bytes,
    etag: '"v1"',
    ranges: true,
    cors: "open",
    bytesPerMs: null,
    cutAfter: null,
    status: null,
    coding: null,
    sent: 0,
    requests: [],
    ...options,
  };
  const server = http.createServer((request, response) => {
    host.requests.push({ method: request.method, url: request.url, headers: request.headers });
    answer(host, request, response).catch(() => response.destroy());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  host.origin = `http://127.0.0.1:${server.address().port}`;
  host.close = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return host;
}

/** Answers one request as the host would. */
export async function answer(host, request, response) {
  const { etag } = host;
  const bytes = host.route ? host.route(decodeURIComponent(request.url)) : host.bytes;
  if (!bytes) {
    response.statusCode = 404;
    return response.end();
  }
  if (host.cors) response.setHeader("access-control-allow-origin", "*");
  if (host.cors === "open") {
    response.setHeader("access-control-expose-headers", "content-range, etag");
  }
  if (request.method === "OPTIONS") {
    response.statusCode = 405; // as hosts do that were not made for pages
    return response.end();
  }
  if (host.status) {
    response.statusCode = host.status;
    return response.end("no");
  }
  if (etag) response.setHeader("etag", etag);
  response.setHeader("content-type", "application/octet-stream");
  if (host.coding) response.setHeader("content-encoding", host.coding);
  const asked = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
  const isSame = (request.headers["if-range"] ?? etag) === etag;
  let body = bytes;
  if (host.ranges && asked && Number(asked[1]) >= bytes.length) {
    response.statusCode = 416;
    response.setHeader("content-range", `bytes */${bytes.length}`);
    return response.end();
  }
  if (host.ranges && asked && isSame) {
    const [first, last] = [Number(asked[1]), Math.min(Number(asked[2]), bytes.length - 1)];
    response.statusCode = 206;
    response.setHeader("content-range", `bytes ${first}-${last}/${bytes.length}`);
    body = bytes.subarray(first, last + 1);
  }
  if (host.coding) body = gzipSync(body);
  response.setHeader("content-length", body.length);
  if (request.method === "HEAD") return response.end();
  let left = host.cutAfter ?? Infinity;
  for (let at = 0; at < body.length && !response.destroyed;) {
    const n = Math.min(64 << 10, body.length - at, left);
    if (n === 0) return response.destroy();
    const isTaken = response.write(body.subarray(at, at + n));
    host.sent += n;
    at += n;
    left -= n;
    if (host.bytesPerMs) await new Promise((resolve) => setTimeout(resolve, n / host.bytesPerMs));
    else if (!isTaken) await taken(response);
  }
  response.end();
}

/** Until the connection takes more, or is gone. */
function taken(response) {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}
