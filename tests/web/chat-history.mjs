// Chats are kept: over reloads, killed tabs and lost databases, in several tabs at once, with every
// version that was ever written. Answers come from a scripted server, so a test knows each word.
import { readFileSync } from "node:fs";

import { launch } from "./lib/browser.mjs";
import { load } from "./lib/bundle.mjs";
import { ask, askAndWait, choose, DESKTOP, finished, shown, started, ui } from "./lib/chat.mjs";
import { assert, run } from "./lib/report.mjs";
import { serveScripted } from "./lib/scripted.mjs";

/** Steps of the random walks; `INGLE_LONG=1` takes the long form. */
const LONG = Boolean(process.env.INGLE_LONG);
const STEPS = LONG ? 200 : 40;

// Without service workers: the driver holds one that starts again after its process was killed, and
// with it the page. What it does is tested in `chat-offline.mjs`.
const browser = await launch({ ...DESKTOP, serviceWorkers: "block" });
const cases = {};

/** A server of its own (so storage is empty), and its page with the scripted model chosen. */
async function withChat(body, script = {}) {
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
    await page.click('#col button[title^="scripted"]');
    await page.waitForSelector(".try");
    await body(page, { server, open });
    for (const page of pages) assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await Promise.all(pages.map((page) => page.close().catch(() => undefined)));
    await server.close();
  }
}

