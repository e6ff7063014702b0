// Single modules of the chat page as one script, for tests of a part without the page around it.
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { www } from "./paths.mjs";

const require = createRequire(path.join(www, "package.json"));

/** The module at `source` (below `www/packages/chat/src`) with all it imports, as text. */
export async function bundle(source) {
  const { rolldown } = await import(pathToFileURL(require.resolve("rolldown")).href);
  const input = path.join(www, "packages/chat/src", source);
  const build = await rolldown({ input, platform: "browser", logLevel: "silent" });
  const { output } = await build.generate({ format: "es", codeSplitting: false });
  await build.close();
  return output[0].code;
}

/** The same, loaded here: only for modules that touch no page. */
export async function load(source) {
  const text = Buffer.from(await bundle(source)).toString("base64");
  return import(`data:text/javascript;base64,${text}`);
}
