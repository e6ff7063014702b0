// webpack as it is when nobody sets anything, then the two files that lie beside the bundle.
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import webpack from "webpack";

const { resolve } = createRequire(import.meta.url);
const stats = await new Promise((done, fail) =>
  webpack(
    { mode: "production", entry: "./src/index.js", output: { path: path.resolve("dist"), clean: true } },
    (error, stats) => (error ? fail(error) : done(stats)),
  ),
);
if (stats.hasErrors()) {
  console.error(stats.toString({ all: false, errors: true }));
  process.exit(1);
}
cpSync("index.html", "dist/index.html");
cpSync(resolve("@ingle/engine/bridge/worker.js"), "dist/ingle-sw.js");
