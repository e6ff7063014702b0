// What is said when something goes wrong, by its code, and what stays usable meanwhile: Stop in
// every phase, keys while an answer is written into a long chat, a megabyte that is pasted.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { bundle } from "./lib/bundle.mjs";
import {
  ask,
  DESKTOP,
  finished,
  importText,
  shown,
  started,
  ui,
  withScripted,
} from "./lib/chat.mjs";
import { builtDemo } from "./lib/demo.mjs";
import { faultyApp, faultyWorkerOf } from "./lib/faults.mjs";
import { model } from "./lib/page.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { serve } from "./lib/server.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : builtDemo();
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-trouble-"));
const modelFile = path.join(scratch, "stories.gguf");
if (bytes) writeFileSync(modelFile, bytes);

const browser = await launch(DESKTOP);
const cases = {};

/** Titles by code, as the catalogue of the design has them or says the same of the same. */
const TITLES = {
  "engine.old": "This browser is too old for ingle",
  "engine.insecure": "This page cannot run models",
  "engine.crash": "The model stopped unexpectedly",
  "engine.killed": "The browser ended the model",
  "engine.module": "ingle was not loaded completely",
  "gpu.lost": "The graphics chip keeps resetting",
  "gpu.memory": "The model does not fit into graphics memory",
  "model.toobig": "The model does not fit",
  "model.unsupported": "ingle cannot run this kind of model yet",
  "model.damaged": "This file is not a complete model",
  "model.missing": "The model is not in this browser",
  "model.nan": "The model gave no usable numbers",
  "file.type": "This is not a model file",
  "file.gone": "The file can no longer be read",
  "net.offline": "You are offline",
  "net.stalled": "The server stopped answering",
  "net.http": "The server refused the download",
  "net.cors": "The server does not allow browsers to download this",
  "net.refused": "The address cannot be reached",
  "net.cut": "The download broke off",
  "net.mismatch": "The file does not match its fingerprint",
  "net.auth": "The server asks who you are",
  "net.protocol": "The server’s answer cannot be used",
  "net.wait": "There is no connection",
  "store.failed": "The browser’s storage failed",
  "model.template": "The model’s chat template failed",
  "engine.crash.often": "The model keeps stopping",
  "net.changed": "The file changed at the source",
  "server.gone": "The server does not answer",
  "server.busy": "The server is busy",
  "server.token": "The server asks for a token",
  "server.missing": "The server does not have this model any more",
  "server.error": "The server could not do it",
  "store.full": "Not enough storage for this model",
  "store.locked": "The file is in use in another tab",
  "ctx.full": "This chat is longer than the model can read",
  "gen.schema": "The answer cannot follow this schema",
};

/** Ways on of a failed answer, by code, with a model that came from a file. */
const WAYS = {
  "engine.crash": ["Go on", "Copy details"],
  "engine.killed": ["Go on", "Copy details"],
  "engine.interrupted": ["Go on", "Copy details"],
  "gpu.lost": ["Use the processor", "Choose a smaller model", "Doctor"],
  "gpu.memory": [
    "Go on with 2,048 tokens",
    "Use the processor",
    "Choose a smaller model",
    "Doctor",
  ],
  "server.gone": ["Try again", "Choose another model"],
  "server.token": ["Give the token", "Choose another model"],
  "ctx.full": ["Leave out the oldest messages"],
  "gen.schema": ["Edit the schema"],
  "model.nan": ["Choose another model"],
};

/** Ways on of a load that failed, by code, of an address. */
const LOAD_WAYS = {
  "model.toobig": ["Choose a smaller model", "Choose another file"],
  "store.full": ["Free up space", "Choose another file"],
  "store.failed": ["Choose another file"],
  "net.auth": ["Try again", "Choose another file"],
  "net.protocol": ["Try again", "Choose another file"],
  "net.changed": ["Start again", "Choose another file"],
  "gpu.lost": ["Try again", "Choose another file"],
  "engine.module": ["Try again", "Choose another file"],
  "server.token": ["Give the token", "Choose another file"],
};

/** A page with modules of the app and the two announcers, and nothing else. */
async function modules(sources, body) {
  const files = await Promise.all(
    sources.map(async (name) => [name, await bundle(`${name}.ts`)]),
  );
  const answer = (type, text) => (_, response) => {
    response.setHeader("content-type", type);
    response.end(text);
  };
  const html =
    "<!doctype html><html lang=en><link rel=icon href=data:,><title>parts</title>" +
    "<p id=say></p><p id=shout></p><main id=out></main>";
  const server = await serve({
    "/page": answer("text/html", html),
    ...Object.fromEntries(
      files.map(([name, text]) => [`/${name}.js`, answer("text/javascript", text)]),
    ),
  });
  const page = await browser.page(`${server.origin}/page`);
  try {
    await body(page);
    assert.deepEqual(page.problems, []);
  } finally {
    await page.close();
    await server.close();
  }
}

