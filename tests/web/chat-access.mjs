// Everyone can use it: automated rules on every page and sheet, keyboard and focus, what a screen
// reader is told, both languages, right to left, narrow windows and large text.
import { readFileSync } from "node:fs";
import path from "node:path";

import { serious } from "./lib/axe.mjs";
import { launch } from "./lib/browser.mjs";
import { load } from "./lib/bundle.mjs";
import {
  ask,
  askAndWait,
  choose,
  DESKTOP,
  finished,
  PHONE,
  shown,
  started,
  ui,
} from "./lib/chat.mjs";
import { checkForcedColors, checkLooks } from "./lib/looks.mjs";
import { www } from "./lib/paths.mjs";
import { assert, run } from "./lib/report.mjs";
import { chooseScripted, serveScripted } from "./lib/scripted.mjs";

const html = readFileSync(path.join(www, "packages/chat/index.html"), "utf8");
const PAGES = ["models", "bench", "settings", "privacy", "keys"];
const ANSWER =
  "Some words, `code`, and a [link](https://example.com/).\n\n```js\nlet x = 1;\n```\n\n" +
  "| a | b |\n|---|---|\n| 1 | 2 |\n\n- one\n- two\n";
const cases = {};

async function withChat(body, { options = DESKTOP, script = {}, language } = {}) {
  const server = await serveScripted({ pieces: [ANSWER], ...script });
  const browser = await launch(options);
  try {
    const page = await browser.page();
    if (language)
      await page.addInitScript(
        (language) => localStorage.setItem("ingle.prefs", JSON.stringify({ language })),
        language,
      );
    await page.goto(server.page);
    await started(page);
    await chooseScripted(page);
    await body(page, server);
    assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await browser.close();
    await server.close();
  }
}

