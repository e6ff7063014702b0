// The widget on two origins: sites that embed it, places it comes from (honest, changed, choosy,
// and with the real engine), and a browser to look at them with.
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { launch } from "./browser.mjs";
import { model } from "./page.mjs";
import { seeded } from "./seeded.mjs";
import { HEAR, OPEN_ROOTS, serveSite, serveWidget, tag, widgetDist } from "./widget.mjs";

const found = model("stories260K");
export const bytes = found ? readFileSync(found.file) : (seeded()?.bytes ?? null);
const HOSTILE = readFileSync(path.join(widgetDist, "demo.css"), "utf8");

const changed = (name) => (_, response) => {
  response.setHeader("content-type", "text/javascript");
  response.end(`${readFileSync(path.join(widgetDist, name), "utf8")}\n`);
};
const modelFile = (_, response) => response.end(bytes);

export const cdn = await serveWidget({
  "/bad/frame.js": changed("frame.js"),
  "/bad/": widgetDist,
  "/listed/frame.html": (_, response) => {
    response.setHeader("content-type", "text/html");
    const html = readFileSync(path.join(widgetDist, "frame.html"), "utf8");
    response.end(
      html.replace(
        'name="ingle-sites" content=""',
        'name="ingle-sites" content="https://shop.example"',
      ),
    );
  },
  "/listed/": widgetDist,
});
export const real = await serveWidget({ "/models/stories.gguf": modelFile }, { real: true });
/** Nothing of a page with this may make scripts of strings. */
const TRUSTED = "require-trusted-types-for 'script'";
/** An honest engine whose modules were changed on their way. */
export const tampered = await serveWidget(
  {
    "/models/stories.gguf": modelFile,
    "/w/engine/wasm/": (request, response) => {
      const name = path.basename(new URL(request.url, "http://x").pathname);
      const file = readFileSync(path.join(widgetDist, "engine/wasm", name));
      // In the names at the end: it would compile and run.
      if (name.endsWith(".wasm")) file[file.length - 1] ^= 1;
      const type = name.endsWith(".wasm") ? "application/wasm" : "text/javascript";
      response.setHeader("content-type", type);
      response.end(file);
    },
  },
  { real: true },
);
const STRICT = {
  "content-security-policy":
    `default-src 'none'; script-src ${cdn.origin}; frame-src ${cdn.origin}; ` + TRUSTED,
};
const SELF = {
  "content-security-policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
    `connect-src 'self'; style-src 'self'; ${TRUSTED}`,
};
const SHORT = 'max-tokens="16" temperature="0"';
/** Colors that nobody could read. */
const PALE =
  "ingle-chat{--ingle-accent:#ff0;--ingle-on-accent:#fff;" +
  "--ingle-surface:#222;--ingle-text:#333}";
