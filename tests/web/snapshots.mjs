// Snapshots of conversations: a reload costs the new words alone, with the answer there would have
// been without it; what is wrong with a file costs the reading; what is deleted is gone.
import { readFileSync } from "node:fs";

import { launch } from "./lib/browser.mjs";
import { askAndWait, started, ui } from "./lib/chat.mjs";
import { enginePage, serveEngine } from "./lib/page.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";
import { serve } from "./lib/server.mjs";

const given = seededFolder();
const file = given ? { "/model.gguf": `${given}/llama-tied.gguf` } : {};
const server = await serveEngine(file);
const browser = await launch();

/** About 400 tokens; the answer behind them, and what is said next. */
const PROMPT = Array.from({ length: 400 }, (_, i) => 3 + ((i * 37) % 250));
const N_ANSWER = 8;
const NEXT = [9, 8, 7, 6];

/** A page with the model loaded on the processor. */
async function ready() {
  const page = await enginePage(browser, server);
  await page.evaluate(async () => {
    const { snapshots } = await import("/deep/er/lib/public/index.js");
    globalThis.engine = await Engine.start({ device: "cpu" });
    globalThis.model = await engine.load({ url: "/model.gguf" }, { contextLength: 1024 });
    /** Ids of an answer, and how many tokens of the prompt were not read. */
    globalThis.answer = async (tokens, snapshot) => {
      const options = { tokens, temperature: 0, maxTokens: 8, ignoreEos: true };
      const out = await collect(model.generate({ ...options, ...(snapshot && { snapshot }) }));
      const { cachedTokens, promptTokens } = out.last.timings;
      return { tokens: out.tokens, cachedTokens, promptTokens };
    };
    const files = async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("ingle-snapshots", { create: true });
      const files = [];
      for await (const handle of folder.values()) files.push(handle);
      return files;
    };
    /** Names of the conversations that have a file. */
    globalThis.names = async () => (await files()).map(({ name }) => name.split(".")[0]).join();
    /** Runs `work` when no tab has the file; the name is the package's. */
    const alone = ({ name }, work) => navigator.locks.request(`ingle-snapshots/${name}`, work);
    /** Waits until there is a file of more than `above` bytes and all are closed; all bytes. */
    globalThis.kept = async (above) => {
      while ((await snapshots.use()).bytes <= above) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      for (const handle of await files()) await alone(handle, () => undefined);
      return (await snapshots.use()).bytes;
    };
    globalThis.stray = async (name) => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("ingle-snapshots", { create: true });
      const out = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await out.write("x");
      await out.close();
    };
    /** Flips a bit of the one file. */
    globalThis.damage = async (at) => {
      const [handle] = await files();
      await alone(handle, async () => {
        const data = new Uint8Array(await (await handle.getFile()).arrayBuffer());
        data[at] ^= 1;
        const out = await handle.createWritable();
        await out.write(data);
        await out.close();
      });
    };
    Object.assign(globalThis, { snapshots });
  });
  return page;
}

const cases = {};

cases["a reload reads only what is new, and what is wrong with a file costs the reading"] =
  async () => {
    if (!given) skip("no seeded models");
    const chat = { name: "chats/1: ä", maxBytes: 64 << 20 };
    const first = await ready();
    const begun = await first.evaluate(
      async ({ prompt, chat }) => {
        const { tokens, cachedTokens } = await answer(prompt, chat);
        return { tokens, cachedTokens, bytes: await kept(0) };
      },
      { prompt: PROMPT, chat },
    );
    assert.equal(begun.cachedTokens, 0);
    assert.ok(begun.bytes > 100_000, String(begun.bytes));
    const prompt = [...PROMPT, ...begun.tokens, ...NEXT];
    // What the same engine says next, without any file.
    const want = await first.evaluate((prompt) => answer(prompt), prompt);
    assert.equal(want.cachedTokens, PROMPT.length + N_ANSWER - 1);
    await first.close();

    const second = await ready();
    const got = await second.evaluate(
      async ({ prompt, chat, before }) => {
        const got = await answer(prompt, chat);
        return { ...got, bytes: await kept(before) };
      },
      { prompt, chat, before: begun.bytes },
    );
    assert.deepEqual(got.tokens, want.tokens);
    assert.equal(got.cachedTokens, want.cachedTokens);
    assert.ok(got.bytes < begun.bytes * 1.2, "one file that grew by what is new");
    await second.close();

    // A bit in the first piece, then a file of something else: read from the start, same answer.
    for (const at of [5000, 0]) {
      const page = await ready();
      const got = await page.evaluate(
        async ({ prompt, chat, at }) => {
          await damage(at);
          return answer(prompt, chat);
        },
        { prompt, chat, at },
      );
      assert.deepEqual(got.tokens, want.tokens, `a damaged byte ${at}`);
      assert.equal(got.cachedTokens, 0, `a damaged byte ${at}`);
      await page.close();
    }
  };

