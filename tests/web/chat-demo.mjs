// A first visit: the demo model comes by itself from the page's own folder, an early message waits
// for it, and nothing of it stands in the way of anything else.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { launch } from "./lib/browser.mjs";
import { ask, askAndWait, DESKTOP, finished, saved, shown, started, ui } from "./lib/chat.mjs";
import { builtDemo, pageWithDemo } from "./lib/demo.mjs";
import { checkLooks } from "./lib/looks.mjs";
import { model } from "./lib/page.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { serve } from "./lib/server.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : builtDemo();
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-demo-"));
const dist = bytes && pageWithDemo(path.join(scratch, "app"), bytes);
const modelFile = path.join(scratch, "other.gguf");
if (bytes) writeFileSync(modelFile, bytes);

const browser = await launch({ ...DESKTOP, demo: true });
const cases = {};

/** Notes what moves by itself: all but the chip and the status, whose words grow where they are. */
function watchShifts() {
  globalThis.shifts = [];
  new PerformanceObserver((list) => {
    for (const { hadRecentInput, sources } of list.getEntries())
      for (const { node } of hadRecentInput ? [] : sources) {
        const part = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
        if (!part?.closest?.("header, .foot")) shifts.push(part?.outerHTML?.slice(0, 80) ?? "gone");
      }
  }).observe({ type: "layout-shift", buffered: true });
}
const SETUP = JSON.stringify({ seed: 7, maxTokens: 60 });

/** The demo model over a road that can be held, closed, and counts. */
const demoFile = (road) => async (_, response) => {
  road.requests = (road.requests ?? 0) + 1;
  if (road.closed) {
    response.statusCode = 404;
    return response.end();
  }
  response.setHeader("content-length", bytes.length);
  response.write(bytes.subarray(0, bytes.length >> 1));
  while (road.holds && !response.destroyed) await new Promise((end) => setTimeout(end, 20));
  return response.end(bytes.subarray(bytes.length >> 1));
};

/** A first visit to a host of its own. */
async function firstVisit(body, { road = {}, prepare = () => undefined } = {}) {
  if (!dist) skip("no fixtures, and this build has no demo model");
  const server = await serve({ "/app/": dist, "/app/models/demo.gguf": demoFile(road) });
  const page = await browser.page();
  try {
    await page.addInitScript((setup) => localStorage.setItem("ingle.settings", setup), SETUP);
    await page.addInitScript(prepare);
    await page.goto(`${server.origin}/app/?device=cpu`);
    await body(page, { road, server });
    assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    road.holds = false;
    await page.close();
    await server.close();
  }
}

/** The demo model is in use. */
const ready = (page) =>
  page.waitForFunction(() => /[kM]B/.test(document.querySelector("#model-note").textContent));
const status = (page, pattern) =>
  page.waitForFunction(
    (text) => new RegExp(text).test(document.querySelector("#status").textContent),
    pattern.source,
  );
/** The page of models, with what it lists as stored. */
const storedNames = async (page) => {
  await page.click('#pages a[href="#/models"]');
  await page.locator("#stored li").first().waitFor();
  return page.locator("#stored li").evaluateAll((rows) => rows.map((row) => row.ariaLabel));
};

cases[
  "the demo model comes by itself, an early message waits, and it is a model like any other"
] = async () => {
  const road = { holds: true };
  await firstVisit(
    async (page) => {
      await status(page, /Getting ready: [\d.]+ of [\d.]+\sMB/);
      const isAsked = await page.evaluate(() => Date.now());
      assert.equal(await page.locator(".try button").count(), 4);
      assert.match(await page.textContent(ui("demo.card")), /You are using the demo model/);
      await checkLooks(page);
      await page.waitForSelector(ui("demo.get"));
      const shifts = await page.evaluate(() => globalThis.shifts);
      assert.deepEqual(shifts, [], "nothing moves while the page starts");
      await page.locator(".try button").first().click();
      const line = page.locator(ui("turn.line")).last();
      await line.getByText(/Will start when the demo model is ready: [\d.]+ of/).waitFor();
      road.holds = false;
      await finished(page);
      const [asked, answer] = await shown(page);
      assert.equal(asked, "Tell me a story about a fox.");
      assert.ok(answer.length > 20, answer);
      // It belongs to the start, which is known soon after.
      await page.locator("#requests", { hasText: /\b0 requests/ }).waitFor();
      await page.click("#private");
      assert.match(await page.textContent("dialog .ledger"), /localhost.*demo model/s);
      await page.keyboard.press("Escape");
      await page.click('#pages a[href="#/privacy"]');
      const save = () => page.getByRole("button", { name: "Save the list" }).click();
      const [first] = JSON.parse(await saved(page, save));
      assert.ok(first.at <= isAsked, "listed with the time it was asked for");
      assert.deepEqual(await storedNames(page), ["demo"]);
    },
    { road, prepare: watchShifts },
  );
};

