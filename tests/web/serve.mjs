// The page that the program brings, served by `ingle serve` at `/`: it computes in the tab as it
// does anywhere, and can use the models of the server it came from.
import { writeFileSync } from "node:fs";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { program, serveIngle, slowRoad } from "./lib/ingle.mjs";
import { checkLooks } from "./lib/looks.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded, seededFolder } from "./lib/seeded.mjs";
import { serve } from "./lib/server.mjs";

const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true };
/** The same answer every time, and a long one. */
const SETTINGS = JSON.stringify({ instructions: "", creativity: 0, maxTokens: 4096 });
const canRun = program() !== null && seededFolder() !== null;
const server = canRun ? await serveIngle() : null;
const road = server ? await slowRoad(server.origin) : null;
const ui = (name) => `[data-ui="${name}"]`;
const PLACE = "On this computer (server)";
const modelFile = () => path.join(seededFolder(), seeded().name);

/** The start is over, which draws the lists anew; without TLS there is no storage to know of. */
const rested = (page) =>
  page.waitForFunction(
    () => !navigator.storage || document.querySelector("#storage-text").textContent !== "",
  );

/** Opens the server's page in a browser of its own; the console stays clean but for `expected`. */
async function withPage(body, { options = DESKTOP, home = `${server?.origin}/`, expected } = {}) {
  if (!canRun) skip("no ingle program or no seeded model");
  const browser = await launch(options);
  try {
    const page = await browser.page();
    page.asked = [];
    page.on("request", (request) => page.asked.push(request.url()));
    await page.addInitScript((text) => localStorage.setItem("ingle.settings", text), SETTINGS);
    await page.goto(`${home}?device=cpu`);
    await page.waitForFunction(
      () => !["", "Starting"].includes(document.querySelector("#status").textContent),
    );
    await rested(page);
    await body(page, browser);
    const problems = page.problems.filter((text) => !expected?.test(text));
    assert.deepEqual(problems, [], "the console is clean");
  } finally {
    await browser.close();
  }
}

/** Chooses the server's model in the page of a new chat. */
async function choose(page, name = server.name) {
  await page.click(`#col section[aria-label="${PLACE}"] button[title^="${name}"]`);
  await page.waitForSelector(READY);
}

async function ask(page, text) {
  await page.fill("#ask", text);
  await page.focus("#ask");
  await page.keyboard.press("Enter");
}

const line = (page) => page.locator(ui("turn.line")).last();
const answer = (page) => page.locator("main article:not(.me) .msg-body").last();
const words = () => {
  const body = document.querySelector("main article:not(.me) .msg-body");
  return body?.textContent.length > 4;
};
/** Waits for the line that says where answers are computed. */
const status = (page, pattern) =>
  page.waitForFunction(
    (text) => new RegExp(text).test(document.querySelector("#status").textContent),
    pattern,
  );

async function finished(page) {
  const idle = () =>
    !document.querySelector("[aria-busy]") &&
    document.querySelector("#send").getAttribute("aria-label") === "Send";
  await page.waitForFunction(idle, null, { timeout: 120_000 });
}

async function shot(page, name) {
  const folder = process.env.INGLE_SHOTS;
  if (folder) writeFileSync(path.join(folder, `${name}.png`), await page.screenshot());
}

const cases = {};

cases["the page at / is isolated, asks nobody else, and was packed"] = async () => {
  await withPage(async (page) => {
    assert.equal(await page.title(), "New chat – ingle");
    assert.equal(await page.evaluate(() => globalThis.crossOriginIsolated), true);
    const policy = await page.locator("meta[http-equiv]").getAttribute("content");
    assert.match(policy, /require-trusted-types-for 'script'/);
    const foreign = page.asked.filter((url) => !url.startsWith(server.origin));
    assert.deepEqual(foreign, []);
    assert.equal(page.asked.filter((url) => url.includes("/api/")).length, 1, "the list of models");
    assert.match(await page.textContent("#requests"), /0 requests/);
    await shot(page, "start-light");
    await checkLooks(page);
    const wasm = page.asked.find((url) => url.endsWith(".wasm"));
    assert.match(wasm, /threads/, "an isolated page computes with threads");
    const packed = await server.get(new URL(wasm).pathname);
    assert.equal(packed.headers.get("content-encoding"), "gzip");
    const known = await fetch(wasm, { headers: { "if-none-match": packed.headers.get("etag") } });
    assert.equal(known.status, 304);
  });
};

cases["programs still get the word at /"] = async () => {
  if (!canRun) skip("no ingle program or no seeded model");
  assert.equal(await (await server.get("/")).text(), "Ollama is running");
};