cases["snapshots are bounded, and go with their chat and their model"] = async () => {
  if (!given) skip("no seeded models");
  const page = await ready();
  const got = await page.evaluate(async (prompt) => {
    await snapshots.clear();
    const uses = [await snapshots.use()];
    const until = async (want) => {
      while ((await names()) !== want) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    // Of a model that was deleted in some other way; the first saving of a page finds it.
    await stray("a.0123456789abcdef-1");
    await stray("b.0123456789abcdef-1");
    await answer(prompt, { name: "a" });
    await until("a");
    const bytes = await kept(0);
    uses.push(await snapshots.use());
    // There is room for one.
    await answer([7, ...prompt], { name: "b", maxBytes: Math.round(bytes * 1.9) });
    await until("b");
    await kept(0);
    await snapshots.rm("a");
    uses.push(await snapshots.use());
    await snapshots.rm("b");
    uses.push(await snapshots.use());
    // Short ones are read again as fast, and without a name nothing is kept.
    await answer(prompt.slice(0, 40), { name: "short" });
    await answer(prompt);
    await answer(prompt, { name: "c" });
    await kept(0);
    uses.push(await snapshots.use());
    await engine.models.rm(model.info.name);
    await until("");
    return uses.map(({ count }) => count);
  }, PROMPT);
  assert.deepEqual(got, [0, 1, 1, 0, 1]);
  await page.close();
};

/** The seeded model, which was made for 256 tokens, as one that was made for 1024. */
function longer() {
  const bytes = readFileSync(`${given}/llama-tied.gguf`);
  const key = "llama.context_length";
  const value = bytes.indexOf(key) + key.length + 4; // behind its type
  assert.equal(bytes.readUInt32LE(value), 256);
  bytes.writeUInt32LE(1024, value);
  return { name: "longer.gguf", mimeType: "application/octet-stream", buffer: bytes };
}

cases["the app remembers long chats where it is asked to, and says their room"] = async () => {
  if (!given) skip("no seeded models");
  const app = await serve({ "/app/": chatDist });
  const page = await browser.page();
  try {
    await page.addInitScript(() => {
      localStorage.setItem("ingle.settings", '{"maxTokens":8,"creativity":0}');
    });
    await page.goto(`${app.origin}/app/?device=cpu#/settings`);
    await started(page);
    const room = page.locator(ui("settings.remember"));
    await room.getByText("Nothing is kept").waitFor();
    await page.getByLabel("Remember long chats for a faster start").check();
    await page.goto(`${app.origin}/app/?device=cpu#/`);
    await started(page);
    await page.setInputFiles("#file", longer());
    await page.waitForSelector(READY);
    await askAndWait(page, "abc def ghij. ".repeat(28));
    await page.waitForFunction(async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("ingle-snapshots").catch(() => null);
      for await (const name of folder?.keys() ?? []) {
        return navigator.locks.request(`ingle-snapshots/${name}`, () => true);
      }
      return false;
    });
    await page.evaluate(() => (location.hash = "#/settings"));
    await room.getByText(/^1 chat takes \d/).waitFor();
    await room.getByRole("button", { name: "Delete" }).click();
    await room.getByText("Nothing is kept").waitFor();
    assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await page.close();
    await app.close();
  }
};

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