cases["a later visit has its model's page at once, unless models are to be chosen"] = async () => {
  /** Notes when ways to bring a model are shown, though one is coming. */
  const watch = () => {
    globalThis.brought = false;
    new MutationObserver(() => {
      brought ||= document.querySelector("#bring") !== null;
    }).observe(document, { childList: true, subtree: true });
  };
  await firstVisit(
    async (page) => {
      await ready(page);
      await page.addInitScript(watch);
      await page.reload();
      await ready(page);
      await page.waitForSelector(ui("demo.get"));
      const seen = await page.evaluate(() => ({ shifts, brought }));
      assert.deepEqual(seen, { shifts: [], brought: false });
      await page.click('#pages a[href="#/settings"]');
      await page.getByLabel("Start with the model that was used last").uncheck();
      await page.goBack();
      await page.reload();
      await started(page);
      await page.waitForSelector("#bring");
      assert.equal(await page.textContent("#model-note"), "", "nothing is loaded");
    },
    { prepare: watchShifts },
  );
};

cases["a better model is offered once, under the first whole answer"] = async () => {
  await firstVisit(async (page, { server }) => {
    await ready(page);
    // The models of the tests rarely end by themselves: a stop word makes an answer whole.
    await page.evaluate(() =>
      localStorage.setItem("ingle.settings", JSON.stringify({ seed: 7, stop: ["e"] })),
    );
    await page.addInitScript(() =>
      localStorage.setItem("ingle.settings", JSON.stringify({ seed: 7, stop: ["e"] })),
    );
    await askAndWait(page, "One day");
    await page.getByText("Want real answers?").waitFor();
    await page.locator(ui("demo.better")).getByRole("button", { name: "Close" }).click();
    await askAndWait(page, "Another day");
    assert.equal(await page.getByText("Want real answers?").count(), 0);
    await page.goto(`${server.origin}/app/?device=cpu#/`);
    await page.reload();
    await ready(page);
    await askAndWait(page, "A third day");
    assert.equal(await page.getByText("Want real answers?").count(), 0);
  });
};

cases["without a network the next visit answers at once"] = async () => {
  await firstVisit(async (page, { server }) => {
    await ready(page);
    await page.waitForFunction(() => document.documentElement.dataset.offline === "ready");
    await server.close();
    await page.reload();
    await started(page);
    await askAndWait(page, "One day");
    assert.ok((await shown(page))[1].length > 20);
  });
};

cases["a line that saves data is asked first; a message is an answer"] = async () => {
  const road = {};
  const saves = () =>
    Object.defineProperty(navigator, "connection", { value: { saveData: true } });
  await firstVisit(
    async (page) => {
      await page.locator(ui("demo.asks")).waitFor();
      assert.match(
        await page.textContent(ui("demo.asks")),
        /save data.*The demo model is [\d.]+\s/s,
      );
      assert.equal(road.requests ?? 0, 0);
      await ask(page, "One day");
      await page.locator(ui("turn.line")).waitFor();
      await finished(page);
      assert.ok((await shown(page))[1].length > 20);
    },
    { road, prepare: saves },
  );
};

