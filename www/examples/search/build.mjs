// esbuild bundles scripts and leaves the addresses of workers and WebAssembly alone, so the package
// lies beside the bundle as it is, and the page says where.
import { cpSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { build } from "esbuild";

const { resolve } = createRequire(import.meta.url);
const engine = path.dirname(resolve("@ingle/engine/package.json"));
rmSync("dist", { recursive: true, force: true });
await build({ entryPoints: ["src/main.js"], bundle: true, format: "esm", outdir: "dist" });
cpSync("index.html", "dist/index.html");
cpSync(path.join(engine, "dist"), "dist/ingle", { recursive: true });
