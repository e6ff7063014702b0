// The built chat page with a demo model of the test's choice beside it.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { chatDist } from "./paths.mjs";

const MARK = /<meta name="ingle-demo"[^>]*>\s*/;

/** The demo model of this build, or null. */
export function builtDemo() {
  const html = readFileSync(path.join(chatDist, "index.html"), "utf8");
  return MARK.test(html) ? readFileSync(path.join(chatDist, "models/demo.gguf")) : null;
}

/** Copies the page to `folder` with these bytes as its demo model. */
export function pageWithDemo(folder, bytes) {
  cpSync(chatDist, folder, { recursive: true });
  mkdirSync(path.join(folder, "models"), { recursive: true });
  writeFileSync(path.join(folder, "models/demo.gguf"), bytes);
  const digest = createHash("sha256").update(bytes).digest("hex");
  const mark = `<meta name="ingle-demo" content="${bytes.length} sha256:${digest}">`;
  const file = path.join(folder, "index.html");
  const html = readFileSync(file, "utf8").replace(MARK, "");
  writeFileSync(file, html.replace("</head>", `${mark}\n</head>`));
  return folder;
}
