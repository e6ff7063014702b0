// The chat page in three engines as one person has it for two days: pull a model, chat, reload, end
// the browser, lose the server, chat again, delete. The second day's page comes from its service
// worker and its model from the browser's storage: the server is gone, not told to refuse.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import * as chromium from "./lib/browser.mjs";
import * as firefox from "./lib/firefox.mjs";
import { chatDist } from "./lib/paths.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";
import { serve } from "./lib/server.mjs";
import * as webkit from "./lib/webkit.mjs";

const BROWSERS = {
  chromium: { ...chromium, missing: "no Chromium, Chrome or Edge" },
  firefox: { ...firefox, missing: "no Firefox" },
  webkit: { ...webkit, missing: "no WebKitWebDriver, WebKit for Python or Xvfb" },
};

/** Longest that one step may take on a busy machine; nothing waits for it otherwise. */
const STEP_MS = 100_000;
/** A page that starts later than this hangs. */
const START_MS = 60_000;
/** A page answers within this, or is asked again. */
const ANSWER_MS = 5_000;
/** Pages of the first day that are left as soon as they have started. */
const N_RELOADS = 12;
/** The same answer every time, and a short one. */
const SETTINGS = JSON.stringify({ creativity: 0, seed: 7, maxTokens: 24 });

const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-browsers-"));
const small = seeded();
const modelFile = path.join(scratch, "small.gguf");
if (small) writeFileSync(modelFile, small.bytes);

// The three are driven in three ways; all of them can run a function in the page.

const after = (ms, value) => new Promise((resolve) => setTimeout(() => resolve(value), ms));

/** Waits until `body` says something, and returns it. */
async function until(page, body, argument = null, limit = STEP_MS) {
  for (const end = performance.now() + limit; ; ) {
    // While a page is being loaded there is none to ask, and WebKit may never answer.
    const asked = page.evaluate(body, argument).catch((error) => error);
    const value = await Promise.race([asked, after(ANSWER_MS, "no answer")]);
    if (value && value !== "no answer" && !(value instanceof Error)) return value;
    if (performance.now() > end) throw new Error(`not in ${limit} ms: ${body}; ${value}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let presses = 0;

/** Presses the first of these that is there and may be pressed: once, however often it is asked. */
const press = (page, selector) =>
  until(
    page,
    ([selector, number]) => {
      if (globalThis.pressed === number) return true;
      const found = [...document.querySelectorAll(selector)].find((node) => !node.disabled);
      if (found === undefined) return false;
      globalThis.pressed = number;
      found.click();
      return true;
    },
    [selector, (presses += 1)],
  );

const type = (page, selector, text) =>
  until(
    page,
    ([selector, text]) => {
      const field = document.querySelector(selector);
      if (field === null) return false;
      field.value = text;
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      return true;
    },
    [selector, text],
  );

const isStarted = () => !["", "Starting"].includes(document.querySelector("#status").textContent);
const started = (page) => until(page, isStarted, null, START_MS);

/** The browser has what the page needs without a server. */
const copied = (page) => until(page, () => document.documentElement.dataset.offline === "ready");

/** Sends a message in a new chat; the whole answer. */
async function ask(page, text) {
  await page.evaluate(() => (location.hash = "#/"));
  await until(page, () => document.querySelector("main .msg") === null);
  await type(page, "#ask", text);
  await press(page, "#send");
  return until(page, () => {
    const message = document.querySelector("main .msg:not(.me)");
    const isBusy = document.querySelector("[aria-busy]") !== null;
    const isWhole = message?.querySelector(".acts .i-more") && !isBusy;
    return isWhole && message.querySelector(".msg-body").textContent;
  });
}

const cards = '#stored [data-ui="model.card"]';

/** The first day: from an empty browser to an answer and a copy for the next one. */
async function firstDay(page, origin) {
  await started(page);
  await page.evaluate((text) => {
    localStorage.setItem("ingle.demo", "off");
    localStorage.setItem("ingle.settings", text);
  }, SETTINGS);
  await page.goto(`${origin}/app/?device=cpu#/models`);
  await started(page);
  await copied(page);
  // WebKit's database once came to a stop when a page was left while it read: one time in ten.
  for (let n = 0; n < N_RELOADS; n += 1) {
    await page.reload();
    await started(page);
  }
  await type(page, '#models [data-ui="model.address"]', `${origin}/app/models/small.gguf`);
  await press(page, '#models [data-ui="model.get"]');
  await press(page, '[data-ui="model.pull"]');
  await press(page, `${cards} .use`);
  await until(page, () => /[kM]B/.test(document.querySelector("#model-note").textContent));
  const answer = await ask(page, "One day");
  // WebKit keeps a page that is left, with its workers asleep, and shows the same one again.
  await page.goto(`${origin}/away`);
  const left = page.evaluate(() => history.back()).catch(() => undefined); // the page may be gone
  await Promise.race([left, after(ANSWER_MS)]);
  await until(page, () => document.querySelector("#ask") !== null);
  await started(page);
  assert.equal(await ask(page, "One day"), answer, "left, and come back to");
  await page.reload();
  await started(page);
  await copied(page);
  return answer;
}

const cases = {};

/** Both days, in a browser of this kind with a profile of its own. */
async function twoDays(launch, profile) {
  const server = await serve({
    "/app/": chatDist,
    "/app/models/small.gguf": modelFile,
    "/away": (_, response) => response.end("elsewhere"),
  });
  let browser = await launch({ profile });
  try {
    const answer = await firstDay(await browser.page(`${server.origin}/app/`), server.origin);
    assert.ok(answer.length > 20, answer);
    await browser.close();
    await server.close();
    await assert.rejects(fetch(server.origin), "the server is gone");

    browser = await launch({ profile });
    const page = await browser.page(`${server.origin}/app/?device=cpu`);
    await started(page);
    await until(page, () => /[kM]B/.test(document.querySelector("#model-note").textContent));
    await until(page, () => document.querySelector("#chats li") !== null);
    assert.equal(await ask(page, "One day"), answer, "the same words offline");
    await page.evaluate(() => (location.hash = "#/models"));
    await press(page, `${cards} .b-bare`);
    await press(page, "dialog[open] .b-main");
    await until(page, () => document.querySelector("#stored li") === null);
  } finally {
    await browser.close();
    await server.close();
  }
}

for (const [name, { launch, executable, missing }] of Object.entries(BROWSERS)) {
  cases[`${name}: the chat page: pull, chat, reload, restart, chat offline, delete`] =
    async () => {
      if (!small) skip("the seeded models are not built");
      if (!executable()) skip(missing);
      await twoDays(launch, path.join(scratch, name));
    };
}

await run(cases, {
  limitMs: 480_000,
  after: () => rmSync(scratch, { recursive: true, force: true, maxRetries: 20 }),
});