cases["a demo model that does not come is a card, and a file is used all the same"] =
  async () => {
    const road = { closed: true };
    await firstVisit(
      async (page) => {
        const card = page.locator(".alert", { hasText: "The demo model could not be fetched" });
        const titled = page.locator("[data-ui^='alert.net']");
        await card.or(titled).first().waitFor();
        await page.getByRole("button", { name: "Try again" }).waitFor();
        await page.setInputFiles("#file", modelFile);
        await ready(page);
        await askAndWait(page, "One day");
        assert.ok((await shown(page))[1].length > 20);
        page.problems.length = 0; // the 404 itself is on the console
      },
      { road },
    );
  };

cases["deleted, it does not come again; a file chosen meanwhile ends it"] = async () => {
  const road = { holds: true };
  await firstVisit(
    async (page) => {
      await status(page, /Getting ready/);
      await page.setInputFiles("#file", modelFile);
      await ready(page);
      road.holds = false;
      const before = road.requests;
      await page.reload();
      await ready(page);
      assert.equal(road.requests, before, "the model of the last visit is loaded, and no other");
    },
    { road },
  );
  await firstVisit(async (page, { road }) => {
    await ready(page);
    const before = road.requests;
    assert.deepEqual(await storedNames(page), ["demo"]);
    await page
      .locator("#stored")
      .getByRole("button", { name: /^Delete/ })
      .click();
    await page
      .getByRole("button", { name: /^Delete, free/ })
      .last()
      .click();
    await page.waitForFunction(() => document.querySelectorAll("#stored li").length === 0);
    await page.goto(page.url().replace(/#.*/, "#/"));
    await page.reload();
    await page.getByText("Bring a model").waitFor();
    await started(page);
    assert.equal(road.requests, before);
  });
};

/** Bytes a second of a 4 Mbit/s line. */
const LINE = 500_000;

cases["on a 4 Mbit/s line the first words of an answer come within a minute"] = async () => {
  const demo = builtDemo();
  if (!demo) skip("this build has no demo model");
  const folder = pageWithDemo(path.join(scratch, "slow"), demo);
  // One road for all files, at the line's rate, compressed as a host would.
  let road = Promise.resolve();
  const sent = { bytes: 0 };
  const slowly = (request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    const name = pathname.slice("/app/".length) || "index.html";
    let body;
    try {
      body = readFileSync(path.join(folder, name));
    } catch {
      response.statusCode = 404;
      return response.end();
    }
    const type = { ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };
    response.setHeader("content-type", type[path.extname(name)] ?? "text/html");
    if (/\.(svg|png|webmanifest)$/.test(name))
      response.setHeader("content-type", "image/svg+xml");
    if (!name.endsWith(".gguf")) {
      body = gzipSync(body);
      response.setHeader("content-encoding", "gzip");
    }
    response.setHeader("content-length", body.length);
    road = road.then(async () => {
      for (let at = 0; at < body.length && !response.destroyed; at += LINE / 20) {
        const part = body.subarray(at, at + LINE / 20);
        sent.bytes += part.length;
        response.write(part);
        await new Promise((resolve) => setTimeout(resolve, (1000 * part.length) / LINE));
      }
      response.end();
    });
    return undefined;
  };
  const server = await serve({ "/app/": slowly });
  const page = await browser.page();
  try {
    const start = performance.now();
    await page.goto(`${server.origin}/app/?device=cpu`, { waitUntil: "commit" });
    await page.locator("#ask").waitFor();
    await page.waitForSelector(READY, { timeout: 60_000 });
    await ask(page, "Tell me a story about a fox.");
    await page.waitForFunction(
      () => document.querySelector("main .msg:not(.me) .msg-body")?.textContent.trim(),
      null,
      { timeout: 60_000 },
    );
    const seconds = (performance.now() - start) / 1000;
    const megabytes = sent.bytes / 1e6;
    console.log(
      `   note: first words after ${seconds.toFixed(1)} s, ${megabytes.toFixed(1)} MB sent`,
    );
  } finally {
    await page.close();
    await server.close();
  }
};

await run(cases, {
  after: async () => {
    await browser.close();
    rmSync(scratch, { recursive: true, force: true });
  },
});