const titles = (page) => page.locator("#chats a").allTextContents();
const saved = async (page, press) => {
  const [download] = await Promise.all([page.waitForEvent("download"), press()]);
  return readFileSync(await download.path(), "utf8");
};
const exportAll = async (page) => {
  await page.goto(page.url().replace(/#.*|$/, "#/settings"));
  const press = () => page.getByRole("button", { name: "Save all chats", exact: true }).click();
  return JSON.parse(await saved(page, press));
};
const importText = async (page, text) => {
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
/** The journal's whole text. */
const journal = (page) =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("ingle-journal");
    let text = "";
    for await (const file of folder.values()) text += await (await file.getFile()).text();
    return text;
  });

cases["a chat is kept: title, words, figures, draft; it opens by its address"] = async () => {
  await withChat(async (page, { open }) => {
    await askAndWait(page, "Names for a small bakery by the sea");
    assert.deepEqual(await titles(page), ["Names for a small bakery by"]);
    await page.fill("#ask", "half a thought");
    await page.waitForFunction(() =>
      Object.entries(localStorage).some(([, value]) => value === "half a thought"),
    );
    const address = new URL(page.url()).hash;
    assert.match(address, /^#\/c\/.+/);
    const again = await open(address);
    await again.waitForSelector("main .msg.me");
    assert.deepEqual(await shown(again), ["Names for a small bakery by the sea", "Hello."]);
    assert.equal(await again.inputValue("#ask"), "half a thought");
    assert.equal(await again.title(), "Names for a small bakery by – ingle");
    await again.click("#new-chat");
    assert.equal(await again.inputValue("#ask"), "", "each chat has its own draft");
  });
};

cases["a killed tab loses nothing that was on the screen"] = async () => {
  const pieces = Array.from({ length: 400 }, (_, i) => `word${i} `);
  await withChat(
    async (page, { open }) => {
      await ask(page, "Count");
      const read = () => page.textContent(".msg-body");
      await page.waitForFunction(() =>
        document.querySelector(".msg-body")?.textContent.includes("word20 "),
      );
      const seen = (await read()).trim();
      // Words are handed over four times a second; then the whole tab is killed.
      await page.waitForTimeout(500);
      const address = new URL(page.url()).hash;
      await page.goto("chrome://crash").catch(() => undefined);
      page.problems.length = 0;
      const again = await open(address);
      await again.waitForSelector("main .msg:not(.me)");
      const kept = (await again.textContent(".msg-body")).trim();
      assert.ok(
        kept.startsWith(seen),
        `kept ${kept.length} of at least ${seen.length} characters`,
      );
      assert.match(await again.textContent(ui("turn.line")), /tab was closed/);
      assert.equal(await again.locator(ui("turn.go-on")).count(), 1);
    },
    { pieces, pauseMs: 20 },
  );
};

cases["two tabs show the same list and the same chat"] = async () => {
  await withChat(async (page, { open }) => {
    await askAndWait(page, "First of all");
    const other = await open(new URL(page.url()).hash);
    await other.waitForSelector("main .msg.me");
    await askAndWait(page, "Second");
    await other.waitForFunction(() => document.querySelectorAll(".msg").length === 4);
    await choose(other, other.locator("#chats li .b"), "Rename");
    await other.keyboard.type("Named there");
    await other.keyboard.press("Enter");
    await page.waitForFunction(
      () => document.querySelector("#chats a").textContent === "Named there",
    );
    await other.locator("#chats a").focus();
    await other.keyboard.press("Delete");
    await page.waitForFunction(() => document.querySelectorAll("#chats a").length === 0);
  });
};

cases["a deleted chat comes back with Undo, and goes from the disk without it"] = async () => {
  await withChat(async (page) => {
    await askAndWait(page, "Keep the walrus");
    await choose(page, page.locator("#chats li .b"), "Delete chat");
    assert.deepEqual(await titles(page), []);
    await page.locator(".undo").waitFor();
    await page.locator("#new-chat").focus();
    await page.keyboard.press("Control+z");
    await page.waitForFunction(() => document.querySelectorAll("#chats a").length === 1);
    assert.deepEqual(await shown(page), ["Keep the walrus", "Hello."]);
    assert.match(await journal(page), /walrus/);
    await choose(page, page.locator("#chats li .b"), "Delete chat");
    await page.locator(".undo").waitFor({ state: "detached", timeout: 20_000 });
    await page.waitForFunction(() => document.querySelectorAll("#chats a").length === 0);
    await page.waitForTimeout(300);
    assert.doesNotMatch(await journal(page), /walrus/);
    assert.equal((await exportAll(page)).messages.length, 0);
  });
};

cases["edit and new version keep what was there; keys step through versions"] = async () => {
  await withChat(async (page, { server }) => {
    server.script.pieces = ["One."];
    await askAndWait(page, "How many?");
    server.script.pieces = ["Two."];
    await page.getByRole("button", { name: "Write a new version" }).click();
    await finished(page);
    assert.deepEqual(await shown(page), ["How many?", "Two."]);
    await page.locator(".msg:not(.me)").focus();
    await page.keyboard.press("[");
    assert.deepEqual(await shown(page), ["How many?", "One."]);
    assert.match(await page.textContent(".vers"), /1 of 2/);
    server.script.pieces = ["Three."];
    await page.locator(".msg.me").focus();
    await page.keyboard.press("e");
    await page.fill(".editor textarea", "How many now?");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await finished(page);
    assert.deepEqual(await shown(page), ["How many now?", "Three."]);
    await page.getByRole("button", { name: "Earlier version" }).first().click();
    assert.deepEqual(
      await shown(page),
      ["How many?", "Two."],
      "the newest answer of that branch",
    );
    await choose(
      page,
      page.getByRole("button", { name: "More for this answer" }),
      "Edit the answer",
    );
    await page.fill(".editor textarea", "Two and a half.");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    assert.deepEqual(await shown(page), ["How many?", "Two and a half."]);
    assert.match(await page.textContent(ui("turn.line")), /edited by you/);
    const all = (await exportAll(page)).messages.map(({ text }) => text).sort();
    assert.deepEqual(all, [
      "How many now?",
      "How many?",
      "One.",
      "Three.",
      "Two and a half.",
      "Two.",
    ]);
  });
};

cases["branch from here copies what is above, and the copy goes its own way"] = async () => {
  await withChat(async (page) => {
    await askAndWait(page, "Begin here");
    await askAndWait(page, "Go left");
    const first = page.locator(".msg:not(.me)").first();
    await choose(
      page,
      first.getByRole("button", { name: "More for this answer" }),
      "Branch from here",
    );
    await page.waitForFunction(() => document.querySelectorAll(".msg").length === 2);
    await askAndWait(page, "Go right");
    assert.deepEqual(await titles(page), ["Begin here (2)", "Begin here"]);
    await page.locator("#chats a").last().click();
    await page.waitForFunction(() => document.querySelectorAll(".msg").length === 4);
    assert.equal((await shown(page))[2], "Go left");
  });
};

cases["a deleted message goes with its answer; what follows stays, Undo brings it back"] =
  async () => {
    await withChat(async (page) => {
      for (const text of ["One", "Two", "Three"]) await askAndWait(page, text);
      const two = page.locator(".msg.me", { hasText: "Two" });
      await choose(page, two.getByRole("button", { name: "More for your message" }), "Delete");
      assert.deepEqual(await shown(page), ["One", "Hello.", "Three", "Hello."]);
      await page.getByRole("button", { name: "Undo", exact: true }).click();
      assert.deepEqual(await shown(page), ["One", "Hello.", "Two", "Hello.", "Three", "Hello."]);
    });
  };

cases["every text stays reachable through versions, whatever was done (tree, 20 walks)"] =
  async () => {
    const { Tree } = await load("history/tree.ts");
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = generator(seed);
      const tree = new Tree([], null);
      const texts = new Set();
      const add = (parent, role) => {
        const id = `${seed}-${tree.size}`;
        tree.put({
          id,
          chat: "c",
          parent,
          role,
          text: id,
          thought: "",
          at: tree.size,
          files: [],
        });
        tree.leaf = id;
        texts.add(id);
      };
      for (let step = 0; step < 200; step += 1) {
        const path = tree.path();
        const at = path[Math.floor(random() * path.length)];
        const what = Math.floor(random() * 4);
        if (!at || what === 0) add(tree.leaf, path.length % 2 ? "assistant" : "user");
        else if (what === 1) add(at.parent, at.role);
        else if (what === 2) {
          const versions = tree.versions(at.id);
          tree.show(versions[Math.floor(random() * versions.length)].id);
        } else {
          tree.put({ ...at, deleted: true, text: "" });
          texts.delete(at.id);
        }
      }
      assert.deepEqual([...reachable(tree)].sort(), [...texts].sort(), `walk ${seed}`);
    }
  };

/** Texts that a person gets to by switching versions alone. */
function reachable(tree) {
  const found = new Set();
  const open = [];
  const visit = () => {
    for (const message of tree.path()) {
      found.add(message.text);
      for (const version of tree.versions(message.id))
        if (!found.has(version.id)) open.push(version.id);
    }
  };
  visit();
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    tree.show(id);
    visit();
  }
  return found;
}

