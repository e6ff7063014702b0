// The chat page and its one engine: several tabs share it, it is lost and found again, and an
// answer that was stopped, or whose tab has ended, goes on exactly where it was.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { ask, askAndWait, DESKTOP, finished, shown, started, ui } from "./lib/chat.mjs";
import { slowClock } from "./lib/clock.mjs";
import { faultyApp, faultyWorkerOf } from "./lib/faults.mjs";
import { written } from "./lib/keeper.mjs";
import { model } from "./lib/page.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";
import { serve } from "./lib/server.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : (seeded()?.bytes ?? null);
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-tabs-"));
const modelFile = path.join(scratch, "stories.gguf");
if (bytes) writeFileSync(modelFile, bytes);

// A renderer for each tab: one that is closed takes no other with it.
const browser = await launch({
  ...DESKTOP,
  args: ["--disable-features=ProcessPerSiteUpToMainFrameThreshold"],
});
const cases = {};
/** What new chats begin with: draws that can be repeated, and an end. */
const SETUP = JSON.stringify({ seed: 7, maxTokens: 60 });
/** A token of the slowed worker; an answer then takes nine seconds, whatever this machine does. */
const SLOW_MS = 150;
const line = (page) => page.locator(ui("turn.line")).last();

/**
 * The page with a model, on a host of its own: empty storage. `open` gives another tab; `more` runs
 * in the engine's worker.
 */
async function withApp(body, more = "") {
  if (!bytes) skip("no fixtures and no seeded model");
  const faulty = faultyApp("/app/", chatDist, DOOMED + more);
  const server = await serve({ "/app/": chatDist, ...faulty });
  const pages = [];
  const open = async () => {
    const page = await browser.page();
    pages.push(page);
    await page.addInitScript((setup) => localStorage.setItem("ingle.settings", setup), SETUP);
    await page.goto(`${server.origin}/app/?device=cpu`);
    await started(page);
    return page;
  };
  try {
    const page = await open();
    await page.setInputFiles("#file", modelFile);
    await page.waitForSelector(READY);
    await body(page, open);
    for (const page of pages) assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await Promise.all(pages.map((page) => page.close().catch(() => undefined)));
    await server.close();
  }
}

/** The whole answer to these words, undisturbed. */
async function whole(page, text) {
  await askAndWait(page, text);
  const answer = (await shown(page)).at(-1);
  assert.ok(answer.length > 40, answer);
  await page.click("#new-chat");
  await page.waitForSelector(READY);
  return answer;
}

const slow = async (page, ms = SLOW_MS) =>
  (await faultyWorkerOf(page)).evaluate((n) => void (faults.slowMs = n), ms);

/** While a page holds this lock, an engine that starts ends at the next answer it is asked for. */
const DOOM = "ingle-test-doom";
const DOOMED = `
const doomed = navigator.locks.query().then(({ held }) =>
  held.some(({ name }) => name === "${DOOM}"));
addEventListener("message", ({ data }) => {
  if (data.type === "generate") void doomed.then((yes) => yes && close());
});`;

/** Waits until an answer grows, with so many characters. */
const grows = (page, least = 8) =>
  page.waitForFunction((n) => {
    const body = document.querySelector("main .msg[aria-busy] .msg-body");
    return body && body.textContent.trim().length >= n;
  }, least);

/** Waits until the last answer has more than `n` characters. */
const longer = (page, n) =>
  page.waitForFunction((n) => {
    const body = [...document.querySelectorAll("main .msg-body")].at(-1);
    return body && body.textContent.trim().length > n;
  }, n);

const same = async (page, want, what) => assert.equal((await shown(page)).at(-1), want, what);

cases["two tabs have one engine, the second says so, and it takes over when the first closes"] =
  async () => {
    await withApp(async (first, open) => {
      const want = await whole(first, "One day");
      const second = await open();
      await second.waitForSelector(READY); // the same model, at once
      await second.getByText("ingle is open in another tab; the model runs there.").waitFor();
      assert.equal(await first.locator("#shared").isHidden(), true);
      assert.equal(await faultyWorkerOf(second), undefined, "one worker");
      await slow(first);
      await ask(second, "One day");
      await grows(second);
      await first.close();
      await finished(second);
      await same(second, want, "the answer is the undisturbed one");
      assert.match(await line(second).textContent(), /Went on after the tab with the model/);
      await second.waitForFunction(() => document.querySelector("#shared").hidden);
    });
  };

