// The demo model that the builds of the page and of the widget put beside themselves: the file that
// INGLE_DEMO names, else the repository's own. Without a file they are built without a demo.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const OWN = fileURLToPath(new URL("../../../demo/demo.gguf", import.meta.url));

/** `{ file, bytes, digest }`, or null. A file that is named and is not there is an error. */
export function demoModel() {
  const named = process.env.INGLE_DEMO;
  const file = named ? path.resolve(named) : OWN;
  if (!existsSync(file)) {
    if (named) throw new Error(`INGLE_DEMO names ${file}, which is not there`);
    return null;
  }
  const content = readFileSync(file);
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  return { file, bytes: content.length, digest };
}
