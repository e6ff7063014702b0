// A way to a file on which things go wrong when a test says so.

/** What a held road lets through, in bytes. */
const HELD_FROM = 131_072;

/**
 * Serves a file in ranges. Fields of `road` may be changed while it serves: `holds` (nothing more
 * comes, until it is let go), `cuts` (what is held is cut off), `busyFor` (the server is busy, and
 * wants to be asked again in so many seconds). `requests` counts.
 */
export function slowFile(bytes, road) {
  return async (request, response) => {
    if (road.busyFor) return response.writeHead(503, { "retry-after": road.busyFor }).end();
    const range = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "");
    const from = Number(range?.[1] ?? 0);
    const to = range?.[2] ? Number(range[2]) : bytes.length - 1;
    response.statusCode = range ? 206 : 200;
    if (range) response.setHeader("content-range", `bytes ${from}-${to}/${bytes.length}`);
    response.setHeader("accept-ranges", "bytes");
    response.setHeader("content-length", to - from + 1);
    response.setHeader("etag", '"one"');
    road.requests = (road.requests ?? 0) + 1;
    if (request.method === "HEAD") return response.end();
    for (let at = from; at <= to; at += 65536) {
      while (road.holds && at >= HELD_FROM && !response.destroyed) {
        if (road.cuts) response.destroy();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (response.destroyed) return undefined;
      response.write(bytes.subarray(at, Math.min(to + 1, at + 65536)));
    }
    return response.end();
  };
}