const words = "<h1>A site</h1><p>Some words.</p><button id=other>Other</button>";
export const site = await serveSite({
  "/": { body: words + tag(cdn.origin, 'heading="Ask us"') },
  "/big": { body: words + tag(cdn.origin, 'model-size="770000000"').replace("m.gguf", "big.gguf") },
  "/shared": { body: words + tag(cdn.origin, 'share="text"') },
  "/de": {
    body: words + tag(cdn.origin, 'lang="de" model-size="770000000"').replace("m.gguf", "de.gguf"),
  },
  "/strict": { body: words + tag(cdn.origin), headers: STRICT },
  "/hostile": { body: `<style>${HOSTILE}</style>${words}${tag(cdn.origin, 'greeting="Hello"')}` },
  "/none": { body: words + tag(cdn.origin, 'keep="none"').replace(/model="[^"]*"/, 'model=""') },
  "/unnamed": {
    body:
      words +
      tag(cdn.origin, 'keep="none"').replace(/model="[^"]*"/, "").replace("/w/", "/shelf/"),
  },
  "/sha": { body: words + tag(cdn.origin, `model-sha256="${"ab".repeat(32)}"`) },
  "/shelf": {
    body:
      words +
      tag(cdn.origin, `keep="none" model-sha256="${"AB".repeat(32)}"`).replace("/w/", "/shelf/"),
  },
  "/broken": { body: words + tag(cdn.origin).replace("m.gguf", "broken.gguf") },
  "/inline": { body: `<div style="height:500px">${tag(cdn.origin, 'mode="inline"')}</div>` },
  "/pale": {
    body: `<style>${PALE}</style>${words}${tag(cdn.origin)}`,
  },
  "/bad": { body: words + tag(cdn.origin).replace("/w/ingle-chat.js", "/bad/ingle-chat.js") },
  "/bare": { body: words },
  "/tampered": {
    body:
      words +
      tag(tampered.origin, SHORT).replace(
        "https://models.example/m.gguf",
        `${tampered.origin}/models/stories.gguf`,
      ),
  },
  "/real": {
    body:
      words +
      tag(real.origin, 'system="You tell stories." max-tokens="24" temperature="0"').replace(
        "https://models.example/m.gguf",
        `${real.origin}/models/stories.gguf`,
      ),
  },
});
/** The same origin for page and script: the panel is a shadow root. */
export const own = await serveWidget(
  {
    "/models/stories.gguf": modelFile,
    "/own": (_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      for (const [name, value] of Object.entries(SELF)) response.setHeader(name, value);
      response.end(
        `<!doctype html><html lang=en><title>own</title>${words}` +
          tag("", SHORT).replace("https://models.example/m.gguf", "/models/stories.gguf"),
      );
    },
    "/hiding": (_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(`<!doctype html><html lang=en><title>own</title><style>${HOSTILE}
        ingle-chat,ingle-chat *,ingle-chat::part(panel),[data-ui=chip]{
          visibility:hidden;font-size:1px!important}
        .chip{display:none!important}</style>${words}${tag("")}`);
    },
  },
  { real: true },
);
export const browser = await launch({
  demo: true, // leaves the storage of these pages as empty as it is
  viewport: { width: 1280, height: 800 },
  colorScheme: "light",
});
const shots = process.env.INGLE_SHOTS;

/** A page of the site with the widget in it. */
export async function open(at, { see = true, origin = site.origin, size, scheme, clock } = {}) {
  const page = await browser.page();
  await page.addInitScript(HEAR);
  if (see) await page.addInitScript(OPEN_ROOTS);
  if (size) await page.setViewportSize(size);
  if (scheme) await page.emulateMedia({ colorScheme: scheme });
  if (clock) await page.clock.install();
  page.requests = [];
  page.on("request", (request) => page.requests.push(request.url()));
  await page.goto(origin + at);
  await page.waitForFunction(() => customElements.get("ingle-chat"));
  return page;
}

export const element = (page, what) =>
  page.evaluate(`document.querySelector("ingle-chat").${what}`);
/** Returns when the widget is in this state, which its panel tells the page soon after. */
export const becomes = (page, state) =>
  page.waitForFunction((state) => document.querySelector("ingle-chat").state === state, state);
export const launcher = (page) => page.locator("ingle-chat").locator(".dock > button");

export async function frameOf(page, name = "frame.html") {
  for (let i = 0; i < 1000; i += 1) {
    const frame = page.frames().find((frame) => frame.url().endsWith(name));
    if (frame && (await frame.locator(".ingle").count())) return frame;
    await page.waitForTimeout(50);
  }
  throw new Error(`no panel among ${page.frames().map((frame) => frame.url())}`);
}

/** Opens the panel by a click and gives the place it is in. */
export async function panel(page) {
  await launcher(page).click();
  return frameOf(page);
}

export async function ask(page, place, text) {
  await place.locator("textarea").fill(text);
  await place.locator("textarea").press("Enter");
  await place.waitForFunction(
    () => !document.querySelector("[aria-busy]") && document.querySelector("article:not(.me)"),
  );
}

export async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: path.join(shots, `${name}.png`) });
}

/** What the page heard of these events: `least` of them, which come soon after what they tell. */
export async function heard(page, type, least = 1) {
  const events = ([type, least]) => {
    const found = globalThis.heard.filter((one) => one.type === type);
    return found.length >= least && found.map(({ detail }) => detail);
  };
  return (await page.waitForFunction(events, [type, least])).jsonValue();
}

export async function closeAll() {
  await browser.close();
  for (const server of [site, cdn, real, tampered, own]) await server.close();
}
