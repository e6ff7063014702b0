// What tests of the chat page do with it, as a person would.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { assert } from "./report.mjs";
import { chooseScripted, serveScripted } from "./scripted.mjs";

export const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
export const PHONE = {
  viewport: { width: 390, height: 844 },
  colorScheme: "dark",
  hasTouch: true,
};
export const ui = (name) => `[data-ui="${name}"]`;

/** Waits until the page has started: the device's name, or how far a model is. */
export function started(page) {
  // A page that is just being loaded anew has no such line yet.
  return page.waitForFunction(() => {
    const status = document.querySelector("#status")?.textContent ?? "";
    return !["", "Starting", "Startet"].includes(status);
  });
}

export async function ask(page, text) {
  await page.fill("#ask", text);
  await page.focus("#ask");
  await page.keyboard.press("Enter");
}

/** Waits until nothing is written any more. */
export function finished(page, timeout = 60_000) {
  const idle = () =>
    !document.querySelector("[aria-busy]") &&
    document.querySelector("#send .i-send") !== null &&
    document.querySelector("main .msg:not(.me) .acts .i-more") !== null;
  return page.waitForFunction(idle, null, { timeout });
}

export async function askAndWait(page, text) {
  // The newest message, and not how many there are: a long chat shows its end alone.
  const before = await page.evaluateHandle(
    () => [...document.querySelectorAll("main .msg.me")].at(-1) ?? null,
  );
  await ask(page, text);
  await page.waitForFunction(
    ([before, text]) => {
      const last = [...document.querySelectorAll("main .msg.me")].at(-1) ?? null;
      return last !== before && last?.querySelector(".say")?.textContent.trim() === text.trim();
    },
    [before, text],
  );
  await finished(page);
}

/** The messages become these: what was pressed shows a moment later. */
export async function shows(page, want, what) {
  const until = Date.now() + 30_000;
  let got = await shown(page);
  while (Date.now() < until && !isDeepStrictEqual(got, want)) {
    await page.waitForTimeout(20);
    got = await shown(page);
  }
  assert.deepEqual(got, want, what);
}

/** Texts of the messages on the screen, from the first to the last. */
export function shown(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("main .msg")].map((node) =>
      (node.querySelector(".say") ?? node.querySelector(".msg-body")).textContent.trim(),
    ),
  );
}

export async function setLength(page, length) {
  await page.click("#setup");
  await page.selectOption(`dialog ${ui("setup.length")}`, String(length));
  await page.keyboard.press("Escape");
}

/** Presses an item of the menu that `opener` opens. */
export async function choose(page, opener, item) {
  await opener.click();
  await page.locator(".menu").getByRole("menuitem", { name: item, exact: true }).click();
}

/** Collects what a page must never do: reports of its policy, and dialogs of the browser. */
export async function watchPolicy(context) {
  const reports = [];
  await context.exposeBinding("policyReport", (_, text) => reports.push(text));
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      globalThis.policyReport(`${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  return { reports, none: () => assert.deepEqual(reports, [], "reports of the policy") };
}

/** A server of its own (so storage is empty), and its page with the scripted model chosen. */
export async function withScripted(browser, body, script = {}) {
  const server = await serveScripted(script);
  const pages = [];
  const open = async (hash = "") => {
    const page = await browser.page(server.page + hash);
    pages.push(page);
    await started(page);
    return page;
  };
  try {
    const page = await open();
    await chooseScripted(page);
    await body(page, { server, open });
    for (const page of pages) assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await Promise.all(pages.map((page) => page.close().catch(() => undefined)));
    await server.close();
  }
}

/** The text of the file that `press` makes the page save. */
export const saved = async (page, press) => {
  const [download] = await Promise.all([page.waitForEvent("download"), press()]);
  return readFileSync(await download.path(), "utf8");
};
/** All chats, as the page exports them. */
export const exportAll = async (page) => {
  await page.goto(page.url().replace(/#.*|$/, "#/settings"));
  const press = () => page.getByRole("button", { name: "Save all chats", exact: true }).click();
  return JSON.parse(await saved(page, press));
};
/** Imports a file with this text; what the page says to it. */
export const importText = async (page, text) => {
  await page.goto(page.url().replace(/#.*|$/, "#/settings"));
  await page.waitForSelector("#import-said");
  await page.evaluate(() => (document.querySelector("#import-said").textContent = ""));
  const buffer = Buffer.from(text);
  await page.setInputFiles("#chats-file", {
    name: "c.json",
    mimeType: "application/json",
    buffer,
  });
  await page.waitForFunction(() => document.querySelector("#import-said").textContent !== "");
  return page.textContent("#import-said");
};