cases["each code shows its title, its sentence, its code and one main action, said at once"] =
  async () => {
    await modules(["cards"], async (page) => {
      const seen = await page.evaluate(async (codes) => {
        const { errorCard } = await import("/cards.js");
        const out = {};
        for (const code of codes) {
          const error = { code, message: `The sentence of ${code}.`, detail: "detail" };
          const ways = [
            { label: "One", run: () => (out[code].pressed = true) },
            { label: "Two", run: () => undefined },
          ];
          const card = errorCard(error, "Fallback", ways);
          out[code] = {
            title: card.querySelector("h3").textContent,
            text: card.querySelector("p").textContent,
            code: card.querySelector("code").textContent,
            ui: card.dataset.ui,
            main: [...card.querySelectorAll(".b-main")].map((button) => button.textContent),
          };
          card.querySelector("button").click();
          await new Promise((resolve) => setTimeout(resolve, 60));
          out[code].said = document.querySelector("#shout").textContent;
        }
        return out;
      }, Object.keys(TITLES));
      for (const [code, title] of Object.entries(TITLES)) {
        const text = `The sentence of ${code}.`;
        const want = { title, text, code, ui: `alert.${code}`, main: ["One"], pressed: true };
        assert.deepEqual(seen[code], { ...want, said: `${title}. ${text}` }, code);
      }
    });
  };

cases["each code of a failed answer has its ways on"] = async () => {
  await modules(["ways"], async (page) => {
    const seen = await page.evaluate(async (codes) => {
      const { Ways } = await import("/ways.js");
      const none = () => undefined;
      const parts = {
        host: { lastName: "m.gguf", current: { contextLength: 4096 }, server: {}, reset: none },
        desk: {
          again: none,
          lastText: "so far",
          overflowChoices: () => [{ label: "Leave out the oldest messages", run: none }],
        },
        loader: {},
        load: none,
        openSwitcher: none,
      };
      const labels = (card) => [...card.querySelectorAll("button")].map((b) => b.textContent);
      const of = (code) => new Ways(parts).answerFailed({ code, message: "m", detail: "" });
      return Object.fromEntries(codes.map((code) => [code, labels(of(code))]));
    }, Object.keys(WAYS));
    assert.deepEqual(seen, WAYS);
  });
};

cases["each code of a failed load has its ways on"] = async () => {
  await modules(["load-ways"], async (page) => {
    const seen = await page.evaluate(async (codes) => {
      const { loadWays } = await import("/load-ways.js");
      const source = { url: "https://models.example/m.gguf" };
      const of = (code) => loadWays({ code }, source, {}).map(({ label }) => label);
      return Object.fromEntries(codes.map((code) => [code, of(code)]));
    }, Object.keys(LOAD_WAYS));
    assert.deepEqual(seen, LOAD_WAYS);
  });
};

/** What new chats begin with: an answer to "One day" that is long, and the same every time. */
const SETUP = JSON.stringify({ seed: 7 });

/** The page with its engine and a slow model, on a host of its own. */
async function withModel(body) {
  if (!bytes) skip("no fixtures, and this build has no demo model");
  const server = await serve({ "/app/": chatDist, ...faultyApp("/app/", chatDist) });
  const page = await browser.page();
  try {
    await page.addInitScript((setup) => localStorage.setItem("ingle.settings", setup), SETUP);
    await page.goto(`${server.origin}/app/?device=cpu`);
    await started(page);
    await page.setInputFiles("#file", modelFile);
    await page.waitForSelector(READY);
    const slow = (ms) =>
      faultyWorkerOf(page).then((worker) => worker.evaluate((n) => (faults.slowMs = n), ms));
    await body(page, slow, server);
    assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await page.close();
    await server.close();
  }
}