/** Park and Miller's generator: the same walk every time. */
function generator(seed) {
  let state = seed * 7919;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

cases[`${STEPS} random steps on the page lose no text`] = async () => {
  await withChat(async (page, { server }) => {
    const random = generator(5);
    const texts = new Set();
    const say = (words) => {
      server.script.pieces = [`Answer to ${words}`];
      texts.add(words).add(`Answer to ${words}`);
    };
    say("start");
    await askAndWait(page, "start");
    for (let step = 0; step < STEPS; step += 1) {
      const what = Math.floor(random() * 4);
      const words = `step ${step}`;
      if (what === 0) {
        say(words);
        await askAndWait(page, words);
      } else if (what === 1) {
        say(words);
        await page.getByRole("button", { name: "Edit your message" }).last().click();
        await page.fill(".editor textarea", words);
        await page.getByRole("button", { name: "Save", exact: true }).click();
        await finished(page);
      } else if (what === 2) {
        texts.add(`New ${words}`);
        server.script.pieces = [`New ${words}`];
        await page.getByRole("button", { name: "Write a new version" }).last().click();
        await page.waitForFunction(
          (text) => [...document.querySelectorAll(".msg-body")].at(-1).textContent.includes(text),
          `New ${words}`,
        );
        await finished(page);
      } else {
        const more = page.getByRole("button", { name: "More for your message" }).last();
        const before = await shown(page);
        await choose(page, more, "Delete");
        await page.getByRole("button", { name: "Undo", exact: true }).click();
        assert.deepEqual(await shown(page), before);
      }
    }
    const all = (await exportAll(page)).messages.filter(({ deleted }) => !deleted);
    const kept = new Set(all.map(({ text }) => text));
    assert.deepEqual(
      [...texts].filter((text) => !kept.has(text)),
      [],
    );
  });
};

cases["without its database the list is rebuilt from the journal, and says so"] = async () => {
  await withChat(async (page, { open, server }) => {
    await askAndWait(page, "Remember the heron");
    const address = new URL(page.url()).hash;
    // As a browser that lost one store: the page is elsewhere while its database goes.
    await page.goto(`${server.origin}/blank`);
    await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const request = indexedDB.deleteDatabase("ingle-chats");
          request.onsuccess = resolve;
          request.onerror = reject;
        }),
    );
    const again = await open(address);
    await again.waitForSelector("main .msg.me");
    assert.deepEqual(await shown(again), ["Remember the heron", "Hello."]);
    await again.getByText("rebuilt from the journal. 1 chat found.").waitFor();
  });
};

