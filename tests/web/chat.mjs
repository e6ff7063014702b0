// The chat page as a person uses it: the built page under a folder of its own, keyboard, narrow
// windows, stop, cancel, bad files, and what the words on the screen say.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { builtDemo } from "./lib/demo.mjs";
import { checkLooks } from "./lib/looks.mjs";
import { model } from "./lib/page.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { serve } from "./lib/server.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : builtDemo();
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-chat-"));
const modelFile = path.join(scratch, "stories.gguf");
if (bytes) writeFileSync(modelFile, bytes);
const textFile = path.join(scratch, "notes.gguf");
writeFileSync(textFile, "These are only notes, not a model.");

const server = await serve({
  "/any/where/": chatDist,
  "/any/where/models/stories.gguf": modelFile,
  "/slow/stories.gguf": (_, response) => {
    response.setHeader("content-length", bytes.length);
    response.write(bytes.subarray(0, bytes.length >> 1));
  },
});
const home = `${server.origin}/any/where/`;
/** A software adapter compiles shaders slowly. */
const SOFTWARE_GPU_MS = 200_000;
const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true };
const ui = (name) => `[data-ui="${name}"]`;

/** The end of the start, which draws the page of a new chat anew: its address box is emptied. */
const rested = (page) =>
  page.waitForFunction(() => document.querySelector("#storage-text").textContent !== "");

/** Opens the page in a browser of its own, checks that its console stayed clean, and closes it. */
async function withPage(options, query, body) {
  if (!bytes) skip("no fixtures, and this build has no demo model");
  const browser = await launch(options);
  try {
    const page = await browser.page(home + query);
    // The device's name, or how far a model that the address names is: never "Starting" alone.
    await page.waitForFunction(
      () => !["", "Starting"].includes(document.querySelector("#status").textContent),
    );
    await rested(page);
    await body(page, browser);
    assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await browser.close();
  }
}

async function loadFile(page, file = modelFile) {
  await page.setInputFiles("#file", file);
  await page.waitForSelector(READY, { timeout: SOFTWARE_GPU_MS });
}

async function ask(page, text) {
  await page.fill("#ask", text);
  await page.focus("#ask");
  await page.keyboard.press("Enter");
}

const line = (page) => page.locator(ui("turn.line")).last();
const answer = (page) => page.locator("main article:not(.me)").last();

async function finished(page, timeout = 60_000) {
  const idle = () =>
    !document.querySelector("[aria-busy]") &&
    document.querySelector("#send").getAttribute("aria-label") === "Send";
  await page.waitForFunction(idle, null, { timeout });
}

async function setup(page, instructions, length) {
  await page.click("#setup");
  await page.fill("dialog textarea", instructions);
  await page.selectOption(`dialog ${ui("setup.length")}`, String(length));
  await page.keyboard.press("Escape");
}

/** A whole context on the emulated chip of a busy machine. */
const LONG_ANSWER_MS = 180_000;

const cases = {};

cases["a file is loaded, a question is answered, figures are shown"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    assert.equal(await page.title(), "New chat – ingle");
    await loadFile(page);
    assert.match(await page.textContent("#model"), found ? /stories.*[kM]B/s : /demo.*MB/s);
    await setup(page, "", 256);
    await ask(page, "Once upon a time");
    await page.waitForFunction(
      () => document.querySelectorAll("main article:not(.me) p").length > 0,
    );
    await finished(page);
    assert.match(await line(page).textContent(), /tokens\/s/);
    assert.match(await line(page).textContent(), /\d+ tokens/);
    assert.ok((await answer(page).textContent()).length > 40);
    assert.match(await page.textContent("#gauge-text"), /^\d[\d,]* of \d[\d,]* tokens$/);
    assert.match(await page.textContent("#status"), /Processor/);
    assert.match(await page.textContent("#requests"), /0 requests/);
    assert.match(await page.title(), /^Once upon a time – ingle$/);
    assert.equal(
      await page.evaluate(() => document.activeElement.id),
      "ask",
      "the box keeps the focus",
    );
  });
};

cases["the page writes on WebGPU"] = async () => {
  await withPage(DESKTOP, "?device=gpu", async (page) => {
    if (!/WebGPU/.test(await page.textContent("#status")))
      skip("this browser has no WebGPU adapter");
    await loadFile(page);
    await setup(page, "", 256);
    await ask(page, "One day");
    await finished(page, SOFTWARE_GPU_MS);
    assert.match(await page.textContent("#status"), /WebGPU/);
    assert.match(await line(page).textContent(), /tokens\/s/);
  });
};