/** Presses Stop and waits until the line under the answer says so; milliseconds, in the page. */
const stop = (page) =>
  page.evaluate(async () => {
    const start = performance.now();
    document.querySelector("#send").click();
    for (;;) {
      const lines = [...document.querySelectorAll("[data-ui='turn.line']")];
      if (/^Stopped/.test(lines.at(-1)?.textContent ?? "")) return performance.now() - start;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });

cases["Stop works while a model loads, while it reads and while it writes; the text stays"] =
  async () => {
    const times = {};
    await withModel(async (page, slow) => {
      await slow(200); // or it is over before Stop is pressed
      await ask(page, "One day");
      await page.waitForFunction(
        () => document.querySelector("[aria-busy] .msg-body")?.textContent.trim().length > 8,
      );
      times.writing = await stop(page);
      await finished(page);
      assert.ok((await shown(page)).at(-1).length > 8);
      await page.waitForSelector(ui("turn.go-on"));
      // A long prompt is read in many chunks.
      await page.click("#new-chat");
      await page.fill("#ask", "One day in a forest there was a fox. ".repeat(30));
      await page.focus("#ask");
      await page.keyboard.press("Control+Enter");
      await page.waitForSelector("[aria-busy]");
      times.reading = await stop(page);
      await finished(page);
    });
    // A model on its way holds the message, and Stop takes it back.
    const held = [];
    const road = await serve({
      "/slow.gguf": (_, response) => {
        response.setHeader("access-control-allow-origin", "*");
        response.setHeader("content-length", bytes.length);
        response.write(bytes.subarray(0, bytes.length >> 1));
        held.push(response);
      },
    });
    const server = await serve({ "/app/": chatDist });
    const page = await browser.page(
      `${server.origin}/app/?device=cpu&model=${road.origin}/slow.gguf`,
    );
    try {
      await started(page);
      await page.locator(ui("model.progress")).waitFor();
      await ask(page, "Wait for it");
      await page.getByText("Will start when the model is ready.").waitFor();
      times.loading = await stop(page);
      await finished(page);
      assert.equal((await shown(page))[0], "Wait for it");
    } finally {
      await page.close();
      await Promise.all([server.close(), road.close()]);
    }
    const note = Object.entries(times).map(([phase, ms]) => `${phase} ${Math.round(ms)} ms`);
    console.log(`   note: stopped in ${note.join(", ")}`);
  };

/** Milliseconds from a key to its letter on the screen, for each of some keys, sorted. */
async function keys(page, text) {
  await page.focus("#ask");
  await page.evaluate(() => {
    globalThis.delays = [];
    document.querySelector("#ask").addEventListener("keydown", () => {
      const start = performance.now();
      requestAnimationFrame(() => setTimeout(() => delays.push(performance.now() - start)));
    });
  });
  for (const key of text) await page.keyboard.press(key);
  await page.waitForFunction((n) => delays.length >= n, text.length);
  return (await page.evaluate(() => delays)).sort((a, b) => a - b);
}

cases["keys become letters while an answer is written under 500 messages"] = async () => {
  // More than are written while keys are pressed: Esc ends it.
  const pieces = Array.from({ length: 2000 }, (_, i) => `word ${i} and **more**. `);
  await withScripted(
    browser,
    async (page) => {
      const chat = {
        id: "c",
        title: "Long",
        createdAt: 1,
        updatedAt: 1,
        leaf: "m499",
        setup: {},
      };
      const messages = Array.from({ length: 500 }, (_, i) => ({
        id: `m${i}`,
        chat: "c",
        parent: i === 0 ? null : `m${i - 1}`,
        role: i % 2 ? "assistant" : "user",
        text: `Message ${i} with some words.\n\n- one\n- two`,
        thought: "",
        at: i,
        state: "whole",
        files: [],
      }));
      const files = [];
      await importText(
        page,
        JSON.stringify({ ingle: "chats", version: 1, chats: [chat], messages, files }),
      );
      await page.locator("#chats a").click();
      await page.locator(".msg", { hasText: "Message 499" }).waitFor();
      await ask(page, "And on");
      await page.waitForFunction(() =>
        /word 3/.test(document.querySelector("[aria-busy]")?.textContent),
      );
      const delays = await keys(page, "while it is written ".repeat(2));
      assert.equal(await page.inputValue("#ask"), "while it is written ".repeat(2));
      assert.ok(await page.locator("[aria-busy]").count(), "it is still written");
      const p95 = delays[Math.floor(delays.length * 0.95)];
      console.log(`   note: key to letter, 95 of 100: ${Math.round(p95)} ms`);
      await page.keyboard.press("Escape");
      await finished(page);
    },
    { pieces, pauseMs: 50, contextLength: 1_000_000 },
  );
};

cases["a megabyte that is pasted becomes a file, and typing goes on"] = async () => {
  await withModel(async (page) => {
    const text = "A line of forty characters, more or less.\n".repeat(25_000);
    await page.focus("#ask");
    await page.evaluate((text) => {
      globalThis.longest = 0;
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries())
          globalThis.longest = Math.max(globalThis.longest, duration);
      }).observe({ type: "longtask" });
      const data = new DataTransfer();
      data.setData("text/plain", text);
      const paste = new ClipboardEvent("paste", {
        clipboardData: data,
        bubbles: true,
        cancelable: true,
      });
      document.querySelector("#ask").dispatchEvent(paste);
    }, text);
    const delays = await keys(page, "typed at once");
    assert.equal(await page.inputValue("#ask"), "typed at once");
    await page.locator("#files", { hasText: "Pasted text" }).waitFor();
    await page.locator("#files", { hasText: /[\d,]{6,} tokens/ }).waitFor({ timeout: 120_000 });
    const longest = await page.evaluate(() => longest);
    const [task, key] = [longest, delays.at(-1)].map(Math.round);
    console.log(`   note: longest task ${task} ms, longest key ${key} ms`);
  });
};

await run(cases, {
  after: async () => {
    await browser.close();
    rmSync(scratch, { recursive: true, force: true });
  },
});
