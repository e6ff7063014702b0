// The widget in somebody else's page as a visitor and the site's author meet it: the click, the
// question, keyboard and screen reader, what the page learns, and a real model (U55 to U58).
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { assert, run, skip } from "./lib/report.mjs";
import { findings, HEAR, OPEN_ROOTS, widgetDist } from "./lib/widget.mjs";
import {
  ask,
  becomes,
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
  real,
  shot,
  site,
} from "./lib/widget-site.mjs";

const cases = {};

cases["U55 before the click: one small request, no cookie, no storage, no shift"] = async () => {
  const page = await open("/");
  await page.waitForTimeout(300);
  assert.deepEqual(
    page.requests.filter((url) => url.startsWith(cdn.origin)),
    [`${cdn.origin}/w/ingle-chat.js`],
  );
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

cases["the click: at most two requests, the box has the focus, the page does not move"] =
  async () => {
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
  const turns = await heard(page, "ingle-turn", 2);
  assert.deepEqual(
    turns.map(({ role, stop }) => [role, stop]),
    [
      ["user", null],
      ["assistant", "stop"],
    ],
  );
  assert.ok(!JSON.stringify(await page.evaluate(() => heard)).includes("bold"), "U57");
  assert.equal(
    await page.evaluate(() =>
      document
        .querySelector("ingle-chat")
        .export()
        .catch(({ name }) => name),
    ),
    "NotAllowedError",
  );
  await shot(page, "widget-desktop");
  await ask(page, place, "<think>What is it?</think>It is so.");
  // What a model thinks is no answer.
  const answers = place.locator("article:not(.me) [part=answer]");
  await answers.filter({ hasText: /^\s*It is so\.\s*$/ }).waitFor();
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
  await becomes(page, "asking");
  await shot(page, "widget-asking");
  await place.click("[data-ui=not-now]");
  assert.equal(await element(page, "state"), "asking");
  const kept = () =>
    [localStorage, sessionStorage].flatMap((s) => Object.keys(s)).filter((k) => k.includes("big"));
  assert.deepEqual(await place.evaluate(kept), []);
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
  assert.deepEqual(
    (await heard(page, "ingle-turn", 2)).map(({ text }) => text),
    ["secret", "secret"],
  );
  const text = await page.evaluate(() => document.querySelector("ingle-chat").export());
  assert.equal(text, "user: secret\n\nassistant: secret");
  // What was being written when it is cleared belongs to no conversation.
  await place.locator("textarea").fill("slow and long, to be cleared meanwhile. ".repeat(40));
  await place.locator("textarea").press("Enter");
  await becomes(page, "writing");
  await place.waitForFunction(
    () => [...document.querySelectorAll(".answer")].at(-1)?.textContent.length > 3,
  );
  await place.click("[data-ui=clear]");
  await becomes(page, "ready");
  assert.equal(await page.evaluate(() => document.querySelector("ingle-chat").export()), "");
  assert.equal(await place.locator("article").count(), 0);
  await page.close();
};

cases["U58 Tab leaves it, Escape closes it, the focus returns; full screen on a phone"] =
  async () => {
    const page = await open("/");
    const place = await panel(page);
    await place.locator("textarea").focus();
    const inside = () =>
      page.evaluate(() => document.activeElement === document.querySelector("ingle-chat"));
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
    await page.waitForFunction(() => !document.querySelector("ingle-chat").hasAttribute("open"));
    await page.close();
  };

cases["keys: Enter sends, with Shift it does not, nor while a word is composed; Stop stops"] =
  async () => {
    const page = await open("/");
    const place = await panel(page);
    const input = place.locator("textarea");
    await input.fill("one");
    await input.press("Shift+Enter");
    assert.equal(await input.inputValue(), "one\n");
    await input.evaluate((node) =>
      node.dispatchEvent(
        new KeyboardEvent("keydown", {
          key: "Enter",
          isComposing: true,
          bubbles: true,
          cancelable: true,
        }),
      ),
    );
    assert.equal(await place.locator("article").count(), 0);
    // More than a minute of it.
    await input.fill("slow and long, so that there is time to stop it. ".repeat(40));
    await input.press("Enter");
    await place.waitForFunction(() => document.querySelector(".answer")?.textContent.length > 3);
    await becomes(page, "writing");
    await place.click("[aria-label='Stop writing']");
    await place.waitForFunction(() => !document.querySelector("[aria-busy]"));
    assert.match(await place.textContent("[data-ui=line]"), /Stopped. The text is kept/);
    assert.equal((await heard(page, "ingle-turn", 2)).at(-1).stop, "cancelled");
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
  await place.waitForFunction(
    () => document.querySelector(".answer")?.textContent === "from the page",
  );
  await element(page, "clear()");
  await place.waitForFunction(() => document.querySelectorAll("article").length === 0);
  await element(page, "hide()");
  assert.deepEqual(await heard(page, "ingle-close"), [{ by: "page" }]);
  await page.close();
};

cases["a chat that is moved to another place in the page goes on there"] = async () => {
  const page = await open("/");
  const place = await panel(page);
  await ask(page, place, "here");
  await page.evaluate(() => {
    const aside = document.body.appendChild(document.createElement("aside"));
    aside.append(document.querySelector("ingle-chat"));
  });
  assert.equal(await element(page, "state"), "idle");
  await element(page, "show()");
  await element(page, "ask('there')");
  const moved = await frameOf(page);
  await moved.waitForFunction(
    () => [...document.querySelectorAll(".answer")].at(-1)?.textContent === "there",
  );
  assert.equal(await moved.locator("article").count(), 4, "the conversation is still there");
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
    await becomes(page, "trouble");
    assert.equal((await heard(page, "ingle-error"))[0].code, code);
    assert.deepEqual(await findings(place), []);
    await place.evaluate(() => sessionStorage.clear());
    await page.close();
  };
}