cases["?model=ADDRESS loads it, and the ledger shows the download"] = async () => {
  await withPage(DESKTOP, "?device=cpu&model=models/stories.gguf", async (page) => {
    await page.waitForSelector(READY);
    await page.waitForFunction(() =>
      /[1-9]\d* request/.test(document.querySelector("#requests").textContent),
    );
    await page.click("#private");
    assert.match(await page.textContent("dialog"), /localhost.*[kM]B/s);
    await page.keyboard.press("Escape");
    assert.equal(
      await page.evaluate(() => document.activeElement.id),
      "private",
      "focus returns",
    );
  });
};

cases["Stop and Esc end the answer, the text stays, and the next message works"] = async () => {
  // On the emulated chip: a fast processor fills the small model's context before a click arrives.
  await withPage(DESKTOP, "?device=gpu", async (page) => {
    await loadFile(page);
    await setup(page, "", 0);
    for (const way of ["click", "escape"]) {
      // From inside the page, at the first words: a small model is done before a test can click.
      await page.evaluate((way) => {
        globalThis.label = null;
        const watch = new MutationObserver(() => {
          if (!document.querySelector("main article[aria-busy] p")) return;
          watch.disconnect();
          const send = document.querySelector("#send");
          globalThis.label = send.getAttribute("aria-label");
          const escape = new KeyboardEvent("keydown", { key: "Escape", bubbles: true });
          if (way === "click") send.click();
          else document.activeElement.dispatchEvent(escape);
        });
        watch.observe(document.querySelector("main"), { childList: true, subtree: true });
      }, way);
      await ask(page, "Tell me a long story");
      await page.waitForFunction(() => globalThis.label);
      await finished(page);
      assert.equal(await page.evaluate(() => globalThis.label), "Stop writing");
      assert.match(await line(page).textContent(), /^Stopped after \d+ tokens?/);
      assert.ok((await answer(page).textContent()).length > 3);
      await page.click("#new-chat");
    }
    await ask(page, "Once more");
    await page.waitForSelector("main article:not(.me) p");
  });
};

cases["everything works by keyboard alone"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    await loadFile(page);
    await setup(page, "", 256);
    await page.focus("#ask");
    await page.keyboard.type("first line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("second line");
    assert.equal(await page.inputValue("#ask"), "first line\nsecond line");
    await page.keyboard.press("Enter");
    await finished(page);
    assert.equal(await page.locator("article.me .say").textContent(), "first line\nsecond line");
    await page.keyboard.press("Alt+ArrowUp");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "ARTICLE");
    await page.keyboard.press("Control+Shift+O");
    await page.waitForSelector(READY);
    await page.keyboard.press("Shift+Tab");
    const reached = new Set();
    for (let i = 0; i < 30; i += 1) {
      await page.keyboard.press("Tab");
      const [id, ring] = await page.evaluate(() => {
        if (!document.hasFocus()) return ["", true]; // on the browser's own controls
        const node = document.activeElement;
        const style = getComputedStyle(node.closest(".box") ?? node);
        return [node.id || node.textContent.trim().slice(0, 20), style.outlineStyle !== "none"];
      });
      if (id) reached.add(id);
      assert.ok(ring, `no focus ring on ${id}`);
    }
    for (const id of ["new-chat", "find", "model", "private", "attach", "ask", "setup", "send"]) {
      assert.ok(reached.has(id), `Tab does not reach #${id}: ${[...reached]}`);
    }
  });
};

cases["Enter during composition never sends"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    await loadFile(page);
    await page.fill("#ask", "にほん");
    const sent = await page.evaluate(() => {
      const box = document.querySelector("#ask");
      box.dispatchEvent(
        new KeyboardEvent("keydown", {
          key: "Enter",
          isComposing: true,
          bubbles: true,
          cancelable: true,
        }),
      );
      return document.querySelectorAll("article.me").length;
    });
    assert.equal(sent, 0);
    assert.equal(await page.inputValue("#ask"), "にほん");
  });
};