for (const [name, options] of Object.entries({ light: DESKTOP, "phone, dark": PHONE })) {
  cases[`${name}: no serious finding on any page, sheet and menu`] = async () => {
    await withChat(
      async (page) => {
        let minor = await serious(page, "start");
        await askAndWait(page, "One day");
        minor += await serious(page, "chat");
        await page.click("#setup");
        await page.getByText("Details").click();
        minor += await serious(page, "setup");
        await page.keyboard.press("Escape");
        await page.keyboard.press("Control+k");
        await page.locator(".option").first().waitFor();
        minor += await serious(page, "search");
        await page.keyboard.press("Escape");
        await page.getByRole("button", { name: "More for this answer" }).click();
        minor += await serious(page, "menu");
        await page.keyboard.press("Escape");
        await page.click("#private");
        minor += await serious(page, "ledger");
        await page.keyboard.press("Escape");
        for (const where of PAGES) {
          await page.goto(page.url().replace(/#.*|$/, `#/${where}`));
          await page.locator(`#${where} h1`).waitFor();
          minor += await serious(page, where);
          await checkLooks(page);
        }
        console.log(`   note: ${minor} findings that are not serious`);
      },
      { options },
    );
  };
}

cases["320 px, right to left, forced colors: nothing scrolls sideways, is clipped or unseen"] =
  async () => {
    const narrow = { ...PHONE, viewport: { width: 320, height: 640 } };
    await withChat(
      async (page) => {
        await askAndWait(page, "مرحبا, a mixed مثال sentence");
        for (const dir of ["ltr", "rtl"]) {
          await page.evaluate((dir) => (document.documentElement.dir = dir), dir);
          await page.goto(page.url().replace(/#.*|$/, "#/"));
          await checkLooks(page);
          for (const where of PAGES) {
            await page.goto(page.url().replace(/#.*|$/, `#/${where}`));
            await checkLooks(page);
            if (dir === "ltr") await checkForcedColors(page);
          }
        }
      },
      { options: narrow },
    );
  };

cases["words take their own direction, code and figures do not"] = async () => {
  await withChat(
    async (page) => {
      await page.evaluate(() => (document.documentElement.dir = "rtl"));
      await askAndWait(page, "مرحبا");
      const [arabic, english, code, gauge] = await page.evaluate(() => {
        const direction = (selector, n = 0) =>
          getComputedStyle(document.querySelectorAll(selector)[n]).direction;
        const range = document.createRange();
        const text = document.querySelector("#gauge-text").firstChild;
        const x = (from, to) => {
          range.setStart(text, from);
          range.setEnd(text, to);
          return range.getBoundingClientRect().left;
        };
        const words = text.textContent;
        const of = words.indexOf("of");
        return [
          direction(".msg-body p", 0),
          direction(".msg-body p", 1),
          direction(".codebox pre"),
          x(0, 1) < x(of, of + 2) && x(of, of + 2) < x(of + 3, of + 4),
        ];
      });
      assert.deepEqual([arabic, english, code, gauge], ["rtl", "ltr", "ltr", true]);
    },
    { script: { pieces: ["مرحبا بك\n\nEnglish words.\n\n```js\n1\n```\n"] } },
  );
};

cases["a long answer is told in three sentences at most, and an error once and at once"] =
  async () => {
    // No two are the same: one that is written again and again is stopped.
    const words = Array.from({ length: 100 }, (_, i) => `A sentence, ${i} of them. `).join("");
    await withChat(
      async (page, { script }) => {
        await page.evaluate(() => {
          globalThis.said = { say: [], shout: [] };
          for (const id of ["say", "shout"])
            new MutationObserver(() => {
              const text = document.getElementById(id).textContent;
              if (text) globalThis.said[id].push(text);
            }).observe(document.getElementById(id), { childList: true });
        });
        assert.equal(await page.locator("main [aria-live], main[role=log]").count(), 0);
        await page.waitForFunction(() => document.querySelector("#say").textContent !== "");
        await page.evaluate(() => (globalThis.said.say.length = 0)); // that the model is ready
        await askAndWait(page, "Tell");
        await page.waitForFunction(() => globalThis.said.say.at(-1)?.includes("A sentence"));
        const said = await page.evaluate(() => globalThis.said);
        assert.ok(said.say.length <= 3, said.say.join("\n"));
        assert.deepEqual(said.shout, []);
        script.error = "it broke";
        await ask(page, "Again");
        await page.locator(ui("alert.server.error")).waitFor();
        await page.waitForFunction(() => globalThis.said.shout.length > 0);
        assert.equal((await page.evaluate(() => globalThis.said.shout)).length, 1);
        page.problems.length = 0; // the refusal itself is on the console
      },
      { script: { pieces: words.match(/[^]{1,40}/g) } },
    );
  };

cases["every action of a chat works by keyboard, and the focus is never lost"] = async () => {
  await withChat(async (page) => {
    const onBody = () => page.evaluate(() => document.activeElement === document.body);
    const focus = async (what) => assert.equal(await onBody(), false, what);
    await page.focus("#ask");
    await page.keyboard.type("One");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".msg-body p");
    await finished(page);
    await focus("after sending");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.type(" more");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector(".vers");
    await finished(page);
    assert.equal((await shown(page))[0], "One more");
    await page.keyboard.press("Alt+ArrowUp");
    await page.keyboard.press("Alt+ArrowUp");
    await page.keyboard.press("[");
    assert.equal((await shown(page))[0], "One");
    await focus("after another version");
    await page.locator(".msg:not(.me)").focus();
    await page.keyboard.press("r");
    await finished(page);
    await page.keyboard.press("F6");
    await focus("after F6");
    await page.keyboard.press("Control+/");
    await page.locator("#keys h1").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
    await page.locator("#chats a").first().focus();
    await page.keyboard.press("F2");
    await page.keyboard.type("Renamed");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement.textContent === "Renamed");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".msg.me");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("Settings");
    await page.locator(".option", { hasText: "Settings" }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator("#settings h1").waitFor();
    await page.keyboard.press("Control+Shift+O");
    assert.equal(await page.evaluate(() => document.activeElement.id), "ask");
    await page.keyboard.type("/set");
    await page.keyboard.press("Enter");
    await page.locator("dialog.sheet").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("#chats a").first().focus();
    await page.keyboard.press("Delete");
    await page.locator(".undo").waitFor();
    await focus("after deleting");
    await page.keyboard.press("Control+z");
    await page.locator("#chats a").first().waitFor();
  });
};

cases["both languages have the same words, and the static page has those of the table"] =
  async () => {
    const { en } = await load("i18n/en.ts");
    const { de } = await load("i18n/de.ts");
    assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
    const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort().join();
    for (const [key, text] of Object.entries(en)) {
      assert.equal(places(de[key]), places(text), key);
      assert.ok(de[key].trim() !== "", key);
    }
    const { DOCTOR_WORDS } = await load("../../engine/src/internal/doctor-words.ts");
    const { doctorDe } = await load("i18n/doctor-de.ts");
    for (const [key, said] of Object.entries(DOCTOR_WORDS))
      assert.deepEqual(doctorDe[key].map(places), said.map(places), key);
    for (const [, key, text] of html.matchAll(/ data-t="([^"]+)"[^>]*>([^<]*)</g))
      assert.equal(text, en[key], key);
    for (const [tag] of html.matchAll(/<[^>]+data-t-[^>]+>/g))
      for (const [, name, key] of tag.matchAll(/data-t-([\w-]+)="([^"]+)"/g))
        assert.ok(tag.includes(` ${name}="${en[key]}"`), `${name} of ${tag}`);
  };

cases["the page speaks German where it is asked to, to its last button"] = async () => {
  const { en } = await load("i18n/en.ts");
  const { de } = await load("i18n/de.ts");
  const english = new Set(Object.values(en));
  const german = new Set(Object.values(de));
  await withChat(
    async (page) => {
      await askAndWait(page, "Guten Tag");
      assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
      for (const where of ["", "models", "settings", "privacy", "keys"]) {
        await page.goto(page.url().replace(/#.*|$/, `#/${where}`));
        const texts = await page.evaluate(() =>
          [...document.querySelectorAll("button, a, h1, h2, h3, p, label, th, td, option")]
            .filter((node) => node.checkVisibility() && node.children.length === 0)
            .flatMap((node) => [node.textContent.trim(), node.getAttribute("aria-label")])
            .filter(Boolean),
        );
        const left = texts.filter((text) => english.has(text) && !german.has(text));
        assert.deepEqual(left, [], where);
        await checkLooks(page);
      }
    },
    { language: "de" },
  );
};

cases["no dialogs of the browser, no endless animation, at most 20 paints a second"] =
  async () => {
    const pieces = Array.from({ length: 200 }, (_, i) => `word${i} `);
    await withChat(
      async (page) => {
        page.on("dialog", () => assert.fail("alert, confirm or prompt"));
        await page.evaluate(() => {
          globalThis.changes = 0;
          new MutationObserver(() => (globalThis.changes += 1)).observe(
            document.querySelector("#col"),
            { childList: true, subtree: true, characterData: true },
          );
        });
        const start = Date.now();
        await ask(page, "Count");
        await page.waitForFunction(() =>
          document.querySelector(".msg-body")?.textContent.includes("word150 "),
        );
        const endless = await page.evaluate(
          () =>
            document
              .getAnimations()
              .filter((animation) => animation.effect.getTiming().iterations === Infinity).length,
        );
        assert.equal(endless, 0);
        await finished(page);
        const seconds = (Date.now() - start) / 1000;
        const changes = await page.evaluate(() => globalThis.changes);
        // Text at most 20 times, and the line under it twice, a second; and a few at both ends.
        assert.ok(changes <= seconds * 22 + 20, `${changes} changes in ${seconds} s`);
      },
      { script: { pieces, pauseMs: 10 } },
    );
  };

cases["the box takes words before any script, and they survive a reload"] = async () => {
  const server = await serveScripted();
  const browser = await launch(DESKTOP);
  try {
    const page = await browser.page();
    let release = () => undefined;
    const held = new Promise((resolve) => (release = resolve));
    await page.route(/index-.*\.js$/, async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(server.page, { waitUntil: "commit" });
    await page.fill("#ask", "typed early");
    release();
    await started(page);
    assert.equal(await page.inputValue("#ask"), "typed early");
    await page.reload();
    await started(page);
    assert.equal(await page.inputValue("#ask"), "typed early");
  } finally {
    await browser.close();
    await server.close();
  }
};

cases["without scripts the page says what it needs"] = async () => {
  const server = await serveScripted();
  const browser = await launch({ ...DESKTOP, javaScriptEnabled: false });
  try {
    const page = await browser.page(server.page);
    assert.match(
      await page.locator("noscript").textContent(),
      /^ingle runs entirely in your browser, so it needs JavaScript\.$/,
    );
  } finally {
    await browser.close();
    await server.close();
  }
};

cases["without WebAssembly SIMD the page says which browsers have it"] = async () => {
  const server = await serveScripted();
  const browser = await launch(DESKTOP);
  try {
    const page = await browser.page();
    await page.addInitScript(() => (WebAssembly.validate = () => false));
    await page.goto(server.page);
    const card = page.locator(".alert", { hasText: "This browser is too old for ingle" });
    await card
      .getByText("It needs WebAssembly with SIMD: Chrome or Edge 91, Firefox 89, Safari 16.4")
      .waitFor();
  } finally {
    await browser.close();
    await server.close();
  }
};

cases["the menus close by Esc, Tab and a press outside, and the opener gets the focus"] =
  async () => {
    await withChat(async (page) => {
      await askAndWait(page, "One");
      const opener = page.getByRole("button", { name: "More for this answer" });
      await opener.click();
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("End");
      assert.equal(await page.evaluate(() => document.activeElement.textContent), "Delete");
      await page.keyboard.press("Escape");
      assert.equal(await page.locator(".menu").count(), 0);
      assert.equal(
        await page.evaluate(() => document.activeElement.getAttribute("aria-label")),
        "More for this answer",
      );
      await opener.click();
      await page.mouse.click(700, 20);
      await page.locator(".menu").waitFor({ state: "detached" });
      await choose(page, opener, "New version, shorter");
      await finished(page);
      assert.match(await page.textContent(".vers"), /2 of 2/);
    });
  };

await run(cases);
