// The bench: of the package, with its progress, rows and cancel, and of the page at #/bench, with
// what it shows, saves and copies. Real runs of a tiny model; nothing is said about speed.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { checkLooks } from "./lib/looks.mjs";
import { enginePage, model, serveEngine } from "./lib/page.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";
import { serve } from "./lib/server.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : (seeded()?.bytes ?? null);
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-bench-"));
const modelFile = path.join(scratch, "stories.gguf");
if (bytes) writeFileSync(modelFile, bytes);

const server = await serveEngine({ "/models/stories.gguf": modelFile });
const pages = await serve({ "/any/where/": chatDist });
const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true };
const ui = (name) => `[data-ui="${name}"]`;

/** `body` runs in a page with `engine` (on the processor) and a loaded `model`. */
async function withEngine(body) {
  if (!bytes) skip("no fixtures and no seeded model");
  const browser = await launch();
  try {
    const page = await enginePage(browser, server);
    return await page.evaluate(async (body) => {
      globalThis.engine = await Engine.start({ device: "cpu" });
      globalThis.model = await engine.load({ url: "/models/stories.gguf" }, { contextLength: 128 });
      return (0, eval)(`(${body})`)();
    }, String(body));
  } finally {
    await browser.close();
  }
}

const cases = {};

cases["engine.bench gives a row per test, with numbers that belong together"] = async () => {
  const { rows, early, steps } = await withEngine(async () => {
    const early = [];
    const steps = new Set();
    const tests = [{ prompt: 16 }, { output: 8 }, { output: 8, depth: 64 }];
    const rows = await engine.bench({
      tests,
      runs: 3,
      onRow: (row) => early.push(row.test),
      onProgress: ({ step, run, nTests, nRuns }) => steps.add(`${step} ${run} ${nTests} ${nRuns}`),
    });
    return { rows, early, steps: [...steps] };
  });
  assert.deepEqual(
    rows.map((row) => row.test),
    ["pp16", "tg8", "tg8@d64"],
  );
  assert.deepEqual(early, ["pp16", "tg8", "tg8@d64"], "rows come as they are complete");
  for (const row of rows) {
    assert.equal(row.outcome, "done", row.error);
    assert.equal(row.file, "stories:latest"); // as the store calls it
    assert.equal(row.device, "cpu");
    assert.equal(row.samples_ts.length, 3);
    const mean = row.samples_ts.reduce((a, b) => a + b) / 3;
    assert.ok(Math.abs(row.avg_ts - mean) < 1e-6 * mean, `${row.avg_ts} is not ${mean}`);
    assert.ok(row.peak_read_bytes_per_s > 1e7, `${row.peak_read_bytes_per_s} bytes/s`);
    assert.ok(row.peak_op_per_s > 1e7, `${row.peak_op_per_s} operations/s`);
    assert.ok(row.avg_ts > 1 && Number.isFinite(row.avg_ts), `${row.avg_ts} tokens/s`);
  }
  for (const step of ["warm-up 0 3 3", "run 1 3 3", "run 3 3 3"])
    assert.ok(steps.includes(step), `${step} was not told: ${steps}`);
};

cases["engine.bench can be cancelled, and the model still answers"] = async () => {
  const { rows, text, ms } = await withEngine(async () => {
    const stop = new AbortController();
    const start = performance.now();
    const rows = await engine.bench({
      tests: [{ prompt: 8 }, { output: 64 }],
      runs: 1000,
      peaks: false,
      signal: stop.signal,
      onProgress: ({ index, run }) => (index === 1 && run > 1 ? stop.abort() : undefined),
    });
    const ms = performance.now() - start;
    const greedy = { prompt: "One day", maxTokens: 8, temperature: 0 };
    const { text } = await collect(model.generate(greedy));
    return { rows, text, ms };
  });
  assert.equal(rows.at(-1).outcome, "interrupted");
  assert.match(rows.at(-1).notes.join(" "), /Interrupted after \d+ runs/);
  assert.ok(rows.at(-1).samples_ts.length < 1000, `${ms} ms`);
  assert.ok(text.length > 0);
};

cases["a test that does not fit has a row that says so; nonsense is refused"] = async () => {
  const { rows, idle } = await withEngine(async () => ({
    rows: await engine.bench({ tests: [{ output: 4, depth: 4096 }, { output: 4 }], runs: 1 }),
    idle: await failure(engine.bench({ tests: [{ depth: 5 }] })),
  }));
  assert.deepEqual(
    rows.map((row) => row.outcome),
    ["failed", "done"],
  );
  assert.match(rows[0].error, /128/);
  assert.equal(rows[0].avg_ts, null);
  assert.equal(idle.code, "request.invalid");
};