cases["a message without a model is kept, one during loading is queued"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    await ask(page, "hello?");
    assert.equal(await page.inputValue("#ask"), "hello?");
    assert.match(await page.textContent("#status"), /Choose a model first/);
    await page.reload();
    assert.equal(await page.inputValue("#ask"), "hello?", "the draft survives a reload");
    await page.waitForFunction(() =>
      /Processor/.test(document.querySelector("#status").textContent),
    );
    await rested(page);
    await setup(page, "", 256);
    await page.fill(ui("model.address"), `${server.origin}/any/where/models/stories.gguf`);
    await page.click(ui("model.get"));
    await ask(page, "One day");
    await page.waitForSelector("main article:not(.me) p");
    await finished(page);
    assert.equal(await page.locator("article.me").count(), 1);
  });
};

cases["a message sent before the chats are read has a chat of its own"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    await page.fill(ui("model.address"), `${server.origin}/any/where/models/stories.gguf`);
    await page.click(ui("model.get"));
    await page.waitForSelector(READY);
    await setup(page, "", 256);
    await ask(page, "One day");
    await finished(page);
    const before = await page.evaluate(() => location.hash);
    assert.match(before, /^#\/c\//);
    // Chats are answered late, and in order.
    await page.addInitScript(() => {
      const post = Worker.prototype.postMessage;
      Worker.prototype.postMessage = function (...given) {
        if (given[0]?.ask === undefined) return post.apply(this, given);
        setTimeout(() => post.apply(this, given), 400);
      };
    });
    await page.reload();
    await page.evaluate(() => (location.hash = "#/"));
    await page.waitForSelector(".start");
    await ask(page, "Another day");
    await page.waitForSelector("main article:not(.me) p");
    await finished(page);
    assert.deepEqual(await page.locator("article.me .say").allTextContents(), ["Another day"]);
    assert.match(await page.evaluate(() => location.hash), /^#\/c\//);
    assert.notEqual(await page.evaluate(() => location.hash), before);
    await page.waitForFunction(() => document.querySelectorAll("#chats li").length === 2);
  });
};

cases["a message typed while an answer is written waits for it"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    await loadFile(page);
    await setup(page, "", 256);
    await ask(page, "Tell me a story");
    await ask(page, "And another");
    await page.waitForFunction(() => document.querySelectorAll("article.me").length === 2);
    await finished(page);
    assert.equal(await page.locator("#queued").isHidden(), true);
  });
};

cases["a cancelled download is no model"] = async () => {
  await withPage(
    DESKTOP,
    `?device=cpu&model=${server.origin}/slow/stories.gguf`,
    async (page) => {
      await page.waitForSelector(ui("model.progress"));
      await page.click(ui("pull.cancel"));
      await page.waitForSelector(ui("model.progress"), { state: "detached" });
      assert.equal(await page.locator("#stored li").count(), 0);
      assert.match(await page.textContent("#model"), /No model yet/);
      await page.click('#pages a[href="#/models"]');
      await page.getByText("Models you load are listed here").waitFor();
    },
  );
};

cases["a file that is no model is a card with one way on"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    await page.setInputFiles("#file", textFile);
    const card = page.locator("section.alert");
    await card.waitFor();
    assert.match(await card.textContent(), /This is not a model file/);
    assert.equal(await card.locator("button").count(), 1);
    await page.waitForFunction(() => /model/.test(document.querySelector("#shout").textContent));
    await loadFile(page);
  });
};

cases["a bad file or a cancelled download leaves the model in use"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    await loadFile(page);
    await page.setInputFiles("#file", textFile);
    await page.locator('[data-ui="alert.file.type"]').waitFor();
    await page.waitForFunction(() =>
      /stories|demo/.test(document.querySelector("#model").textContent),
    );
    await setup(page, "", 256);
    await ask(page, "One day");
    await page.waitForSelector("main article:not(.me) p");
    await finished(page);
  });
};

cases["a killed worker is replaced: the same model answers the next question"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    await loadFile(page);
    for (const worker of page.workers())
      await worker.evaluate(() => self.name !== "ingle-history" && self.close());
    await setup(page, "", 256);
    await ask(page, "One day");
    await page.waitForSelector("main article:not(.me) p");
    await finished(page);
  });
};

cases["a stored model is in use again after a reload, is listed, and can be deleted"] =
  async () => {
    await withPage(DESKTOP, "?device=cpu", async (page) => {
      await loadFile(page);
      await page.reload();
      await page.waitForSelector(READY); // the last model is loaded by itself
      await page.click('#pages a[href="#/models"]');
      assert.match(await page.textContent("#stored"), /stories.*in use/);
      await page.locator("#stored").getByRole("button", { name: /^Delete/ }).click();
      assert.match(
        await page.locator("dialog").getAttribute("aria-label"),
        /^Delete stories/,
      );
      await page.getByRole("button", { name: /^Delete, free/ }).click();
      await page.waitForFunction(() => document.querySelectorAll("#stored li").length === 0);
    });
  };

