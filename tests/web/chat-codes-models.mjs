// U38: each code of the message catalogue is provoked, and shows its title, its sentence and its
// ways on. Here: models that do not come, and storage. The table of all codes: lib/codes.mjs.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { load as loadModule } from "./lib/bundle.mjs";
import { ask, finished, started, ui, withScripted } from "./lib/chat.mjs";
import {
  browser,
  bytes,
  checkCatalogue,
  cleared,
  kept,
  load,
  rewritten,
  says,
  tell,
  withApp,
} from "./lib/coded.mjs";
import { faultyWorkerOf } from "./lib/faults.mjs";
import { answer, fileHost, longFile } from "./lib/filehost.mjs";
import { chatDist } from "./lib/paths.mjs";
import { NO_STORAGE } from "./lib/patched.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";

const cases = {};

const loadUrl = async (page, url) => {
  await page.evaluate(() => (location.hash = "#/"));
  await page.fill(`#col ${ui("model.address")}`, url);
  await page.click(`#col ${ui("model.get")}`);
};
/** The store waits for a try, a byte and a reply for so many times less. */
const hurry = async (page, factor) =>
  (await faultyWorkerOf(page)).evaluate((n) => faults.hurry(n), factor);

/** [code, file, title, sentence, ways on] */
const FILES = () => [
  [
    "file.type",
    kept("words.gguf", "These are words and no model.".repeat(9)),
    "This is not a model file",
    /words\.gguf .*GGUF/i,
    ["Choose another file"],
  ],
  [
    "file.part",
    path.join(seededFolder(), "llama-split-00001-of-00003.gguf"),
    "This is part 1 of 3",
    /^Choose all 3 files together\.$/,
    ["Choose files"],
  ],
  [
    "model.unsupported",
    kept("other.gguf", rewritten("llama", "xlama")),
    "ingle cannot run this kind of model yet",
    /xlama/,
    ["See what it can run", "Choose another file"],
  ],
  [
    "model.damaged",
    kept("cut.gguf", bytes.subarray(0, bytes.length - 1000)),
    "This file is not a complete model",
    /./,
    ["Choose another file"],
  ],
];

cases["files that are no model for this page"] = async () => {
  await withApp(async (page) => {
    for (const [code, file, ...rest] of FILES()) {
      await page.setInputFiles("#file", file);
      await says(page, code, ...rest);
    }
    await tell(page, { reads: 1 });
    await page.setInputFiles("#file", kept("gone.gguf", bytes));
    const moved = /^It was moved, changed or removed\. Choose it again\.$/;
    await says(page, "file.gone", "The file can no longer be read", moved, ["Choose another file"]);
    await tell(page, { reads: NaN });
    // A model that went behind the page's back.
    await load(page, kept("wiped.gguf", bytes));
    await page.setInputFiles("#file", kept("other-name.gguf", longFile(bytes, 1 << 20)));
    await page.evaluate(() => (location.hash = "#/models"));
    await page.waitForFunction(() => document.querySelectorAll("#stored li").length === 2);
    await page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("ingle");
      await folder.removeEntry("manifests", { recursive: true });
    });
    await page.locator('#stored button[title^="wiped"]').click();
    await says(page, "model.missing", "The model is not in this browser", /wiped/i, [
      "Choose another model",
    ]);
    assert.deepEqual(page.problems, []);
  });
};

cases["addresses from which nothing comes"] = async () => {
  if (!bytes) skip("no seeded model");
  const host = await fileHost(longFile(bytes, 1 << 20));
  const url = `${host.origin}/m.gguf`;
  const again = ["Try again", "Choose another file"];
  const closed = await fileHost(bytes);
  await closed.close();
  try {
    await withApp(async (page) => {
      await hurry(page, 50);
      const one = async (change, from, ...rest) => {
        Object.assign(host, { cors: "open", status: null, cutAfter: null }, change);
        await loadUrl(page, from);
        await says(page, ...rest);
      };
      await one({ status: 403 }, url, "net.http", "The server refused the download", /403/, again);
      await one(
        { cors: null },
        url,
        "net.cors",
        "The server does not allow browsers to download this",
        /^Download the file yourself and choose it here\.$/,
        ["Use a file I have", `Open ${new URL(url).host}`],
      );
      const nobody = "The address cannot be reached";
      await one({}, `${closed.origin}/m.gguf`, "net.refused", nobody, /listening/, again);
      const own = new URL("own/m.gguf", page.url()).href;
      await one({ cutAfter: 0 }, own, "net.cut", "The download broke off", /broke/, again);
      const n = host.requests.length;
      host.cutAfter = null;
      await browser.context.setOffline(true);
      await loadUrl(page, url);
      await says(
        page,
        "net.wait",
        "There is no connection",
        /^The download starts by itself when it is back\.$/,
        ["Use a file I have"],
      );
      await says(
        page,
        "net.offline",
        "You are offline",
        /^Chats on this device work as usual\.$/,
        [],
      );
      assert.equal(host.requests.length, n, "nothing comes through");
      await browser.context.setOffline(false);
      await page.waitForSelector(READY);
      assert.equal(await page.locator(".alert").count(), 0, "both cards are gone");
    }, { mounts: { "/app/own/": (request, response) => answer(host, request, response) } });
  } finally {
    await browser.context.setOffline(false);
    await host.close();
  }
};