cases["a model of the server answers, and the page says where"] = async () => {
  await withPage(async (page) => {
    await choose(page);
    assert.equal(await page.textContent("#model-name"), server.name);
    assert.match(await page.textContent("#status"), /^On this computer, by ingle \d/);
    assert.match(await page.textContent("#private"), /On this computer · 3 requests/);
    await ask(page, "Once upon a time");
    await finished(page);
    assert.match(await line(page).textContent(), /tokens\/s/);
    assert.match(await line(page).textContent(), /[\d,]+ tokens/);
    assert.match(await page.textContent("#gauge-text"), /^[\d,]+ of [\d,]+ tokens$/);
    assert.match(await page.textContent("#private"), /4 requests/);
    await shot(page, "answered-light");
    await page.click("#private");
    const ledger = await page.textContent("dialog");
    assert.match(ledger, /Messages to the server's models go to localhost/);
    assert.match(ledger, /[kM]B.*answer, 1 request/);
    await shot(page, "ledger-light");
    await page.keyboard.press("Escape");
    const foreign = page.asked.filter((url) => !url.startsWith(server.origin));
    assert.deepEqual(foreign, []);
  });
};

cases["a model in the browser answers on the same page, and nothing is sent"] = async () => {
  await withPage(async (page) => {
    await choose(page);
    await page.setInputFiles("#file", modelFile());
    await status(page, "Processor");
    await page.waitForSelector(READY);
    assert.match(await page.textContent("#private"), /On this device/);
    const before = page.asked.length;
    await ask(page, "Once upon a time");
    await finished(page);
    assert.match(await line(page).textContent(), /[\d,]+ tokens/);
    assert.ok((await answer(page).textContent()).length > 4);
    assert.deepEqual(page.asked.slice(before), []);
    // The list in the dialog is drawn anew when the server has answered.
    const listed = page.waitForResponse(/\/api\/tags$/);
    await page.click("#model");
    await (await listed).finished();
    await page.locator(`dialog button[title^="${server.name}"]`).click();
    await status(page, "by ingle");
    assert.match(await page.textContent("#held"), /^$/, "the tab gave its memory back");
  });
};

cases["stop ends the answer at once, and the request"] = async () => {
  await withPage(
    async (page) => {
      await choose(page);
      road.holds = true;
      await ask(page, "Once upon a time");
      await page.waitForFunction(words);
      assert.match(await line(page).textContent(), /^Writing/);
      await shot(page, "writing-light");
      const before = road.givenUp;
      await page.click("#send");
      await finished(page);
      assert.match(await line(page).textContent(), /^Stopped after about [\d,]+ tokens?$/);
      for (let n = 0; n < 200 && road.givenUp === before; n += 1) await page.waitForTimeout(50);
      assert.equal(road.givenUp, before + 1, "the server heard of it");
      assert.equal(await page.locator(".alert").count(), 0);
      road.holds = false;
      await ask(page, "Again");
      await finished(page);
      assert.match(await line(page).textContent(), /tokens\/s/);
    },
    { home: `${road?.origin}/` },
  );
};

cases["a server that goes away leaves the text and a way on"] = async () => {
  await withPage(
    async (page) => {
      await choose(page);
      road.holds = true;
      await ask(page, "Once upon a time");
      await page.waitForFunction(words);
      await server.stop("SIGKILL");
      road.cut();
      await page.waitForSelector(ui("alert.server.gone"));
      const card = page.locator(ui("alert.server.gone")).last();
      assert.match(await card.textContent(), /The server at localhost:\d+ does not answer/);
      const kept = await answer(page).textContent();
      assert.ok(kept.length > 4, "what was written is kept");
      await shot(page, "gone-light");
      await checkLooks(page);
      road.holds = false;
      // Still gone: the same card once more, and nothing is lost.
      await card.getByText("Try again").click();
      await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
      await page.waitForSelector(ui("alert.server.gone"));
      assert.equal(await answer(page).textContent(), kept, "an empty try leaves no version");
      await server.start();
      await page.locator(ui("alert.server.gone")).last().getByText("Try again").click();
      await page.waitForSelector(".vers");
      await finished(page);
      assert.match(await line(page).textContent(), /[\d,]+ tokens/);
      await page.getByRole("button", { name: "Earlier version" }).click();
      assert.equal(await answer(page).textContent(), kept);
    },
    { home: `${road?.origin}/`, expected: /Failed to load resource|net::ERR/ },
  );
};

cases["what the server says is on the card"] = async () => {
  // A service worker would have the module by now, and nobody would wait for it.
  const options = {
    options: { ...DESKTOP, serviceWorkers: "block" },
    expected: /status of 404/,
  };
  await withPage(async (page) => {
    server.run("cp", server.name, "brief");
    // The page's own engine is the last to start, and takes no card away with it.
    let nHeld = 0;
    let open = () => undefined;
    const gate = new Promise((resolve) => (open = resolve));
    await page.context().route("**/*.wasm", (route) => {
      nHeld += 1;
      return gate.then(() => route.continue());
    });
    await page.reload();
    await page.waitForSelector(`#col button[title^="brief"]`);
    server.run("rm", "brief");
    await page.click(`#col button[title^="brief"]`);
    await page.waitForSelector(ui("alert.server.missing"));
    assert.ok(nHeld > 0, "the engine waits for its module");
    open();
    await rested(page);
    assert.match(await page.textContent(ui("alert.server.missing")), /model 'brief.*' not found/);
    await page.locator(ui("alert.server.missing")).getByText("Choose another model").click();
    await page.waitForSelector(`dialog button[title^="${server.name}"]`);
    await page.waitForSelector(`button[title^="brief"]`, { state: "detached" });
    await shot(page, "switcher-light");
    await checkLooks(page);
  }, options);
};

cases["a server with a token is asked with it"] = async () => {
  if (!canRun) skip("no ingle program or no seeded model");
  const guarded = await serveIngle({ env: { INGLE_TOKEN: "open sesame" } });
  const options = { home: `${guarded.origin}/`, expected: /status of 401/ };
  try {
    await withPage(async (page) => {
      await page.locator("#col").getByText("Give the token").click();
      await page.fill(ui("server.token"), "wrong");
      const refused = page.waitForResponse(/\/api\/tags$/);
      await page.keyboard.press("Enter");
      await page.waitForSelector("dialog", { state: "detached" });
      await (await refused).finished();
      await page.locator("#col").getByText("Give the token").click();
      await page.fill(ui("server.token"), "open sesame");
      await shot(page, "token-light");
      await page.keyboard.press("Enter");
      await page.waitForSelector(`#col button[title^="${guarded.name}"]`);
      await choose(page, guarded.name);
    }, options);
  } finally {
    await guarded.close();
  }
};

cases["from another machine, its name is on everything that goes there"] = async () => {
  if (!canRun) skip("no ingle program or no seeded model");
  const far = await serveIngle({ env: { INGLE_HOSTS: "models.example" } });
  const { port } = new URL(far.origin);
  const args = ["--host-resolver-rules=MAP models.example 127.0.0.1"];
  const home = `http://models.example:${port}/`;
  try {
    await withPage(
      async (page) => {
        const place = `On models.example:${port}`;
        assert.match(await page.textContent("h1"), /^Ask something\.$/);
        // Without TLS the tab has no storage for models, and says that before one is tried.
        await page.waitForSelector(".alert");
        assert.match(await page.textContent(".alert"), /came without HTTPS/);
        await page.click(`#col section[aria-label="${place}"] button[title^="${far.name}"]`);
        await page.waitForSelector(READY);
        assert.match(await page.textContent("h1"), /models\.example:\d+ answers/);
        assert.match(await page.textContent("#private"), /Using models\.example/);
        assert.match(await page.textContent("#status"), /^At models\.example:\d+, by ingle/);
        await checkLooks(page);
        await ask(page, "Once upon a time");
        await finished(page);
        assert.match(await line(page).textContent(), /[\d,]+ tokens/);
        await shot(page, "elsewhere-light");
      },
      // Without TLS a browser isolates nothing, and says so.
      { options: { ...DESKTOP, args }, home, expected: /Cross-Origin-Opener-Policy/ },
    );
  } finally {
    await far.close();
  }
};

cases["a static host is asked for nothing but its files"] = async () => {
  const still = await serve({ "/": chatDist });
  try {
    await withPage(
      async (page) => {
        assert.deepEqual(page.asked.filter((url) => url.includes("/api/")), []);
        assert.equal(await page.locator("#col .served *").count(), 0);
        assert.match(await page.textContent("h1"), /stays on this device/);
      },
      { home: `${still.origin}/` },
    );
  } finally {
    await still.close();
  }
};

cases["on a phone, in the dark, lists and answers are whole"] = async () => {
  await withPage(
    async (page) => {
      await shot(page, "start-phone-dark");
      await checkLooks(page);
      await page.click("#menu");
      await page.waitForSelector("dialog.drawer");
      await shot(page, "drawer-phone-dark");
      await page.click('dialog.drawer a[href="#/models"]');
      await page.click(`#models button[title^="${server.name}"]`);
      await page.waitForSelector(READY);
      await ask(page, "Once upon a time");
      await finished(page);
      await shot(page, "answered-phone-dark");
      await checkLooks(page);
    },
    { options: PHONE },
  );
};

await run(cases, {
  after: async () => {
    await road?.close();
    await server?.close();
  },
});
