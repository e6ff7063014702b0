// Packages from npm as a page can import them: one file each, bundled by esbuild without changes.
import { createRequire } from "node:module";
import path from "node:path";

import { www } from "./paths.mjs";

const require = createRequire(path.join(www, "package.json"));

/** The bytes of an ES module that exports what `source` (a module's text) does. */
export async function bundled(source, options = {}) {
  const { build } = require("esbuild");
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: www, loader: "js" },
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "error",
    ...options,
  });
  return outputFiles[0].contents;
}

/** A mount of `serve()` that answers with a script. */
export const script = (contents) => (_, response) => {
  response.setHeader("content-type", "text/javascript");
  response.end(contents);
};
