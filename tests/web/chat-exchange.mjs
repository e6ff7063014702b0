// Search, long chats, and chats that leave as files and come back. Answers come from a scripted
// server, so a test knows each word.
import { launch } from "./lib/browser.mjs";
import {
  askAndWait,
  choose,
  DESKTOP,
  exportAll,
  importText,
  saved,
  shows,
  started,
  withScripted,
} from "./lib/chat.mjs";
import { assert, run } from "./lib/report.mjs";
import { serveScripted } from "./lib/scripted.mjs";

const browser = await launch(DESKTOP);
const cases = {};
const withChat = (body, script) => withScripted(browser, body, script);

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
      await shows(there, ["Take me along", "Hello."]);
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
    await shows(page, ["From elsewhere", "Welcome."]);
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
