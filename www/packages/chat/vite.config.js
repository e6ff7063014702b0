import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { defineConfig } from "vite";

import { demoModel } from "./scripts/demo.mjs";

// The policy the built page runs under: only its own scripts and styles, and no HTML from strings.
// Connections may go anywhere, because a model may be fetched from any address a person types; a
// sealed page (src/offline/sw.js) may connect to nothing.
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "manifest-src 'self'",
  "connect-src *",
  "base-uri 'none'",
  "form-action 'none'",
  "trusted-types default",
  "require-trusted-types-for 'script'",
].join("; ");

/** Puts the policy at the head of the page, where it holds wherever the page is served from. */
const policy = {
  name: "policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
      injectTo: "head-prepend",
    },
  ],
};

/** Puts the demo model beside the page, and says in the page's head that it is there. */
const found = demoModel();
const demo = {
  name: "demo",
  apply: "build",
  transformIndexHtml: () =>
    found
      ? [
          {
            tag: "meta",
            attrs: { name: "ingle-demo", content: `${found.bytes} ${found.digest}` },
            injectTo: "head",
          },
        ]
      : [],
  closeBundle() {
    const dist = path.resolve(import.meta.dirname, "dist");
    if (found) cpSync(found.file, path.join(dist, "models/demo.gguf"));
  },
};

/** Models are kept by the engine's store, once: not a second time beside the page's files. */
const isModel = (name) => name.startsWith("models/");

/** Writes the service worker beside the page: what it keeps, and a name for this build. */
const serviceWorker = {
  name: "service-worker",
  apply: "build",
  closeBundle() {
    const dist = path.resolve(import.meta.dirname, "dist");
    const files = readdirSync(dist, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "sw.js")
      .map((entry) => path.relative(dist, path.join(entry.parentPath, entry.name)))
      .map((name) => name.split(path.sep).join("/"))
      .filter((name) => !isModel(name))
      .sort();
    const hash = createHash("sha256");
    for (const name of files) hash.update(name).update(readFileSync(path.join(dist, name)));
    const script = readFileSync(path.resolve(import.meta.dirname, "src/offline/sw.js"), "utf8");
    const head = `const BUILD = "${hash.update(script).digest("hex").slice(0, 16)}";\n`;
    const list = `const FILES = ${JSON.stringify(files)};\n`;
    writeFileSync(path.join(dist, "sw.js"), head + list + script);
  },
};

export default defineConfig({
  base: "./", // served from any folder
  worker: { format: "es" },
  build: {
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  plugins: [policy, demo, serviceWorker],
});
