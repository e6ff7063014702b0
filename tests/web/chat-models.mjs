// The page of models: a look before the download, the download with its states, check, details,
// save, delete, and the same of a server over its API.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { load } from "./lib/bundle.mjs";
import { choose, DESKTOP, started, ui } from "./lib/chat.mjs";
import { builtDemo } from "./lib/demo.mjs";
import { faultyApp } from "./lib/faults.mjs";
import { checkLooks } from "./lib/looks.mjs";
import { model } from "./lib/page.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { slowFile } from "./lib/road.mjs";
import { serveScripted } from "./lib/scripted.mjs";
import { serve } from "./lib/server.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : builtDemo();
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-models-"));
const modelFile = path.join(scratch, "stories.gguf");
if (bytes) writeFileSync(modelFile, bytes);

const browser = await launch(DESKTOP);
const cases = {};

async function withModels(body, road = {}) {
  if (!bytes) skip("no fixtures, and this build has no demo model");
  const server = await serve({ "/app/": chatDist, "/files/stories.gguf": slowFile(bytes, road) });
  const pages = [];
  const open = async () => {
    const page = await browser.page(`${server.origin}/app/?device=cpu#/models`);
    pages.push(page);
    await started(page);
    return page;
  };
  try {
    await body(await open(), { server, road, open });
    for (const page of pages) assert.deepEqual(page.problems, []);
  } finally {
    road.holds = false;
    await Promise.all(pages.map((page) => page.close()));
    await server.close();
  }
}

/** A planner's answer: as wished, in all but these. */
const fitOf = (change) => ({
  verdict: "tight",
  device: "gpu",
  contextLength: 4096,
  wishedContextLength: 4096,
  kvType: "f16",
  needs: { weights: 1.1e9, context: 0.47e9, scratch: 0.33e9, total: 1.9e9, storage: 1.1e9 },
  has: { device: 2.4e9, storage: 9e9, memory: 4e9 },
  sentence: "Needs 1.1 GB of storage; this browser has 0.9 GB left for ingle.",
  ...change,
});
/** U14 and U15: what makes each verdict, its word, and how its sentence begins and ends. */
const VERDICTS = [
  ["well", { verdict: "well" }, /^Needs 1.90.GB of 2.40.GB: .*working space\.$/],
  ["tight", {}, /^Needs .* Close other heavy tabs first\.$/],
  [
    "less",
    { contextLength: 2048 },
    /^Fits with 2,048 tokens of context instead of 4,096\. That is about 1,500 words\. Needs /,
  ],
  ["processor", { device: "cpu" }, /^No room in graphics memory\. .*Needs 1.90.GB of 4.00.GB: /],
  [
    "processor",
    { device: "cpu", contextLength: 1024 },
    /^No room in graphics memory\. .* Fits with 1,024 tokens of context instead of 4,096\./,
  ],
  // Without a graphics chip the processor is no second choice.
  ["tight", { device: "cpu", has: { device: null, storage: 9e9, memory: 2.4e9 } }, /^Needs /],
  ["storage", { verdict: "storage" }, /^Needs 1\.10.GB of storage; this browser has 9\.00.GB left/],
  ["no", { verdict: "no", nearest: "A smaller one" }, /1.90.GB.*A smaller one would fit\.$/],
];

cases["each verdict has its word, and a sentence whose parts add up"] = async () => {
  const { wordOf, fitSentence } = await load("pages/fit-words.ts");
  for (const [word, change, sentence] of VERDICTS) {
    const fit = fitOf(change);
    assert.equal(wordOf(fit), word, JSON.stringify(change));
    const said = fitSentence(fit);
    assert.match(said, sentence);
    const sum = /Needs ([\d.]+\s\w+) of .*: (.*) weights, (.*) for .* context, (.*) working/;
    const [need, ...parts] = (sum.exec(said) ?? []).slice(1).map(inBytes);
    if (need !== undefined)
      assert.ok(Math.abs(parts.reduce((all, one) => all + one) - need) <= 15e6, said);
  }
};

/** Waits until no tab does a download: one that is just being paused cannot go on yet. */
const idle = async (page) => {
  await page.waitForFunction(async () => {
    const { held, pending } = await navigator.locks.query();
    return ![...held, ...pending].some(({ name }) => name.startsWith("ingle.pull."));
  });
  // Within half a second of its last news a tab tells no others.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
};

