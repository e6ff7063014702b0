// A page that embeds the widget and the place the widget comes from: two origins on loopback, and
// an engine that repeats what it is asked, for the cases that are not about models.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { assert } from "./report.mjs";
import { www } from "./paths.mjs";
import { serve } from "./server.mjs";

export const widgetDist = path.join(www, "packages/widget/dist");
const axe = createRequire(path.join(www, "package.json")).resolve("axe-core/axe.min.js");

/** Answers with the question, three letters at a time; "slow" takes its time, "fail" fails. */
const ECHO = `
export { Thoughts } from "./thoughts.js";
export class Engine {
  static started = 0;
  static async start() {
    globalThis.engineStarts = (globalThis.engineStarts ?? 0) + 1;
    return new Engine();
  }
  models() { return []; }
  async load(source, { onProgress, contextLength }) {
    globalThis.loaded = source;
    if (String(source.url ?? source.name).includes("broken"))
      throw { code: "net.cors", message: "The host does not allow browsers to download this." };
    for (const loaded of [0, 5e5, 1e6])
      onProgress({ phase: "transfer", name: "m", loaded, total: 1e6 });
    const sizes = { weightBytes: 1, kvBytes: 2, scratchBytes: 3 };
    const info = { title: "Echo", device: "cpu", contextLength, ...sizes };
    return { info, generate };
  }
  async stop() { globalThis.engineStops = (globalThis.engineStops ?? 0) + 1; }
}
async function* generate({ messages, signal }) {
  const text = messages.at(-1).content;
  globalThis.asked = messages;
  if (text === "fail") throw { code: "ctx.full", message: "The prompt is too long." };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let reason = "stop";
  for (let at = 0; at < text.length; at += 3) {
    if (signal.aborted) { reason = "cancelled"; break; }
    yield { done: false, text: text.slice(at, at + 3), tokens: [1] };
    if (text.startsWith("slow")) await pause(100);
  }
  const timings = { promptTokens: 7, cachedTokens: 0, outputTokens: 3, prefillMs: 1, decodeMs: 10 };
  yield { done: true, text: "", tokens: [], reason, timings };
}`;

/** The same with stored models: nothing is there until it is pulled. */
const SHELF = ECHO.replace(
  "models() { return []; }",
  `models = {
    list: async () => globalThis.kept ?? [],
    show: async () => ({ files: [{ digest: "sha256:" + "ab".repeat(32) }] }),
    pull: async (url, { digest }) => {
      globalThis.pulled = [...(globalThis.pulled ?? []), { url, digest }];
      globalThis.kept = [{ name: "m:latest", sources: [url] }];
      return { name: "m:latest" };
    },
  };`,
);

const javascript = (text) => (_, response) => {
  response.setHeader("content-type", "text/javascript");
  response.end(text);
};

/** Where the widget comes from; `real` serves the built engine with it. */
export function serveWidget(mounts = {}, { real = false } = {}) {
  const echo = real ? {} : { "/w/engine/public/index.js": javascript(ECHO) };
  const headers = { "access-control-allow-origin": "*" };
  const shelf = { "/shelf/": widgetDist, "/shelf/engine/public/index.js": javascript(SHELF) };
  return serve({ "/w/": widgetDist, ...shelf, ...echo, ...mounts }, { headers });
}

/** A site with pages `{ "/path": { body, headers } }`. */
export function serveSite(pages, mounts = {}) {
  const answers = Object.entries(pages).map(([at, { body, headers = {} }]) => [
    at,
    (_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response.end(`<!doctype html><html lang=en><meta charset=utf-8><title>site</title>${body}`);
    },
  ]);
  return serve({ ...Object.fromEntries(answers), ...mounts });
}

/** One tag and one script. */
export function tag(origin, attributes = "", inside = "") {
  const script = `<script type="module" src="${origin}/w/ingle-chat.js" crossorigin></script>`;
  const model = 'model="https://models.example/m.gguf"';
  return `<ingle-chat ${model} ${attributes}>${inside}</ingle-chat>${script}`;
}

/** Lets a test see into closed roots; the page under test does not know. */
export const OPEN_ROOTS = `{
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) {
    return attach.call(this, { ...init, mode: "open" });
  };
}`;

/** Keeps what the widget tells the page. */
export const HEAR = `
  globalThis.heard = [];
  for (const name of ["open", "close", "progress", "ready", "turn", "error"])
    addEventListener("ingle-" + name, ({ type, detail }) => heard.push({ type, detail }));
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    heard.push({ type: "csp", detail: violatedDirective + " " + blockedURI }));`;

/** Serious and critical findings of axe in a page or frame, as words. */
export async function findings(frame) {
  assert.ok(existsSync(axe), "axe-core is installed");
  await frame.evaluate(readFileSync(axe, "utf8"));
  const { violations } = await frame.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ["violations"] }),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 90)).join(" | ")}`);
}