/** [code, file or status of an address, what a German page says] */
const GERMAN = () => {
  const [[type, words], , [kind, other], [damage, cut]] = FILES();
  return [
    [type, words, /^ingle liest GGUF-Dateien, und words\.gguf ist keine\.$/],
    [kind, other, /^Es ist von der Art „xlama“\. Es gehen llama, .+\.$/],
    [damage, cut, /^Sie hört zu früh auf\. .* Hol sie noch einmal\.$/],
    ["net.http", 403, /^[\w.:]+ antwortete mit 403\.$/],
    ["net.auth", 401, /^[\w.:]+ will eine Anmeldung, und ingle meldet sich nirgends an\./],
    ["store.full", 200, /^Es (braucht|fehlen) [\d,]+.[kM]B, und .* Platz\.$/],
  ];
};

cases["what the engine says is German on a German page"] = async () => {
  if (!bytes) skip("no seeded model");
  const host = await fileHost(longFile(bytes, 1 << 20));
  const german = () => localStorage.setItem("ingle.prefs", JSON.stringify({ language: "de" }));
  try {
    await withApp(
      async (page, { origin }) => {
        const cdp = await browser.context.newCDPSession(page);
        for (const [code, from, text] of GERMAN()) {
          if (code === "store.full")
            await cdp.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 << 20 });
          host.status = from === 200 ? null : from;
          if (typeof from === "number") await loadUrl(page, `${host.origin}/m.gguf`);
          else await page.setInputFiles("#file", from);
          const card = page.locator(ui(`alert.${code}`)).last();
          await card.waitFor();
          assert.match(await card.locator("p").textContent(), text, code);
        }
      },
      { prepare: german },
    );
  } finally {
    await host.close();
  }
};

/** A download that stands still after its first megabyte, as often as it is asked for. */
function stall({ bytes, etag }, request, response) {
  if (request.headers.range === "bytes=0-3") return false;
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const end = bytes.length - 1;
  response.statusCode = request.headers.range ? 206 : 200;
  if (request.headers.range)
    response.setHeader("content-range", `bytes ${from}-${end}/${bytes.length}`);
  response.setHeader("content-length", bytes.length - from);
  response.setHeader("etag", etag);
  response.flushHeaders();
  if (from < 1e6) response.write(bytes.subarray(from, 1e6));
  return true;
}

/** [what is asked for, code, title, sentence, ways on] */
const PULLS = (known, at) => [
  [
    known,
    "net.mismatch",
    "The file does not match its fingerprint",
    /^It is not used, and what came is deleted\.$/,
    ["Try again", "Cancel"],
  ],
  [
    at("changed"),
    "net.changed",
    "The file changed at the source",
    /changed while it was downloaded; .*start again\.$/,
    ["Start again", "Cancel"],
  ],
  [
    at("stalled"),
    "net.stalled",
    "The server stopped answering",
    /^1\.\d+ of 3\.15.MB are kept\. ingle tried 6 times\.$/,
    ["Try again", "Cancel"],
  ],
  [
    at("gone"),
    "net.http",
    "The server refused the download",
    /answered 410\.$/,
    ["Try again", "Choose another file", "Cancel"],
  ],
];

cases["downloads that end early"] = async () => {
  if (!bytes) skip("no seeded model");
  const { CATALOGUE, addressOf } = await loadModule("catalogue.ts");
  const known = addressOf(CATALOGUE[0]);
  const host = await fileHost(longFile(bytes, 3 << 20));
  let n = 0;
  const roads = {
    changed: (...asked) => answer({ ...host, etag: `"v${(n += 1)}"`, cutAfter: 6e5 }, ...asked),
    stalled: (...asked) => stall(host, ...asked) || answer(host, ...asked),
    gone: (_, response) => response.writeHead(410).end(),
    full: (...asked) => answer(host, ...asked),
  };
  const mounts = Object.fromEntries(
    Object.entries(roads).map(([name, road]) => [`/app/${name}.gguf`, road]),
  );
  const open = { "access-control-allow-origin": "*" };
  const elsewhere = new URL(known).origin;
  const other = (route) => route.fulfill({ headers: open, body: bytes });
  await browser.context.route(`${elsewhere}/**`, other);
  try {
    await withApp(
      async (page, { origin }) => {
        const at = (name) => `${origin}/app/${name}.gguf`;
        const pulls = PULLS(known, at);
        const paused = Object.fromEntries([...pulls, [at("full")]].map(([ref]) => [ref, true]));
        await page.evaluate((paused) => {
          localStorage.setItem("ingle.pulls", JSON.stringify(paused));
          location.hash = "#/models";
        }, paused);
        await page.reload();
        await started(page);
        const start = (ref) => {
          const at = page.locator(`h3[title="${ref}"]`);
          const card = page.locator(ui("pull.card")).filter({ has: at });
          return card.getByRole("button", { name: "Go on" }).click();
        };
        // None of the others is to stall, however busy this machine is.
        const others = pulls.filter(([, code]) => code !== "net.stalled");
        // One after another: a card that changes while another is pressed takes the press away.
        for (const [ref, ...rest] of others) {
          await start(ref);
          await says(page, ...rest);
        }
        const cdp = await browser.context.newCDPSession(page);
        await cdp.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 2 << 20 });
        await start(at("full"));
        await says(
          page,
          "store.full",
          "Not enough storage for this model",
          /needed, and this browser .*; delete a model/,
          ["Free up space", "Try again", "Stop this download"],
        );
        await page.locator(ui("pull.card")).getByText("Stop this download").click();
        await page.waitForFunction(() => !/full/.test(localStorage.getItem("ingle.pulls")));
        await cdp.send("Storage.overrideQuotaForOrigin", { origin });
        // A byte still has most of a second to come in, and a reply more than one.
        await hurry(page, 40);
        const [[ref, ...rest]] = pulls.filter(([, code]) => code === "net.stalled");
        await start(ref);
        await says(page, ...rest);
        await browser.context.setOffline(true);
        await page.locator(ui("alert.net.stalled")).getByText("Try again").click();
        const wait = /^The download starts by itself when it is back\./;
        const ways = ["Use a file I have", "Cancel"];
        await says(page, "net.wait", "There is no connection", wait, ways);
        await browser.context.setOffline(false);
        await says(page, ...rest); // it began by itself, and stands still as before
      },
      { mounts },
    );
  } finally {
    await browser.context.setOffline(false);
    await browser.context.unroute(`${elsewhere}/**`);
    await host.close();
  }
};