const look = async (page, address) => {
  await page.fill(`#models ${ui("model.address")}`, address);
  await page.click(`#models ${ui("model.get")}`);
};

cases["a model is looked at, fits, is got, checked, shown, saved and deleted"] = async () => {
  await withModels(async (page, { server }) => {
    await look(page, `${server.origin}/files/stories.gguf`);
    await page.locator(`#asked ${ui("model.verdict")}`).waitFor();
    assert.equal(await page.textContent(`#asked ${ui("model.verdict")}`), "Fits well");
    const sum = await page.textContent("#asked .facts");
    assert.match(sum, /Needs [\d.]+\s[kM]B/);
    await checkLooks(page);
    await page.click(ui("model.pull"));
    const card = page.locator(ui("model.card"));
    await card.waitFor();
    assert.equal(await page.locator(ui("pull.card")).count(), 0);
    const more = card.getByRole("button", { name: /^More for/ });
    await choose(page, more, "Check again");
    await card.getByText("checked against its fingerprint").waitFor();
    await choose(page, more, "Details");
    await page.locator("dialog", { hasText: "Fingerprint" }).waitFor();
    assert.match(await page.textContent("dialog"), /Architecturellama/);
    await page.keyboard.press("Escape");
    const save = choose(page, more, "Save to a file");
    const [download] = await Promise.all([page.waitForEvent("download"), save]);
    assert.ok(readFileSync(await download.path()).equals(bytes), "byte for byte");
    await card.getByRole("button", { name: /^Delete/ }).click();
    assert.match(await page.locator("dialog").getAttribute("aria-label"), /^Delete .*stories/);
    await page
      .getByRole("button", { name: /^Delete, free/ })
      .last()
      .click();
    await card.waitFor({ state: "detached" });
  });
};

cases["a download shows its figures, pauses, goes on after a reload, and is one for two tabs"] =
  async () => {
    const road = {};
    await withModels(async (page, { server, open }) => {
      await look(page, `${server.origin}/files/stories.gguf`);
      await page.locator(ui("model.pull")).waitFor();
      road.holds = true;
      await page.locator(ui("model.pull")).click();
      const card = page.locator(ui("pull.card"));
      await card.waitFor();
      await page.waitForFunction(
        (selector) => / of .*MB/.test(document.querySelector(selector)?.textContent ?? ""),
        ui("pull.eta"),
      );
      const other = await open();
      const over = other.locator(ui("pull.card"));
      // Said while bytes come: ten seconds later it is said that none do.
      await over.getByText("in another tab").waitFor();
      const arePaused = async () => {
        for (const at of [card, over]) await at.getByText("Paused. What has come").waitFor();
        await idle(page);
      };
      await card.getByRole("button", { name: "Pause" }).click();
      await arePaused();
      await card.getByRole("button", { name: "Go on" }).click();
      await card.getByRole("button", { name: "Pause" }).waitFor();
      // The tab that only shows it can pause it and go on, and is then the one that does it.
      await over.getByRole("button", { name: "Pause" }).click();
      await arePaused();
      await card.getByRole("button", { name: "Go on" }).click();
      // A tab that closes without a word leaves its download to the other one.
      await over.getByRole("button", { name: "Pause" }).waitFor();
      await page.goto("about:blank");
      await over.getByText("You can close this tab.").waitFor();
      await page.goto(other.url());
      await started(page);
      await card.getByText("in another tab").waitFor();
      await other.close();
      await card.getByRole("button", { name: "Pause" }).waitFor();
      await page.reload();
      await started(page);
      await page.locator(ui("pull.card")).waitFor();
      await page.locator("#requests", { hasText: "1 download" }).waitFor();
      road.holds = false;
      await page.locator(ui("model.card")).waitFor({ timeout: 60_000 });
      assert.equal(await page.locator(ui("pull.card")).count(), 0);
    }, road);
  };

cases["an address that leads nowhere is a card with a way on"] = async () => {
  await withModels(async (page, { server }) => {
    await look(page, `${server.origin}/files/none.gguf`);
    await page.locator("#asked .alert").waitFor();
    assert.match(await page.textContent("#asked .alert"), /404/);
    assert.equal(await page.locator("#asked .alert button").count(), 2);
    page.problems.length = 0; // the 404 itself is on the console
  });
};

