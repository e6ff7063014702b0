// Chats are kept: over reloads, killed tabs and lost databases, in several tabs at once, with every
// version that was ever written. Answers come from a scripted server, so a test knows each word.
import { launch } from "./lib/browser.mjs";
import { load } from "./lib/bundle.mjs";
import {
  ask,
  askAndWait,
  choose,
  DESKTOP,
  exportAll,
  finished,
  shown,
  shows,
  started,
  ui,
  withScripted,
} from "./lib/chat.mjs";
import { written } from "./lib/keeper.mjs";
import { assert, run } from "./lib/report.mjs";

/** Steps of the random walks; `INGLE_LONG=1` takes the long form. */
const LONG = Boolean(process.env.INGLE_LONG);
const STEPS = LONG ? 200 : 40;

// Without service workers: the driver holds one that starts again after its process was killed, and
// with it the page. What it does is tested in `chat-offline.mjs`.
const browser = await launch({ ...DESKTOP, serviceWorkers: "block" });
const cases = {};

const withChat = (body, script) => withScripted(browser, body, script);
const titles = (page) => page.locator("#chats a").allTextContents();
/** The journal's whole text. */
const journal = (page) =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("ingle-journal");
    let text = "";
    for await (const file of folder.values()) text += await (await file.getFile()).text();
    return text;
  });
/** Waits until nothing in the journal says this any more. */
async function forgotten(page, word) {
  const until = Date.now() + 30_000;
  // A file that is written while it is read cannot be read.
  const isThere = () =>
    journal(page).then(
      (text) => text.includes(word),
      () => true,
    );
  while (await isThere()) {
    assert.ok(Date.now() < until, `the journal still has ${word}`);
    await page.waitForTimeout(50);
  }
}

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
    await shows(again, ["Names for a small bakery by the sea", "Hello."]);
    assert.equal(await again.inputValue("#ask"), "half a thought");
    assert.equal(await again.title(), "Names for a small bakery by – ingle");
    await again.click("#new-chat");
    assert.equal(await again.inputValue("#ask"), "", "each chat has its own draft");
  });
};

cases["a killed tab loses nothing that was on the screen"] = async () => {
  // More than are written before the tab is killed, on a busy machine too.
  const pieces = Array.from({ length: 5000 }, (_, i) => `word${i} `);
  await withChat(
    async (page, { open }) => {
      await page.evaluate(() => {
        const post = Worker.prototype.postMessage;
        globalThis.handed = "";
        Worker.prototype.postMessage = function (message, ...rest) {
          for (const { op, text } of message?.given?.changes ?? [])
            if (op === "grow") globalThis.handed += text;
          return post.call(this, message, ...rest);
        };
      });
      await ask(page, "Count");
      await page.waitForFunction(() =>
        document.querySelector(".msg-body")?.textContent.includes("word20 "),
      );
      // Words are handed over four times a second, by the page's clock.
      const [seen, handed] = await page.evaluate(async () => {
        const seen = document.querySelector(".msg-body").textContent.trim();
        await new Promise((resolve) => setTimeout(resolve, 500));
        return [seen, globalThis.handed];
      });
      assert.ok(handed.startsWith(seen), `handed over ${handed.length} of ${seen.length}`);
      // When they are kept, the whole tab is killed.
      await written(page, 1, seen.length - 1);
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
    // To the end: with every news of it the list is drawn anew, and a name that is typed is lost.
    await shows(other, ["First of all", "Hello.", "Second", "Hello."]);
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
    await shows(page, ["Keep the walrus", "Hello."]);
    assert.match(await journal(page), /walrus/);
    // What the model knew of it, as the engine keeps it, and of another chat.
    const id = (await page.getAttribute("#chats a", "href")).split("/").at(-1);
    await page.evaluate(async (id) => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("ingle-snapshots", { create: true });
      for (const name of [`chat:${id}`, "chat:gone", "another page's"]) {
        const file = `${encodeURIComponent(name)}.0123456789abcdef-1`;
        await folder.getFileHandle(file, { create: true });
      }
    }, id);
    await choose(page, page.locator("#chats li .b"), "Delete chat");
    await page.locator(".undo").waitFor({ state: "detached", timeout: 20_000 });
    await page.waitForFunction(() => document.querySelectorAll("#chats a").length === 0);
    await forgotten(page, "walrus");
    assert.equal((await exportAll(page)).messages.length, 0);
    const areLeft = async (want) => {
      const root = await navigator.storage.getDirectory();
      const left = [];
      const folder = await root.getDirectoryHandle("ingle-snapshots");
      for await (const name of folder.keys()) left.push(decodeURIComponent(name.split(".")[0]));
      return left.sort().join() === want;
    };
    await page.waitForFunction(areLeft, "another page's,chat:gone");
    await page.reload();
    await page.waitForFunction(areLeft, "another page's");
  });
};

cases["edit and new version keep what was there; keys step through versions"] = async () => {
  await withChat(async (page, { server }) => {
    server.script.pieces = ["One."];
    await askAndWait(page, "How many?");
    server.script.pieces = ["Two."];
    await page.getByRole("button", { name: "Write a new version" }).click();
    await finished(page);
    await shows(page, ["How many?", "Two."]);
    await page.locator(".msg:not(.me)").focus();
    await page.keyboard.press("[");
    await shows(page, ["How many?", "One."]);
    assert.match(await page.textContent(".vers"), /1 of 2/);
    server.script.pieces = ["Three."];
    await page.locator(".msg.me").focus();
    await page.keyboard.press("e");
    await page.fill(".editor textarea", "How many now?");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await finished(page);
    await shows(page, ["How many now?", "Three."]);
    await page.getByRole("button", { name: "Earlier version" }).first().click();
    await shows(page, ["How many?", "Two."], "the newest answer of that branch");
    await choose(
      page,
      page.getByRole("button", { name: "More for this answer" }),
      "Edit the answer",
    );
    await page.fill(".editor textarea", "Two and a half.");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await shows(page, ["How many?", "Two and a half."]);
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
    await shows(page, ["Begin here", "Hello.", "Go left", "Hello."]);
  });
};