/** The page at #/bench with one stored model, in a browser of its own. */
async function withBench(options, body) {
  if (!bytes) skip("no fixtures and no seeded model");
  const browser = await launch({ acceptDownloads: true, ...options });
  try {
    await browser.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const page = await browser.page(`${pages.origin}/any/where/?device=cpu`);
    await page.waitForFunction(() => /Pro[cz]/.test(document.querySelector("#status").textContent));
    await page.setInputFiles("#file", modelFile);
    await page.waitForSelector(READY);
    await page.evaluate(() => (location.hash = "#/bench"));
    await page.waitForSelector(`#bench ${ui("bench.run")}:visible`);
    await body(page, browser);
    assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await browser.close();
  }
}

async function finished(page) {
  await page.waitForSelector(`${ui("bench.save")}:visible`, { timeout: 120_000 });
}

cases["the page runs, shows rows, saves one HTML file and copies text"] = async () => {
  await withBench(DESKTOP, async (page, browser) => {
    assert.equal(await page.title(), "Bench – ingle");
    await page.click(ui("bench.run"));
    await finished(page);
    const lead = await page.textContent("#bench-lead");
    assert.match(lead, /^5 runs after 1 warm-up, tab .*\. .*SIMD.*Chrom/i);
    const rows = await page.locator("section.plot tbody tr").allTextContents();
    assert.equal(rows.length, 2);
    assert.match(rows[0], /read 128[\d,.]+/);
    assert.match(rows[1], /write 32[\d,.]+/);
    assert.equal(await page.locator("#bench figure svg[role=img] desc").count(), 2);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.click(ui("bench.save")),
    ]);
    assert.match(download.suggestedFilename(), /^bench-\d{4}-\d\d-\d\d\.html$/);
    const saved = path.join(scratch, "saved.html");
    await download.saveAs(saved);
    await checkSaved(browser, saved, rows);
    await page.click(ui("bench.copy"));
    await page.locator(ui("bench.status"), { hasText: "Copied." }).waitFor();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(text, /^ingle bench, .*\n5 runs after/);
    assert.match(text, /write 32 +\d/);
  });
};

cases["what was measured is kept: shown again after a reload, compared, deleted"] = async () => {
  await withBench(DESKTOP, async (page) => {
    assert.equal(await page.locator(ui("bench.history")).count(), 0);
    await page.click(ui("bench.run"));
    await finished(page);
    const rows = await page.locator("section.plot tbody tr").allTextContents();
    assert.match(await page.textContent(ui("bench.verdict")), /can be compared|should not be comp/);
    assert.match(await page.textContent("#bench .field"), /Took less than a minute before\./);
    // As if it had been ten times as fast, and steady, the day before.
    await page.evaluate(() => {
      const [report] = JSON.parse(localStorage.getItem("ingle.bench"));
      const faster = report.rows.map((row) => ({
        ...{ ...row, is_steady: true, avg_ts: row.avg_ts * 10, model: "Faster" },
      }));
      const before = { ...report, problems: [], rows: faster, at: report.at - 86_400_000 };
      const after = { ...report, rows: report.rows.map((row) => ({ ...row, is_steady: false })) };
      localStorage.setItem("ingle.bench", JSON.stringify([after, before]));
    });
    await page.reload();
    const earlier = page.locator(`${ui("bench.history")} tbody tr`);
    await earlier.nth(1).waitFor();
    assert.match(await earlier.nth(0).textContent(), /not to be compared/);
    assert.match(await earlier.nth(1).textContent(), /Faster/);
    await checkLooks(page);
    await earlier.nth(0).getByRole("button", { name: /^Show the bench of/ }).click();
    await page.waitForSelector(`${ui("bench.save")}:visible`);
    assert.deepEqual(await page.locator("section.plot tbody tr").allTextContents(), rows);
    await page.click(ui("bench.run"));
    await earlier.nth(2).waitFor({ timeout: 120_000 });
    const steady = await page.evaluate(() => {
      const [{ rows }] = JSON.parse(localStorage.getItem("ingle.bench"));
      return rows.filter((row) => row.is_steady).length;
    });
    const slower = page.locator("#bench .remarks li", { hasText: "slower than before" });
    assert.equal(await slower.count(), steady, "steady rows are compared with steady ones");
    for (let n = 3; n > 0; n -= 1) {
      await earlier.nth(0).getByRole("button", { name: /^Delete the bench of/ }).click();
      await earlier.nth(n - 1).waitFor({ state: "detached" });
    }
    assert.equal(await page.evaluate(() => localStorage.getItem("ingle.bench")), "[]");
  });
};