cases["the time left comes late, stays put, and is right for a steady download"] = async () => {
  const { Rate } = await load("format.ts");
  const rate = new Rate();
  const [total, perSecond] = [600e6, 2e6];
  const said = [];
  for (let ms = 0; ms <= 300_000; ms += 500) {
    // Steady on the whole, uneven from moment to moment.
    const done = Math.min(total, (ms / 1000) * perSecond + 300_000 * Math.sin(ms / 900));
    rate.add(ms, Math.max(0, done));
    said.push({ ms, words: rate.wordsLeft(total), left: (total - done) / perSecond });
  }
  const first = said.find(({ words }) => words !== null);
  assert.ok(first.ms >= 5_000, `said after ${first.ms} ms`);
  let changed = -Infinity;
  const right = said.slice(said.indexOf(first)).filter(({ ms, words, left }, i, all) => {
    if (i > 0 && words !== all[i - 1].words) {
      assert.ok(ms - changed >= 2_000, "changes at most every 2 s");
      changed = ms;
    }
    const minutes = Number(words.match(/\d+/)?.[0]) * 60 || (words.startsWith("less") ? 30 : 8);
    return minutes / left < 2 && left / minutes < 2;
  });
  assert.ok(right.length / said.length >= 0.9, `${right.length} of ${said.length} are right`);
  for (const [ms, done] of [[301_000, 5e6], [302_000, 7e6]]) rate.add(ms, done);
  assert.equal(rate.perSecond(), 2e6, "another tab has begun again");
};

/** Keeps all that the card and the announcer say from now on. */
const listen = (page) =>
  page.evaluate(([card, announcer]) => {
    const said = { card: [], announcer: [] };
    const note = () => {
      for (const [list, selector] of [
        [said.card, card],
        [said.announcer, announcer],
      ]) {
        const text = document.querySelector(selector)?.textContent ?? "";
        if (text !== "" && text !== list.at(-1)) list.push(text);
      }
    };
    const all = { subtree: true, childList: true, characterData: true };
    new MutationObserver(note).observe(document.body, all);
    window.said = said;
  }, [ui("pull.eta"), ui("announce.polite")]);

/** Seconds and number of the try, in what was said of a wait. */
const AGAIN = /The server stopped answering\. Trying again in (\d+) s \(try (\d) of 6\)\.$/;

/** Waits until a card has counted down: two times of one try. */
const countedDown = (page) =>
  page.waitForFunction((again) => {
    const found = window.said.card.map((text) => new RegExp(again).exec(text)).filter(Boolean);
    return found.some(([, , n], i) => i > 0 && n === found[i - 1][2]);
  }, AGAIN.source);

cases["a server that stalls is said at 10 s and at 30 s, and which try comes when"] = async () => {
  const road = {};
  await withModels(async (page, { server, open }) => {
    await look(page, `${server.origin}/files/stories.gguf`);
    await page.locator(ui("model.pull")).waitFor();
    road.holds = true;
    await page.clock.install();
    await page.locator(ui("model.pull")).click();
    const words = (text) => page.locator(ui("pull.eta"), { hasText: text }).waitFor();
    await words(/^0\.13 of [\d.]+.MB/);
    await page.clock.fastForward(11_000);
    await words("Waiting for the server.");
    await page.clock.fastForward(20_000);
    await words("The server stopped answering. Trying again.");
    assert.match(await page.textContent(ui("pull.eta")), /^[\d.]+ of [\d.]+/, "what is kept");
    // The store's clock is the real one: it is helped by cuts, after which it waits for seconds.
    const other = await open();
    await other.locator(ui("pull.card")).waitFor();
    await Promise.all([page, other].map(listen));
    road.cuts = true;
    await Promise.all([page, other].map(countedDown));
    for (const tab of [page, other]) {
      const said = await tab.evaluate(() => window.said);
      const waits = said.card.filter((text) => AGAIN.test(text));
      // All that came before the road was held, and no more.
      const isKept = (text) => /^0\.13 of [\d.]+.MB · /.test(text);
      assert.ok(waits.every(isKept), waits.join("\n"));
      const spoken = said.announcer.map((text) => AGAIN.exec(text)?.[2]).filter(Boolean);
      assert.ok(spoken.length > 0 && spoken.length === new Set(spoken).size, `tries ${spoken}`);
    }
    road.holds = false;
    await page.locator(ui("model.card")).waitFor({ timeout: 60_000 });
    // Of the cuts the console says what it must.
    page.problems = page.problems.filter((problem) => !/net::ERR_/.test(problem));
  }, road);
};