cases["a database of a newer ingle is left alone, and that is said"] = async () => {
  await withChat(async (page, { server, open }) => {
    await page.goto(`${server.origin}/blank`);
    await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const request = indexedDB.open("ingle-chats", 99);
          request.onsuccess = () => resolve(request.result.close());
          request.onerror = reject;
        }),
    );
    const again = await open();
    await again.getByText("These chats were saved by a newer ingle").waitFor();
  });
};

cases["data that the browser has deleted is missed"] = async () => {
  await withChat(async (page, { server, open }) => {
    await page.evaluate(() =>
      localStorage.setItem("ingle.tally", '{"chats":48,"models":2,"bytes":3100000000}'),
    );
    await page.goto(`${server.origin}/blank`);
    const again = await open();
    await again.getByText("This browser deleted ingle’s data").waitFor();
    await again.getByText("Gone: 2 models (3.10 GB), 48 chats.").waitFor();
  });
};

cases["search finds titles and texts, and opens at the message"] = async () => {
  await withChat(async (page) => {
    await importText(page, JSON.stringify(many(500, 20)));
    await page.keyboard.press("Control+k");
    await page.keyboard.type("needle");
    await page.locator(".option small").first().waitFor();
    const start = Date.now();
    await page.keyboard.insertText(" 250");
    await page.locator("mark", { hasText: "needle 250" }).waitFor();
    console.log(`   note: 10,000 messages searched and shown in ${Date.now() - start} ms`);
    assert.match(await page.textContent(".option small mark"), /needle 250/);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement.classList.contains("msg"));
    assert.match(await page.evaluate(() => document.activeElement.textContent), /needle 250/);
    await page.keyboard.press("Control+k");
    await page.keyboard.type("no such words");
    await page.getByText("Nothing found for “no such words”.").waitFor();
  });
};