/** The keeper of chats, with `code` before it. */
function historyWith(code) {
  const folder = path.join(chatDist, "assets");
  const texts = readdirSync(folder)
    .filter((name) => /^worker-.*\.js$/.test(name))
    .map((name) => [name, readFileSync(path.join(folder, name), "utf8")])
    .filter(([, text]) => text.includes("ingle-chats"));
  assert.equal(texts.length, 1, "one worker keeps chats");
  const [[name, text]] = texts;
  return {
    [`/app/assets/${name}`]: (_, response) => {
      response.setHeader("content-type", "text/javascript");
      response.end(`{${code}}\n${text}`);
    },
  };
}

cases["a window that keeps nothing"] = async () => {
  await withApp(
    async (page) => {
      const text = /^Chats and models are kept in memory and are gone when you close it\.$/;
      const ways = ["Save this chat to a file"];
      await says(page, "store.memory", "This is a private window", text, ways);
      await load(page, kept("held.gguf", bytes));
      assert.equal(await page.locator(ui("alert.store.memory")).count(), 1, "said once");
    },
    { more: NO_STORAGE, mounts: historyWith(NO_STORAGE) },
  );
};

cases["storage that is full, emptied, newer, or not promised"] = async () => {
  await withScripted(browser, async (page, { server, open }) => {
    const cdp = await browser.context.newCDPSession(page);
    const quota = (quotaSize) =>
      cdp.send("Storage.overrideQuotaForOrigin", { origin: server.origin, quotaSize });
    await quota(1);
    await ask(page, "Is there room?");
    const full = "Storage is full, so new messages are not saved";
    const stay = /^They stay while this tab is open\.$/;
    await says(page, "store.chat", full, stay, ["Free up space", "Save this chat to a file"]);
    await quota();
    await finished(page);

    const tally = JSON.stringify({ chats: 9, models: 2, bytes: 3e9 });
    await page.evaluate((tally) => localStorage.setItem("ingle.tally", tally), tally);
    const emptied = await open();
    const lost = /^Gone: 2 models \(3\.00.GB\)(, 9 chats)?\. It does this when space is short\.$/;
    const ways = ["Get the models again", "Import a saved file", "How to prevent it"];
    await says(emptied, "store.evicted", "This browser deleted ingle’s data", lost, ways);
    await emptied.close();

    await page.goto(`${server.origin}/blank`);
    await page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const request = indexedDB.open("ingle-chats", 99);
          request.onsuccess = () => resolve(request.result.close());
          request.onerror = reject;
        }),
    );
    const old = await open();
    const unread = /^They are untouched and can be read after updating\.$/;
    await says(old, "store.newer", "These chats were saved by a newer ingle", unread, ["Update"]);
  });
  const refusing = () => {
    StorageManager.prototype.persisted = StorageManager.prototype.persist = async () => false;
  };
  await withApp(
    async (page) => {
      await load(page, kept("good.gguf", bytes));
      await page.evaluate(() => (location.hash = "#/models"));
      const title = "This browser may delete models";
      const why = /^It does so when space is short\.$/;
      await says(page, "store.maybe", title, why, ["Ask it to keep them", "How"]);
      await page.getByRole("button", { name: "Ask it to keep them" }).click();
      await page.locator(".app").getByText("Adding ingle to the home screen keeps it.").waitFor();
    },
    { prepare: refusing },
  );
};

cases["every code of the catalogue that is provoked here was, and the others where it says"] = () =>
  checkCatalogue("chat-codes-models.mjs");

await run(cases, { after: cleared });