/** The seconds, the try and of how many, in a wait that a busy server asked for. */
const BUSY = /^The server is busy\. Trying again in (\d+) s \(try 2 of 6\)\.$/;

cases["a tab that is opened while another one's download waits says so at once"] = async () => {
  const road = { busyFor: 0 };
  await withModels(async (page, { server, open }) => {
    const ref = `${server.origin}/files/stories.gguf`;
    await look(page, ref);
    await page.locator(ui("model.pull")).waitFor();
    road.busyFor = 120;
    await page.locator(ui("model.pull")).click();
    const wait = (tab) => tab.locator(ui("pull.eta"), { hasText: "(try 2 of 6)" });
    const seconds = async (tab) => {
      const words = (await wait(tab).textContent()).split(" · ").at(-1);
      return Number(BUSY.exec(words)?.[1]);
    };
    await wait(page).waitFor();
    const before = await seconds(page);
    const other = await open();
    await wait(other).waitFor();
    const left = await seconds(other);
    assert.ok(left > 0 && left <= before, `${left} s of ${before}`);
    road.busyFor = 0;
    await page.locator(ui("pull.card")).getByRole("button", { name: "Cancel" }).click();
    for (const tab of [page, other])
      await tab.locator(ui("pull.card")).waitFor({ state: "detached" });
    page.problems = page.problems.filter((problem) => !/503/.test(problem));
  }, road);
};

cases["a flipped byte is found, the card says what is fetched again, and the model works"] =
  async () => {
    await withModels(async (page, { server }) => {
      await look(page, `${server.origin}/files/stories.gguf`);
      await page.click(ui("model.pull"));
      const card = page.locator(ui("model.card"));
      await card.waitFor();
      await page.evaluate(async () => {
        let folder = await navigator.storage.getDirectory();
        for (const name of ["ingle", "blobs"]) folder = await folder.getDirectoryHandle(name);
        let largest = null;
        for await (const [name, handle] of folder) {
          const { size } = await handle.getFile();
          if (name.startsWith("sha256-") && size > (largest?.size ?? 0))
            largest = { handle, size };
        }
        const position = largest.size - 1000;
        const before = new Uint8Array(await (await largest.handle.getFile()).arrayBuffer());
        const file = await largest.handle.createWritable({ keepExistingData: true });
        const data = new Uint8Array([before[position] ^ 255]);
        await file.write({ type: "write", position, data });
        await file.close();
      });
      const more = card.getByRole("button", { name: /^More for/ });
      await choose(page, more, "Check again");
      await card
        .getByText(/^1 of \d files do not match\. .* has to be fetched again\./)
        .waitFor();
      await card.getByRole("button", { name: "Repair" }).click();
      await page.waitForFunction(() => {
        const rows = [...document.querySelectorAll("#stored li")];
        const isComing = document.querySelector("[data-ui='pull.card']") !== null;
        return !isComing && rows.length === 1 && !/do not match/.test(rows[0].textContent);
      });
      await choose(page, card.getByRole("button", { name: /^More for/ }), "Check again");
      await card.getByText("checked against its fingerprint").waitFor();
      await card.getByRole("button", { name: "Chat", exact: true }).click();
      await page.waitForSelector(READY);
    });
  };

/** Bytes in words: "1.28 GB". */
const inBytes = (text) => {
  const [, n, unit] = /([\d.]+)\s([kMG]?)B/.exec(text.replace("\u00a0", " "));
  return Number(n) * { "": 1, k: 1e3, M: 1e6, G: 1e9 }[unit];
};

/** The cards of the catalogue on a device whose browser says it has so many GB. */
async function catalogueWith(gigabytes) {
  const memory = `Object.defineProperty(navigator, "deviceMemory", { value: ${gigabytes} });`;
  const server = await serve({ "/app/": chatDist, ...faultyApp("/app/", chatDist, memory) });
  const page = await browser.page(`${server.origin}/app/?device=cpu`);
  try {
    await started(page);
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`${server.origin}/app/?device=cpu#/models`);
    await page.locator(ui("catalogue.card")).first().waitFor();
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(server.origin)),
      [],
      "nobody is asked",
    );
    const cards = await page.locator(ui("catalogue.card")).evaluateAll((rows) =>
      rows.map((row) => ({
        name: row.ariaLabel,
        verdict: row.querySelector("[data-ui='model.verdict']").textContent,
        isBest: row.querySelector(".chip.note") !== null,
        sum: [...row.querySelectorAll(".facts")].at(-1).textContent,
        get: row.querySelector("[data-ui='catalogue.get']")?.textContent ?? null,
      })),
    );
    const lead = await page.textContent("#catalogue > .facts");
    await checkLooks(page);
    assert.deepEqual(page.problems, []);
    return { cards, lead };
  } finally {
    await page.close();
    await server.close();
  }
}