cases["a deleted message goes with its answer; what follows stays, Undo brings it back"] =
  async () => {
    await withChat(async (page) => {
      for (const text of ["One", "Two", "Three"]) await askAndWait(page, text);
      const two = page.locator(".msg.me", { hasText: "Two" });
      await choose(page, two.getByRole("button", { name: "More for your message" }), "Delete");
      await shows(page, ["One", "Hello.", "Three", "Hello."]);
      await page.getByRole("button", { name: "Undo", exact: true }).click();
      await shows(page, ["One", "Hello.", "Two", "Hello.", "Three", "Hello."]);
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
        await shows(page, before);
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
    await written(page, 1);
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
    await shows(again, ["Remember the heron", "Hello."]);
    await again.getByText("rebuilt from the journal. 1 chat found.").waitFor();
  });
};

cases["a database that cannot be opened: the journal is shown, and left as it is"] = async () => {
  await withChat(async (page, { server }) => {
    await askAndWait(page, "Remember the heron");
    await written(page, 1);
    const before = await journal(page);
    await page.context().route(/assets\/worker-.*\.js$/, async (route) => {
      const response = await route.fetch();
      const broken = `IDBFactory.prototype.open = () => {
        throw new DOMException("Internal error opening backing store", "UnknownError");
      };\n`;
      await route.fulfill({ response, body: broken + (await response.text()) });
    });
    try {
      await page.goto(server.page);
      await started(page);
      await page.locator("#chats a", { hasText: "Remember the heron" }).click();
      await shows(page, ["Remember the heron", "Hello."]);
      await page.locator(ui("alert.store.memory")).waitFor();
      await page.locator("#model-name", { hasText: "scripted" }).waitFor();
      await askAndWait(page, "And the kingfisher");
      assert.equal(await journal(page), before, "nothing is added, nothing is gone");
    } finally {
      await page.context().unrouteAll({ behavior: "wait" });
    }
  });
};

cases["what waits for its turn goes back into the box when its chat is left"] = async () => {
  const script = { pieces: ["One ", "two ", "three."], upTo: 1 };
  await withChat(async (page, { server }) => {
    const queue = async (text) => {
      await page.fill("#ask", text);
      await page.press("#ask", "Enter");
      await page.locator("#queued:not([hidden])").waitFor();
    };
    await ask(page, "First");
    await page.waitForFunction(() => document.querySelector("[aria-busy] .msg-body")?.textContent);
    await queue("Second");
    await page.fill("#ask", "and more");
    await page.click("#new-chat");
    await page.locator("#send[aria-label='Send']").waitFor();
    assert.equal(await page.inputValue("#ask"), "");
    script.upTo = undefined;
    await askAndWait(page, "Elsewhere");
    const texts = server.asked.map(({ messages }) => messages.at(-1).content);
    assert.deepEqual(texts, ["First", "Elsewhere"], "nothing was sent into the chat that was left");
    await page.locator("#chats a", { hasText: "First" }).click();
    await page.waitForFunction(() => document.querySelector("#ask").value === "Second\nand more");
    // The same after a reload, with the words in the line and those in the box.
    script.upTo = 1;
    await page.fill("#ask", "");
    await ask(page, "Third");
    await page.waitForFunction(() => document.querySelector("[aria-busy] .msg-body")?.textContent);
    await queue("Fourth");
    await page.fill("#ask", "and fifth");
    await page.reload();
    await started(page);
    await page.waitForFunction(() => document.querySelector("#ask").value === "Fourth\nand fifth");
  }, script);
};

cases["two questions in a row are one turn for the model"] = async () => {
  const script = { error: "Not today." };
  await withChat(async (page, { server }) => {
    await ask(page, "One");
    await page.locator(".alert").waitFor();
    page.problems.length = 0; // the console says that it was refused
    script.error = undefined;
    await askAndWait(page, "Two");
    assert.deepEqual(server.asked.at(-1).messages, [{ role: "user", content: "One\n\nTwo" }]);
    await shows(page, ["One", "Two", "Hello."]);
  }, script);
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
    // Not by the text alone: it is said to screen readers as well, for a while.
    await again.locator(ui("alert.store.newer")).waitFor();
    await again.locator(".app").getByText("These chats were saved by a newer ingle").waitFor();
  });
};

cases["data that the browser has deleted is missed"] = async () => {
  await withChat(async (page, { server, open }) => {
    await page.evaluate(() =>
      localStorage.setItem("ingle.tally", '{"chats":48,"models":2,"bytes":3100000000}'),
    );
    await page.goto(`${server.origin}/blank`);
    const again = await open();
    // The announcer has the same words for a moment.
    const card = again.locator('[data-ui="alert.store.evicted"]');
    await card.getByText("This browser deleted ingle’s data").waitFor();
    await card.getByText("Gone: 2 models (3.10 GB), 48 chats.").waitFor();
  });
};

await run(cases, { after: () => browser.close() });