cases["model-sha256: the digest goes with the pull, and a kept file is not pulled again"] =
  async () => {
    const page = await open("/shelf");
    const place = await panel(page);
    await ask(page, place, "hello");
    const url = "https://models.example/m.gguf";
    const pulls = [{ url, digest: `sha256:${"ab".repeat(32)}` }];
    assert.deepEqual(await place.evaluate(() => globalThis.pulled), pulls);
    assert.deepEqual(await place.evaluate(() => globalThis.loaded), { name: "m:latest" });
    await page.close();
    const without = await open("/sha");
    const other = await panel(without);
    await other.locator("textarea").fill("hello");
    await other.locator("textarea").press("Enter");
    await other.waitForSelector('[data-ui="card.api.argument"]');
    assert.equal(
      await other.evaluate(() => globalThis.loaded),
      undefined,
      "nothing is used unchecked",
    );
    await other.evaluate(() => sessionStorage.clear());
    await without.close();
  };

cases["a tag without a model has the demo model of the widget's folder, and its digest"] =
  async () => {
    const file = path.join(widgetDist, "models/demo.gguf");
    if (!existsSync(file)) skip("this build has no demo model");
    const page = await open("/unnamed");
    const frame = await panel(page);
    await ask(page, frame, "One question");
    const { url, digest } = (await frame.evaluate(() => globalThis.pulled))[0];
    assert.equal(url, `${cdn.origin}/shelf/models/demo.gguf`);
    assert.equal(digest, `sha256:${createHash("sha256").update(readFileSync(file)).digest("hex")}`);
    await page.close();
  };