cases[
  "the recommended model fits well, with its sum, on five devices; what does not is no offer"
] = async () => {
  const names = [];
  for (const gigabytes of [0.5, 1, 2, 4, 8]) {
    const { cards, lead } = await catalogueWith(gigabytes);
    assert.equal(cards.length, 11);
    for (const { verdict, get, name } of cards)
      assert.equal(get !== null, /^(Fits|Tight|Runs)/.test(verdict), `${name}: ${verdict}`);
    const best = cards.filter(({ isBest }) => isBest);
    names.push(best[0]?.name ?? null);
    if (best.length === 0) {
      assert.match(lead, /No model in the list fits this device/);
      continue;
    }
    const [{ verdict, sum, get }] = best;
    assert.equal(cards[0].isBest && best.length, 1, "one, and at the top");
    assert.equal(verdict, "Fits well");
    const [, need, have] = /Needs ([\d.]+\s\w+) of ([\d.]+\s\w+):/.exec(sum);
    assert.ok(inBytes(need) <= 0.71 * inBytes(have), sum);
    assert.ok(inBytes(get) < inBytes(need), get);
    const larger = cards.filter((card) => card.get && inBytes(card.get) > inBytes(get));
    assert.ok(
      larger.every((card) => card.verdict !== "Fits well"),
      "the largest that does",
    );
  }
  console.log(`   note: recommended: ${names.join(", ")}`);
  assert.equal(names[0], null);
  assert.ok(new Set(names).size >= 4, "another one for each device");
};

cases["a model that does not fit is not offered, with its sum and what would fit"] = async () => {
  if (!bytes) skip("no fixtures, and this build has no demo model");
  // A browser that allows 100 kB.
  const memory = 'Object.defineProperty(navigator, "deviceMemory", { value: 0.0002 });';
  const server = await serve({
    "/app/": chatDist,
    ...faultyApp("/app/", chatDist, memory),
    "/files/stories.gguf": modelFile,
  });
  const page = await browser.page(`${server.origin}/app/?device=cpu#/models`);
  try {
    await started(page);
    await look(page, `${server.origin}/files/stories.gguf`);
    await page.locator(`#asked ${ui("model.verdict")}`).waitFor();
    assert.equal(await page.textContent(`#asked ${ui("model.verdict")}`), "Does not fit");
    assert.match(
      await page.textContent("#asked .facts"),
      /^Needs .*this browser allows about 100/,
    );
    assert.equal(await page.locator("#asked button").count(), 0);
    assert.equal(await page.locator(ui("catalogue.get")).count(), 0);
    assert.deepEqual(page.problems, []);
  } finally {
    await page.close();
    await server.close();
  }
};

cases["a server gets and deletes models over its API"] = async () => {
  const [script, goOn] = [{ retry: { attempt: 2, of: 6, wait_ms: 8_000, busy: true } }, {}];
  script.retried = new Promise((resolve) => (goOn.now = resolve));
  const server = await serveScripted(script);
  const page = await browser.page(`${server.page}#/models`);
  try {
    await started(page);
    await page.fill(ui("served.name"), "llama3.2:1b");
    await page.click(ui("served.pull"));
    const wait = "MB · The server is busy. Trying again in 8 s (try 2 of 6).";
    await page.locator("#served [role='status']", { hasText: wait }).waitFor();
    goOn.now();
    await page.locator("#served li", { hasText: "llama3.2:1b" }).waitFor();
    assert.deepEqual(server.pulled, ["llama3.2:1b"]);
    await page.locator("#served li", { hasText: "llama3.2:1b" }).locator("button").last().click();
    assert.match(await page.locator("dialog").getAttribute("aria-label"), /from the server at/);
    await page.getByRole("button", { name: /^Delete, free/ }).click();
    await page.locator("#served li", { hasText: "llama3.2:1b" }).waitFor({ state: "detached" });
    assert.deepEqual(server.deleted, ["llama3.2:1b"]);
    assert.deepEqual(page.problems, []);
  } finally {
    goOn.now();
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