/** Chats as an export has them; one message of the middle one holds a needle. */
function many(nChats, nMessages) {
  const chats = [];
  const messages = [];
  for (let c = 0; c < nChats; c += 1) {
    const chat = `c${c}`;
    for (let m = 0; m < nMessages; m += 1) {
      const hay =
        `Message ${m} of chat ${c}, with some words about rain, ships and bread. `.repeat(4);
      const text = m === 10 ? `${hay} needle ${c} ${hay}` : hay;
      const parent = m === 0 ? null : `${chat}-${m - 1}`;
      const role = m % 2 ? "assistant" : "user";
      const rest = { thought: "", state: "whole", files: [], at: 1e12 + c * 1000 + m };
      messages.push({ id: `${chat}-${m}`, chat, parent, role, text, ...rest });
    }
    const times = { createdAt: 1e12 + c, updatedAt: 1e12 + c };
    chats.push({
      id: chat,
      title: `Chat ${c}`,
      leaf: `${chat}-${nMessages - 1}`,
      setup: {},
      ...times,
    });
  }
  return { ingle: "chats", version: 1, chats, messages, files: [] };
}

cases["a long chat opens at its end, draws what is near, and the rest when it is wanted"] =
  async () => {
    await withChat(async (page) => {
      await importText(page, JSON.stringify(many(1, 500)));
      const start = Date.now();
      await page.locator("#chats a").click();
      await page.locator(".msg", { hasText: "Message 499" }).waitFor();
      console.log(`   note: a chat of 500 messages opened in ${Date.now() - start} ms`);
      assert.ok((await page.locator(".msg").count()) < 60);
      await page.locator(".msg").last().focus();
      await page.keyboard.press("Home");
      await page.locator(".msg", { hasText: "Message 0 of" }).waitFor();
      assert.equal(await page.locator(".msg").count(), 500);
    });
  };

cases["an export is imported whole, doubles are skipped, others' lists are read"] = async () => {
  await withChat(async (page, { server }) => {
    await askAndWait(page, "Take me along");
    const all = JSON.stringify(await exportAll(page));
    assert.match(await importText(page, all), /^Imported 0 chats\. 1 was here already\.$/);
    const other = await serveScripted();
    try {
      const there = await browser.page(other.page);
      await started(there);
      assert.match(await importText(there, all), /^Imported 1 chat\.$/);
      await there.locator("#chats a").click();
      await there.waitForSelector("main .msg.me");
      assert.deepEqual(await shown(there), ["Take me along", "Hello."]);
      await there.close();
    } finally {
      await other.close();
    }
    assert.ok(server.asked.length > 0);
    const turns = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "From elsewhere" },
      { role: "assistant", content: "Welcome." },
    ];
    assert.match(
      await importText(page, JSON.stringify([{ title: "Old", messages: turns }])),
      /1 chat/,
    );
    await page.locator("#chats a", { hasText: "Old" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".msg").length === 2);
    assert.deepEqual(await shown(page), ["From elsewhere", "Welcome."]);
  });
};

cases["what cannot be imported is a sentence with a way on"] = async () => {
  await withChat(async (page) => {
    const bad = {
      "{": /not JSON/,
      "[]": /holds no chats/,
      '{"ingle":"chats","version":9}': /newer ingle/,
      '{"messages":[{"role":1}]}': /holds no chats/,
      '"text"': /holds no chats/,
      [JSON.stringify({ ingle: "chats", version: 1, chats: [null, { id: 5 }], messages: 3 })]:
        /Imported 0/,
    };
    for (const [text, sentence] of Object.entries(bad))
      assert.match(await importText(page, text), sentence, text);
    const loop = many(1, 2);
    loop.messages[0].parent = "c0-1"; // each is the other's parent
    await importText(page, JSON.stringify(loop));
    await page.locator("#chats a").click();
    await page.waitForSelector("main .msg");
  });
};

cases["a chat is saved as Markdown"] = async () => {
  await withChat(async (page, { server }) => {
    server.script.pieces = ["# Hi\n\n```js\n1\n```\n"];
    await askAndWait(page, "Code?");
    const text = await saved(page, () =>
      choose(page, page.locator("#chats li .b"), "Save as Markdown"),
    );
    assert.equal(text, "# Code?\n\n## You\n\nCode?\n\n## scripted\n\n# Hi\n\n```js\n1\n```\n");
  });
};

await run(cases, { after: () => browser.close() });