cases["closed for a minute the model is let go, and a question brings it back"] = async () => {
  const page = await open("/", { clock: true });
  const place = await panel(page);
  await ask(page, place, "one");
  const engines = () =>
    place.evaluate(() => [globalThis.engineStarts ?? 0, globalThis.engineStops ?? 0]);
  // What the page says to the panel is on its way for a moment; that it came shows in the timer.
  await place.evaluate(() => {
    const { setTimeout, clearTimeout } = globalThis;
    globalThis.isLeft = false;
    globalThis.setTimeout = (run, ms, ...rest) => {
      if (ms === 60_000) globalThis.isLeft = true;
      return setTimeout(run, ms, ...rest);
    };
    globalThis.clearTimeout = (timer) => {
      globalThis.isLeft = false;
      clearTimeout(timer);
    };
  });
  // A frame that is not shown has no animation frames.
  const left = (is) => place.waitForFunction((is) => isLeft === is, is, { polling: 50 });
  // Opened again in time, nothing happens.
  await element(page, "hide()");
  await left(true);
  await page.clock.fastForward(35_000);
  await element(page, "show()");
  await left(false);
  await page.clock.fastForward(35_000);
  assert.deepEqual(await engines(), [1, 0]);
  await element(page, "hide()");
  await left(true);
  await page.clock.fastForward(61_000);
  await page.waitForFunction(() => document.querySelector("ingle-chat").state === "idle");
  assert.deepEqual(await engines(), [1, 1]);
  await element(page, "show()");
  await ask(page, place, "two");
  assert.deepEqual(await engines(), [2, 1]);
  assert.equal(await place.locator("article").count(), 4);
  await place.click("[data-ui=clear]");
  await page.close();
};

cases["a failed answer keeps the question, and a full context offers a new chat"] = async () => {
  const page = await open("/");
  const place = await panel(page);
  await place.locator("textarea").fill("fail");
  await place.locator("textarea").press("Enter");
  await place.waitForSelector('[data-ui="card.ctx.full"]');
  assert.match(await place.textContent(".card"), /longer than the model can read/);
  assert.equal(await place.locator("article.me").textContent(), "fail");
  await place.click("[data-ui=fresh]");
  assert.equal(await place.locator("article").count(), 0);
  await ask(page, place, "again");
  assert.equal(await place.locator(".card").count(), 0);
  await place.click("[data-ui=clear]");
  await page.close();
};

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
    await ask(
      page,
      place,
      "# A\n\n- one `two`\n\n```js\nlet x\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n" +
        "[link](https://x.example)",
    );
    assert.deepEqual(await findings(place), [], `answered, ${scheme}`);
    await shot(page, `widget-${scheme}`);
    await place.evaluate(() => (localStorage.clear(), sessionStorage.clear()));
    await page.close();
  }
};

cases["colors that cannot be read are not used, with one warning"] = async () => {
  const page = await browser.page();
  const warnings = [];
  page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
  await page.addInitScript(OPEN_ROOTS);
  await page.goto(`${site.origin}/pale`);
  await page.waitForFunction(() => customElements.get("ingle-chat"));
  const style = (node) => [getComputedStyle(node).backgroundColor, getComputedStyle(node).color];
  assert.deepEqual(await launcher(page).evaluate(style), ["rgb(255, 255, 0)", "rgb(0, 0, 0)"]);
  const place = await panel(page);
  assert.deepEqual(await place.locator(".send").evaluate(style), [
    "rgb(255, 255, 0)",
    "rgb(0, 0, 0)",
  ]);
  assert.deepEqual(await place.locator(".ingle").evaluate(style), [
    "rgb(34, 34, 34)",
    "rgb(255, 255, 255)",
  ]);
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
  const turn = (await heard(page, "ingle-turn", 2)).at(-1);
  assert.ok(turn.tokens > 0 && turn.firstWordMs >= 0, JSON.stringify(turn));
  assert.deepEqual(await heard(page, "csp", 0), []);
  assert.deepEqual(page.problems, []);
}

cases["X14, X16 a real model answers in the frame, under its policy, without isolation headers"] =
  async () => {
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

cases["X14 a real model answers in a shadow root under 'self' and 'wasm-unsafe-eval' alone"] =
  async () => {
    if (!bytes) skip("no fixtures and no seeded model");
    const page = await open("/own", { origin: own.origin });
    await launcher(page).click();
    await answered(page, page.locator("ingle-chat"));
    await page.close();
  };

cases["the demonstration in a foreign page"] = async () => {
  const page = await open("/w/demo.html?model=https://models.example/m.gguf", {
    origin: cdn.origin,
  });
  await launcher(page).click();
  await page.locator("ingle-chat .ingle").waitFor();
  assert.match(await page.locator("ingle-chat h2").textContent(), /Ask about bikes/);
  await shot(page, "widget-demo");
  await page.close();
};

await run(cases, { after: closeAll });
