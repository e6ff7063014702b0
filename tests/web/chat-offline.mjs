// The app without a network, and sealed: it opens from its stored copy, with its model, when the
// server is gone; a sealed page is blocked by the browser itself; a whole chat makes no request.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { brotliCompressSync } from "node:zlib";

import { launch } from "./lib/browser.mjs";
import {
  askAndWait,
  choose,
  DESKTOP,
  finished,
  setLength,
  shown,
  started,
  ui,
  watchPolicy,
} from "./lib/chat.mjs";
import { model } from "./lib/page.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";
import { serve } from "./lib/server.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : (seeded()?.bytes ?? null);
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-offline-"));
const modelFile = path.join(scratch, "stories.gguf");
if (bytes) writeFileSync(modelFile, bytes);

const browser = await launch(DESKTOP);
const policy = await watchPolicy(browser.context);
const cases = {};

/** The page on a plain static host of its own, in a folder, in empty storage. */
async function withApp(body, { dist = chatDist, query = "?device=cpu", mounts = {} } = {}) {
  if (!bytes) skip("no fixtures and no seeded model");
  const server = await serve({ "/app/": dist, "/app/models/stories.gguf": modelFile, ...mounts });
  const page = await browser.page(`${server.origin}/app/${query}`);
  try {
    await started(page);
    await body(page, server);
  } finally {
    await page.close();
    await server.close();
    policy.reports.length = 0;
  }
}

const loadFile = async (page) => {
  await page.setInputFiles("#file", modelFile);
  await page.waitForSelector(READY);
};
const kept = (page) =>
  page.waitForFunction(() => document.documentElement.dataset.offline === "ready");

cases["when the server is gone, the page opens with its chats and its model, and answers"] =
  async () => {
    await withApp(async (page, server) => {
      await loadFile(page);
      await setLength(page, 256);
      await askAndWait(page, "One day");
      await kept(page);
      await server.close();
      await page.reload();
      await started(page);
      await page.waitForFunction(() =>
        /[kM]B/.test(document.querySelector("#model-note").textContent),
      );
      await page.waitForSelector("main .msg.me");
      assert.equal((await shown(page))[0], "One day");
      await page.click("#new-chat");
      await setLength(page, 256);
      await askAndWait(page, "Once more");
      assert.ok((await shown(page))[1].length > 20);
      // The judge's worker and module are there, too.
      await page.evaluate(() => (location.hash = "#/models"));
      const more = page.locator(ui("model.card")).getByRole("button", { name: /^More for/ });
      await choose(page, more, "Measure quality");
      await page.getByText("a first look").click();
      await page.click(ui("judge.start"));
      await page.locator(ui("judge.done")).waitFor();
      policy.none();
    });
  };

cases["a whole chat makes no request, and the chip says so"] = async () => {
  await withApp(async (page) => {
    await loadFile(page);
    await kept(page);
    const asked = [];
    const log = (request) => {
      // What the service worker answers from its store is no request.
      if (!request.url().startsWith("blob:")) asked.push(request);
    };
    browser.context.on("request", log);
    await setLength(page, 256);
    const text = { name: "n.txt", mimeType: "text/plain", buffer: Buffer.from("notes") };
    await page.setInputFiles("#attachment", text);
    await askAndWait(page, "One day");
    await page.getByRole("button", { name: "Edit your message" }).click();
    await page.fill(".editor textarea", "Another day");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.waitForSelector(".vers");
    await finished(page); // which draws the list of chats anew
    const save = choose(page, page.locator("#chats li .b"), "Save as JSON");
    await Promise.all([page.waitForEvent("download"), save]);
    browser.context.off("request", log);
    assert.deepEqual(
      asked.map((request) => request.url()),
      [],
    );
    assert.match(await page.textContent("#requests"), /0 requests/);
    policy.none();
  });
};

cases["a download is in the ledger with its host and size, and nothing else is"] = async () => {
  const other = await serve({
    "/stories.gguf": (_, response) => {
      response.setHeader("access-control-allow-origin", "*");
      response.setHeader("access-control-expose-headers", "*");
      response.setHeader("content-length", bytes?.length ?? 0);
      response.end(bytes);
    },
  });
  try {
    await withApp(
      async (page) => {
        await page.waitForSelector(READY);
        await page.click("#private");
        const rows = page.locator("dialog .ledger tbody tr");
        await rows.first().waitFor();
        const { host } = new URL(other.origin);
        // A file that is large is asked for in parts.
        for (const text of await rows.allTextContents()) {
          assert.ok(text.includes(host) && /[\d.]+\s[kM]B/.test(text), text);
          assert.match(text, /model file/);
        }
        policy.none();
      },
      { query: `?device=cpu&model=${other.origin}/stories.gguf` },
    );
  } finally {
    await other.close();
  }
};

cases["sealed: the browser blocks page and worker, the chip says it, answers still come"] =
  async () => {
    let reached = 0;
    const other = await serve({
      "/": (_, response) => {
        reached += 1;
        response.setHeader("access-control-allow-origin", "*");
        response.end("reached");
      },
    });
    try {
      await withApp(async (page) => {
        const ask = (target) =>
          target.evaluate(
            (url) =>
              fetch(url).then(
                () => "answered",
                () => "blocked",
              ),
            other.origin,
          );
        await loadFile(page);
        await kept(page);
        assert.equal(await ask(page), "answered", "before the seal");
        await page.click('#pages a[href="#/privacy"]');
        await page.getByRole("button", { name: "Seal this page" }).click();
        await page.locator("#requests", { hasText: "blocks all" }).waitFor();
        await started(page);
        reached = 0;
        assert.equal(await ask(page), "blocked");
        const workers = page.workers();
        assert.ok(workers.length >= 2);
        for (const worker of workers) assert.equal(await ask(worker), "blocked", worker.url());
        assert.equal(reached, 0);
        // The report comes by a way of its own.
        const isTold = () => policy.reports.some((text) => /connect-src/.test(text));
        for (let i = 0; i < 200 && !isTold(); i += 1) await page.waitForTimeout(50);
        assert.ok(isTold(), "the browser's own policy");
        await page.click("#new-chat");
        await page.waitForFunction(() =>
          /[kM]B/.test(document.querySelector("#model-note").textContent),
        );
        await setLength(page, 256);
        await askAndWait(page, "One day");
        await page.click('#pages a[href="#/privacy"]');
        await page.getByRole("button", { name: "Unseal this page" }).click();
        await page.locator("#requests", { hasText: /\b0 requests/ }).waitFor();
        assert.equal(await ask(page), "answered");
      });
    } finally {
      await other.close();
    }
  };

