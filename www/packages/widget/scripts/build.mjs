// Builds the widget: three scripts of one file each, so that a page asks for one before the click
// and for two at it; then what each loads gets the digest of what it loads written into it.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "vite";

import { demoModel } from "../../chat/scripts/demo.mjs";

const here = (file) => fileURLToPath(new URL(`../${file}`, import.meta.url));
const chatFolder = slashes(here("../chat/src/"));
const dist = here("dist");
/** What a tag without a model uses, where this build has it. */
const demo = demoModel();
const DEMO = demo && { bytes: demo.bytes, sha256: demo.digest.replace("sha256:", "") };

// The renderer of the chat page is used where it stands. What it says to its page (announcements,
// the clipboard, its words) is said by the widget's own small module instead, because the widget
// may share a document with somebody else's page.
const OWN = /^\.\/(announce|clipboard|highlight|i18n\/index)\.js$/;
const sayHere = {
  name: "say-here",
  enforce: "pre",
  resolveId: (id, importer) =>
    importer && slashes(importer).startsWith(chatFolder) && OWN.test(id)
      ? here("src/panel/say.ts")
      : null,
};

function slashes(file) {
  return file.replaceAll("\\", "/");
}

async function bundle(name) {
  await build({
    configFile: false,
    root: here("."),
    base: "./",
    logLevel: "warn",
    plugins: [sayHere],
    define: { __DEMO__: JSON.stringify(DEMO) },
    build: {
      outDir: dist,
      emptyOutDir: false,
      target: "es2022",
      modulePreload: false,
      rollupOptions: {
        input: { [name]: here(`src/${name}.ts`) },
        preserveEntrySignatures: "strict",
        output: { entryFileNames: "[name].js", format: "es" },
      },
    },
  });
}

function integrity(file) {
  const digest = createHash("sha384").update(readFileSync(path.join(dist, file)));
  return `sha384-${digest.digest("base64")}`;
}

function fill(file, to, values) {
  let text = readFileSync(file, "utf8");
  for (const [mark, value] of Object.entries(values)) {
    if (!text.includes(mark)) throw new Error(`${file} has no ${mark}`);
    text = text.replaceAll(mark, value);
  }
  writeFileSync(path.join(dist, to), text);
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
for (const name of ["panel", "frame", "ingle-chat"]) await bundle(name);
fill(here("src/frame.html"), "frame.html", { __FRAME_INTEGRITY__: integrity("frame.js") });
const loader = path.join(dist, "ingle-chat.js");
fill(loader, "ingle-chat.js", { __PANEL_INTEGRITY__: integrity("panel.js") });
fill(here("demo/index.html"), "demo.html", { __INTEGRITY__: integrity("ingle-chat.js") });
for (const name of ["demo.css", "demo.js"]) cpSync(here(`demo/${name}`), path.join(dist, name));
if (demo) cpSync(demo.file, path.join(dist, "models/demo.gguf"));
// The engine, as it is built, in a folder of its own.
const engine = here("../engine/dist");
if (existsSync(engine)) {
  cpSync(engine, path.join(dist, "engine"), { recursive: true });
  for (const name of ["builds.js", "workshop.js"]) pin(`engine/wasm/${name}`);
}

/** Writes each module's digest beside its address: the browser refuses another one. */
function pin(script) {
  const file = path.join(dist, script);
  const digest = (module) => integrity(path.join(path.dirname(script), module));
  const text = readFileSync(file, "utf8");
  writeFileSync(
    file,
    text.replace(
      /file: new URL\("([^"]+)", import\.meta\.url\)/g,
      (whole, module) => `${whole}, integrity: "${digest(module)}"`,
    ),
  );
}