cases["the view stays where it is while the answer grows past it"] = async () => {
  await withPage(
    { ...DESKTOP, viewport: { width: 900, height: 420 } },
    "?device=gpu", // slow enough that the answer is seen while it grows
    async (page) => {
      await loadFile(page);
      await setup(page, "", 256);
      // From inside the page, at the first words: a test may look when the answer is done.
      await page.evaluate(() => {
        const watch = new MutationObserver(() => {
          if (!document.querySelector("main article[aria-busy] p")) return;
          watch.disconnect();
          globalThis.firstTop = document.querySelector("#log").scrollTop;
        });
        watch.observe(document.querySelector("main"), { childList: true, subtree: true });
      });
      await ask(page, "Tell me a story");
      await page.waitForFunction(() => globalThis.firstTop !== undefined);
      await finished(page, LONG_ANSWER_MS);
      const [start, end] = await page.evaluate(() => [
        globalThis.firstTop,
        document.querySelector("#log").scrollTop,
      ]);
      assert.ok(Math.abs(start - end) <= 1, `scrolled from ${start} to ${end}`);
      await page.waitForSelector("#more:not([hidden])");
      await page.click(ui("turn.more-below"));
      await page.waitForFunction(() => document.querySelector("#more").hidden);
    },
  );
};

cases["no HTML strings, no endless animation, no dialogs of the browser"] = async () => {
  await withPage(DESKTOP, "?device=cpu", async (page) => {
    page.on("dialog", () => assert.fail("alert, confirm or prompt"));
    await loadFile(page);
    await setup(page, "", 256);
    await ask(page, "<img src=x onerror=alert(1)> **bold**");
    await finished(page);
    const found = await page.evaluate(() => ({
      images: document.querySelectorAll("main img, main script, main iframe").length,
      animations: document
        .getAnimations()
        .filter((a) => a.effect.getTiming().iterations === Infinity).length,
      blur: [...document.querySelectorAll("*")].filter(
        (n) => getComputedStyle(n).backdropFilter !== "none",
      ).length,
      policy: document.querySelector("meta[http-equiv]")?.content ?? "",
    }));
    assert.deepEqual([found.images, found.animations, found.blur], [0, 0, 0]);
    assert.match(found.policy, /script-src 'self' 'wasm-unsafe-eval'/);
    const sources = readFileSync(path.join(chatDist, "index.html"), "utf8");
    assert.ok(!/ style="|<style/.test(sources), "no inline styles");
  });
};

for (const [name, options] of Object.entries({
  "desktop-light": DESKTOP,
  "desktop-dark": { ...DESKTOP, colorScheme: "dark" },
  "phone-dark": PHONE,
  "phone-light": { ...PHONE, colorScheme: "light" },
  "narrow-320": { ...PHONE, viewport: { width: 320, height: 640 } },
})) {
  cases[`${name}: nothing is clipped, small or pale`] = async () => {
    await withPage(options, "?device=cpu", async (page) => {
      await shot(page, `${name}-start`);
      await checkLooks(page);
      await loadFile(page);
      await setup(page, "", 256);
      await ask(page, "Once upon a time there was a lighthouse");
      await finished(page);
      await shot(page, `${name}-chat`);
      await checkLooks(page);
    });
  };
}

cases["on a phone the drawer holds New chat, the chats and the pages"] = async () => {
  await withPage(PHONE, "?device=cpu", async (page) => {
    await loadFile(page);
    await setup(page, "", 256);
    await ask(page, "One day");
    await finished(page);
    await page.click("#menu");
    await page.waitForSelector("dialog.drawer[open] #chats li");
    await page.waitForSelector('dialog.drawer[open] #pages a[href="#/models"]');
    await shot(page, "phone-dark-drawer");
    await page.click("dialog.drawer #new-chat");
    await page.waitForSelector("dialog.drawer", { state: "detached" });
    assert.equal(await page.locator("#side").count(), 1, "the sidebar is back in its place");
  });
};

/** Pictures for people to look at, where `INGLE_SHOTS` names a folder. */
async function shot(page, name) {
  const folder = process.env.INGLE_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
}

await run(cases, {
  after: async () => {
    await server.close();
    rmSync(scratch, { recursive: true, force: true });
  },
});