cases["in German, down to the plots and the saved file"] = async () => {
  await withBench({ ...DESKTOP, locale: "de-DE" }, async (page) => {
    await page.click(ui("bench.run"));
    await finished(page);
    assert.match(await page.textContent("#bench-lead"), /^5 Läufe nach 1 zum Aufwärmen, Tab/);
    const words = await page.evaluate(() =>
      [...document.querySelectorAll("#bench :is(figure, section.plot, .do, .remarks)")]
        .map((node) => node.innerText)
        .join("\n"),
    );
    assert.match(words, /Alle Zahlen, in Tokens je Sekunde[^]*schreibt 32/);
    // The model is called as its file says.
    const said = words.replaceAll(await page.textContent("#model-name"), "");
    assert.ok(!/\bmodel\b|warm-up|limit|run/i.test(said), words);
    assert.ok(!/tokens/.test(words), `Tokens, not tokens: ${words}`);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.click(ui("bench.save")),
    ]);
    assert.match(readFileSync(await download.path(), "utf8"), /<html lang="de">/);
  });
};

/** The saved file has the same rows, works without script, and asks for nothing. */
async function checkSaved(browser, file, rows) {
  const text = readFileSync(file, "utf8");
  assert.ok(!/<script|<link|https?:\/\/(?!www\.w3\.org)|url\(/.test(text), "it stands alone");
  const page = await browser.page(`file://${file}`);
  assert.deepEqual(await page.locator("section.plot tbody tr").allTextContents(), rows);
  const colors = async (scheme) => {
    await page.emulateMedia({ colorScheme: scheme });
    return page.evaluate(() => {
      const fill = getComputedStyle(document.querySelector("rect.p1")).fill;
      return [getComputedStyle(document.body).backgroundColor, fill];
    });
  };
  const [light, dark] = [await colors("light"), await colors("dark")];
  assert.notDeepEqual(light, dark, "both themes");
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await checkLooks(page);
    await shot(page, `bench-saved-${scheme}`);
  }
  await page.close();
}

cases["Stop keeps what was measured, and a message written meanwhile is kept"] = async () => {
  await withBench(DESKTOP, async (page) => {
    await page.selectOption("#bench-plan", "long");
    // In one go: a tiny model's bench would be over between two messages from here.
    const kept = await page.evaluate(async () => {
      const button = document.querySelector('[data-ui="bench.run"]');
      const box = document.querySelector("#ask");
      button.click();
      box.value = "hello";
      box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", cancelable: true }));
      const kept = box.value;
      await new Promise((resolve) => {
        const results = document.querySelector("#bench-results");
        new MutationObserver(() => {
          if (results.querySelector("tbody tr")) resolve();
        }).observe(results, { childList: true });
      });
      button.click();
      return kept;
    });
    assert.equal(kept, "hello");
    await page.waitForFunction(() => /^Run/.test(document.querySelector("#bench .b").textContent));
    assert.match(await page.textContent(ui("bench.status")), /Stopped/);
    assert.ok((await page.locator("section.plot tbody tr").count()) > 0);
  });
};

cases["the bench works by keyboard alone"] = async () => {
  await withBench(DESKTOP, async (page) => {
    await page.focus("#bench input[type=checkbox]");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "bench-plan");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await finished(page);
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Run again/);
    await page.focus("#bench summary");
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#bench details[open]").count(), 1);
  });
};

for (const [name, options] of Object.entries({
  "desktop-light": DESKTOP,
  "phone-dark": PHONE,
  "narrow-320": { ...PHONE, viewport: { width: 320, height: 640 }, colorScheme: "light" },
})) {
  cases[`${name}: the bench page is not clipped, small or pale`] = async () => {
    await withBench(options, async (page) => {
      await shot(page, `bench-${name}-start`);
      await checkLooks(page);
      await page.selectOption("#bench-plan", "long");
      await page.click(ui("bench.run"));
      await finished(page);
      await shot(page, `bench-${name}`);
      await checkLooks(page);
    });
  };
}

/** Pictures for people to look at, where `INGLE_SHOTS` names a folder. */
async function shot(page, name) {
  const folder = process.env.INGLE_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  const tall = { width: page.viewportSize().width, height: 2000 };
  const before = page.viewportSize();
  await page.setViewportSize(tall);
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
  await page.setViewportSize(before);
}

await run(cases, {
  after: async () => {
    await server.close();
    await pages.close();
    rmSync(scratch, { recursive: true, force: true });
  },
});
