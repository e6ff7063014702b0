// No bundler: a copy of the package beside the page is all there is to do.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const { resolve } = createRequire(import.meta.url);
const engine = path.dirname(resolve("@ingle/engine/package.json"));
rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
cpSync("index.html", "dist/index.html");
cpSync(path.join(engine, "dist"), "dist/ingle", { recursive: true });