cases["a killed engine comes back: a card says so, the answer is the undisturbed one"] =
  async () => {
    await withApp(async (page) => {
      const want = await whole(page, "One day");
      await page.evaluate(() => {
        globalThis.cards = [];
        const look = () => {
          const card = document.querySelector('[data-ui="alert.recovering"]');
          if (card) globalThis.cards.push(card.textContent);
        };
        new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
      });
      const worker = await faultyWorkerOf(page);
      await worker.evaluate(() => (faults.tokens = { n: 12, what: "kill" }));
      await ask(page, "One day");
      await page.waitForFunction(() => globalThis.cards.length > 0);
      await finished(page);
      await same(page, want, "after the loss");
      const [card] = await page.evaluate(() => globalThis.cards);
      assert.match(card, /The browser ended the model\.Your chat is safe\./);
      assert.match(card, /from the last word\. This takes a moment\.$/);
      assert.equal(await page.locator(ui("alert.recovering")).count(), 0, "and then it is gone");
      assert.match(
        await line(page).textContent(),
        /Went on after the browser ended the model\.$/,
      );
      await page.waitForFunction(() =>
        /Processor/.test(document.querySelector("#status").textContent),
      );
    }, slowClock(10)); // a load that took five seconds would be said on the card
  };

cases["an engine that dies again and again is a card: Go on loads it and writes the rest"] =
  async () => {
    await withApp(async (page) => {
      const want = await whole(page, "One day");
      await slow(page);
      await ask(page, "One day");
      await grows(page);
      // Each new worker ends at the request, before a token: four of them, and nothing is left.
      await page.evaluate((name) => {
        const held = new Promise((end) => (globalThis.endDoom = end));
        return new Promise((got) => {
          void navigator.locks.request(name, () => (got(), held));
        });
      }, DOOM);
      await (await faultyWorkerOf(page)).evaluate(() => self.close());
      const card = page.locator(ui("alert.engine.killed"));
      await card.waitFor({ timeout: 60_000 });
      await page.evaluate(() => globalThis.endDoom());
      assert.match(await card.textContent(), /What was written is kept/);
      assert.deepEqual(await card.locator("button").allTextContents(), ["Go on", "Copy details"]);
      const before = (await shown(page)).at(-1);
      assert.ok(want.startsWith(before) && before.length > 0, before);
      await card.getByRole("button", { name: "Go on" }).click();
      await longer(page, before.length);
      await finished(page);
      await same(page, want, "the rest of the same answer");
    });
  };

cases["a stopped answer goes on as the same answer, also after a reload"] = async () => {
  await withApp(async (page) => {
    const want = await whole(page, "One day");
    await slow(page);
    await ask(page, "One day");
    await grows(page);
    await page.keyboard.press("Escape");
    await finished(page);
    const before = (await shown(page)).at(-1);
    assert.ok(before.length < want.length);
    assert.match(await line(page).textContent(), /^Stopped after \d+ tokens/);
    await page.click(ui("turn.go-on"));
    await grows(page, before.length + 4);
    await page.keyboard.press("Escape");
    await finished(page);
    await page.reload();
    await page.waitForFunction(() =>
      /[kM]B/.test(document.querySelector("#model-note").textContent),
    );
    await page.click(ui("turn.go-on"));
    await page.getByText("length limit of 60 tokens").waitFor();
    await same(page, want, "in three parts");
    await page.click(ui("turn.go-on"));
    await page.getByText("length limit of 120 tokens").waitFor();
    assert.ok((await shown(page)).at(-1).startsWith(want), "behind its limit");
  });
};

cases["an answer whose tab was ended goes on in the next one"] = async () => {
  await withApp(async (page, open) => {
    const want = await whole(page, "One day");
    await slow(page);
    await ask(page, "One day");
    await grows(page, 20);
    await written(page, 2, 12);
    await page.close();
    const next = await open();
    await next.locator("#chats li").first().locator("a, button").first().click();
    await next.getByText("The tab was closed while this was written").waitFor();
    await next.waitForFunction(() =>
      /[kM]B/.test(document.querySelector("#model-note").textContent),
    );
    const before = (await shown(next)).at(-1);
    assert.ok(want.startsWith(before) && before.length > 8, before);
    await next.click(ui("turn.go-on"));
    await longer(next, before.length);
    await finished(next);
    await same(next, want);
  });
};

cases["a page that was paused with its answer says so"] = async () => {
  await withApp(async (page) => {
    await slow(page);
    await ask(page, "One day");
    await grows(page);
    await page.evaluate(() => document.dispatchEvent(new Event("resume")));
    await finished(page);
    assert.match(await line(page).textContent(), /The browser paused this tab\./);
  });
};

await run(cases, {
  after: async () => {
    await browser.close();
    rmSync(scratch, { recursive: true, force: true });
  },
});
