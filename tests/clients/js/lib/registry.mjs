// A registry that takes uploads, in memory: the part of the distribution protocol that a push and a
// pull use, and nothing of ours, so that both are told by another implementation whether they were
// right. Started by itself it prints its address; it ends when its standard input does.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const sha256 = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Listens on a free port of this machine. */
export async function registry() {
  const blobs = new Map();
  const manifests = new Map();
  const uploads = new Map();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const say = (status, headers = {}, bytes = "") =>
      response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : bytes);
    const refuse = (status, code) =>
      say(status, {}, JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
    const [, repository, kind, reference] =
      pathname.match(/^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests)\/([^/]*)$/) ?? [];
    if (pathname === "/v2/") return say(200);
    if (!repository) return refuse(404, "NAME_UNKNOWN");

    if (kind === "manifests" && request.method === "PUT") {
      const { config, layers } = JSON.parse(body);
      const known = [config, ...layers].every(({ digest }) => blobs.has(digest));
      if (!known) return refuse(400, "MANIFEST_BLOB_UNKNOWN");
      manifests.set(`${repository}/${reference}`, { body, type: request.headers["content-type"] });
      return say(201, { "docker-content-digest": sha256(body) });
    }
    if (kind === "manifests") {
      const found = manifests.get(`${repository}/${reference}`);
      if (!found) return refuse(404, "MANIFEST_UNKNOWN");
      return say(
        200,
        { "content-type": found.type, "content-length": found.body.length },
        found.body,
      );
    }
    if (kind === "blobs") {
      const found = blobs.get(reference);
      if (!found) return refuse(404, "BLOB_UNKNOWN");
      const [, first, last] = request.headers.range?.match(/^bytes=(\d+)-(\d*)$/) ?? [];
      if (first === undefined) return say(200, { "content-length": found.length }, found);
      const end = Math.min(last ? Number(last) : Infinity, found.length - 1);
      const piece = found.subarray(Number(first), end + 1);
      return say(
        206,
        {
          "content-length": piece.length,
          "content-range": `bytes ${first}-${end}/${found.length}`,
        },
        piece,
      );
    }
    if (request.method === "POST") {
      const id = String(uploads.size + 1);
      uploads.set(id, Buffer.alloc(0));
      return say(202, { location: `/v2/${repository}/blobs/uploads/${id}` });
    }
    if (!uploads.has(reference)) return refuse(404, "BLOB_UPLOAD_UNKNOWN");
    const whole = Buffer.concat([uploads.get(reference), body]);
    uploads.set(reference, whole);
    if (request.method === "PATCH") {
      return say(202, { location: pathname, range: `0-${whole.length - 1}` });
    }
    const digest = searchParams.get("digest");
    if (sha256(whole) !== digest) return refuse(400, "DIGEST_INVALID");
    blobs.set(digest, whole);
    return say(201, { location: `/v2/${repository}/blobs/${digest}` });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { address: `127.0.0.1:${server.address().port}`, close: () => server.close() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log((await registry()).address);
  process.stdin.resume().on("end", () => process.exit());
}
