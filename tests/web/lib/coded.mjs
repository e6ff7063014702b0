// What the tests of codes share: the page with an engine that can be made to fail, and what a card
// says. A script is one process, so what it has provoked is noted here.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { launch } from "./browser.mjs";
import { DESKTOP, started, ui } from "./chat.mjs";
import { CATALOGUE } from "./codes.mjs";
import { faultyApp, faultyWorkerOf } from "./faults.mjs";
import { chatDist } from "./paths.mjs";
import { READY } from "./ready.mjs";
import { assert, skip } from "./report.mjs";
import { seeded } from "./seeded.mjs";
import { serve } from "./server.mjs";

export const bytes = seeded()?.bytes ?? null;
const scratch = mkdtempSync(path.join(os.tmpdir(), "ingle-codes-"));
export const browser = await launch(DESKTOP);

/** A file in the scratch folder. */
export const kept = (name, data) => {
  const file = path.join(scratch, name);
  writeFileSync(file, data);
  return file;
};

/** A file that goes away: so many reads of it work, and no more. */
const MORE = `
const read = FileReaderSync.prototype.readAsArrayBuffer;
FileReaderSync.prototype.readAsArrayBuffer = function (blob) {
  if (faults.reads-- === 0) throw new DOMException("it is gone", "NotFoundError");
  return read.call(this, blob);
};`;

/** The page on a host of its own, so in empty storage, with an engine that can be made to fail. */
export async function withApp(body, options = {}) {
  const { query = "?device=cpu", more = "", mounts = {}, prepare } = options;
  if (!bytes) skip("no seeded model");
  const faulty = faultyApp("/app/", chatDist, MORE + more);
  const server = await serve({ "/app/": chatDist, ...faulty, ...mounts });
  const page = await browser.page();
  try {
    if (prepare) await page.addInitScript(prepare);
    await page.goto(`${server.origin}/app/${query}`);
    await started(page);
    // The end of the start, which draws the page of a new chat anew, with empty boxes.
    await page.waitForFunction(() => document.querySelector("#storage-text").textContent !== "");
    await body(page, server);
  } finally {
    await page.close();
    await server.close();
  }
}

/** What a card of this code says and offers, as soon as there is one. */
async function cardOf(page, code) {
  const card = page.locator(ui(`alert.${code}`)).last();
  await card.waitFor({ timeout: 60_000 });
  return card.evaluate((node) => ({
    title: node.querySelector("h3").textContent,
    text: node.querySelector("p").textContent,
    ways: [...node.querySelectorAll(".do button, .do a")].map(({ textContent }) => textContent),
  }));
}

/** Codes that were provoked and looked at. */
export const provoked = new Set();

/** Checks a card: its title and its ways on to the letter, its sentence by what it must say. */
export async function says(page, code, title, text, ways) {
  const card = await cardOf(page, code);
  provoked.add(code);
  assert.equal(card.title, title, code);
  assert.match(card.text, text, code);
  assert.deepEqual(card.ways, ways, code);
}

export const load = async (page, file) => {
  await page.setInputFiles("#file", file);
  await page.waitForSelector(READY);
};

/** The model with these words in place of others of the same length, wherever they stand. */
export function rewritten(from, to) {
  const other = Buffer.from(bytes);
  for (let at = other.indexOf(from); at >= 0; at = other.indexOf(from, at + from.length))
    other.write(to, at);
  return other;
}

export const withoutTemplate = () =>
  rewritten("tokenizer.chat_template", "tokenizer.chat_templatX");

/** Keeps what a card says that is gone within moments. */
export const record = (page, code) =>
  page.evaluate((selector) => {
    globalThis.said = [];
    const look = () => {
      const card = document.querySelector(selector);
      if (card) globalThis.said.push(card.textContent);
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  }, ui(`alert.${code}`));

/** The card of an engine that comes back, which was recorded; of this code of the catalogue. */
export async function recovering(page, code, what) {
  await page.waitForFunction(() => globalThis.said.length > 0);
  const text = "Your chat is safe. ingle is loading the model again and will go on from";
  const said = await page.evaluate(() => globalThis.said[0]);
  assert.ok(said.startsWith(`${what}.${text}`), said);
  provoked.add(code);
}

/** Greedy and short, so that answers are the same and leave room. */
export const SHORT = () =>
  localStorage.setItem("ingle.settings", JSON.stringify({ creativity: 0, maxTokens: 12 }));

/** The engine's worker, which the app has one of. */
export const tell = async (page, change) =>
  (await faultyWorkerOf(page)).evaluate((change) => void Object.assign(faults, change), change);

/** What `script` is to provoke was provoked, and cases that are named elsewhere are there. */
export function checkCatalogue(script) {
  if (process.argv[2] || !bytes) skip("not every case has run");
  for (const [code, where, own = code] of CATALOGUE) {
    if (where.script === script) assert.ok(provoked.has(own), `${code} was not provoked`);
    if (!where.name) continue;
    const text = readFileSync(new URL(`../${where.script}`, import.meta.url), "utf8");
    assert.ok(text.includes(where.name), `${where.script} has no case "${where.name}"`);
  }
}

/** The end of a script. */
export async function cleared() {
  await browser.close();
  rmSync(scratch, { recursive: true, force: true });
}