cases["limited to chosen hosts, the browser blocks all others, and one more takes a reload"] =
  async () => {
    const answers = {
      "/": (_, response) => {
        response.setHeader("access-control-allow-origin", "*");
        response.setHeader("access-control-expose-headers", "*");
        response.end(bytes);
      },
    };
    const [chosen, other] = [await serve(answers), await serve(answers)];
    const ask = (target, { origin }) =>
      target.evaluate(
        (url) =>
          fetch(url).then(
            () => "answered",
            () => "blocked",
          ),
        origin,
      );
    try {
      await withApp(async (page) => {
        await loadFile(page);
        await kept(page);
        await page.evaluate(
          (host) => localStorage.setItem("ingle.hosts", JSON.stringify([host])),
          new URL(chosen.origin).host,
        );
        await page.click('#pages a[href="#/privacy"]');
        await page.getByRole("button", { name: "Allow only these hosts" }).click();
        await page.getByRole("button", { name: "Allow any host" }).waitFor();
        await started(page);
        assert.equal(await ask(page, chosen), "answered");
        assert.equal(await ask(page, other), "blocked");
        assert.ok(page.workers().length >= 2);
        for (const worker of page.workers()) {
          assert.equal(await ask(worker, chosen), "answered", worker.url());
          assert.equal(await ask(worker, other), "blocked", worker.url());
        }
        await page.click('#pages a[href="#/models"]');
        await page.fill('#models [data-ui="model.address"]', `${other.origin}/x.gguf`);
        await page.click('#models [data-ui="model.get"]');
        const { host } = new URL(other.origin);
        await page.getByRole("heading", { name: `This page may not contact ${host}` }).waitFor();
        await page.getByRole("button", { name: `Allow ${host} and reload` }).click();
        await page.waitForFunction(
          (host) => document.querySelector("meta[name='ingle-limited']")?.content.includes(host),
          host,
        );
        await started(page);
        assert.equal(await ask(page, other), "answered");
        await page.click('#pages a[href="#/privacy"]');
        await page.getByRole("button", { name: "Allow any host" }).click();
        await page.getByRole("button", { name: "Allow only these hosts" }).waitFor();
        await page.waitForFunction(() => !document.querySelector("meta[name='ingle-limited']"));
      });
    } finally {
      await Promise.all([chosen.close(), other.close()]);
    }
  };

cases["where requests cannot be counted, the chip says that, and never 0"] = async () => {
  await withApp(async (page, server) => {
    await page.addInitScript(() =>
      Object.defineProperty(PerformanceObserver, "supportedEntryTypes", { value: [] }),
    );
    await page.goto(`${server.origin}/app/?device=cpu#/keys`);
    await page.reload();
    await started(page);
    assert.match(await page.textContent("#requests"), /requests not counted/);
  });
};

cases["a new version is offered, waits, and takes over when it is wanted"] = async () => {
  const dist = path.join(scratch, "dist");
  cpSync(chatDist, dist, { recursive: true });
  await withApp(
    async (page) => {
      await kept(page);
      await page.reload();
      await started(page);
      await kept(page);
      const file = path.join(dist, "sw.js");
      writeFileSync(file, readFileSync(file, "utf8").replace(/BUILD = "\w+"/, 'BUILD = "newer"'));
      await page.reload();
      await page.getByText("A new version is ready").waitFor();
      await page.getByRole("button", { name: "Use it now" }).click();
      await page.waitForFunction(async () => (await caches.keys()).includes("ingle-shell-newer"));
      await page.waitForFunction(
        async () => !(await caches.keys()).some((name) => /shell-(?!newer)/.test(name)),
      );
    },
    { dist },
  );
};

cases["the shell is small, and cached it is there at once"] = async () => {
  await withApp(async (page) => {
    const files = readdirSync(path.join(chatDist, "assets"));
    const shell = ["index.html", ...files.filter((name) => /^index-|^worker-.*js$/.test(name))];
    const size = shell.reduce((sum, name) => {
      const folder = name === "index.html" ? chatDist : path.join(chatDist, "assets");
      return sum + brotliCompressSync(readFileSync(path.join(folder, name))).length;
    }, 0);
    console.log(`   note: the app's shell is ${(size / 1000).toFixed(1)} kB as brotli`);
    assert.ok(size <= 150_000);
    await kept(page);
    await page.reload();
    const [paint, usable] = await page.evaluate(() => {
      const [paint] = performance.getEntriesByName("first-contentful-paint");
      return [paint?.startTime, performance.getEntriesByType("navigation")[0].domInteractive];
    });
    console.log(
      `   note: cached, first paint ${Math.round(paint)} ms, box ${Math.round(usable)} ms`,
    );
  });
};

await run(cases, {
  after: async () => {
    await browser.close();
    rmSync(scratch, { recursive: true, force: true });
  },
});
