// Tuning in a page: kernels are tried once, what won is kept in the browser and used by the next
// page, and whatever is wrong with what was kept costs a notice and nothing else.
import { launch } from "./lib/browser.mjs";
import { enginePage, nmse, serveEngine } from "./lib/page.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";

/** Integer products round activations to 8 bits. */
const INT_FORMS = 3e-3;

const file = seeded("llama-Q4_0");
const server = await serveEngine();
const browser = await launch();

/** Starts an engine in a new page, loads the model, and gives what a caller can see. */
async function start(tuning) {
  if (!file) skip("the seeded models are not built");
  const page = await enginePage(browser, server);
  const seen = await page.evaluate(
    async ({ bytes, name, tuning }) => {
      const engine = await Engine.start({ device: "gpu", tuning });
      const { notices, tuned: recalled } = await engine.info();
      const phases = [];
      const source = { file: new File([new Uint8Array(bytes)], name) };
      const onProgress = ({ phase }) => phases.at(-1) === phase || phases.push(phase);
      const model = await engine.load(source, { onProgress });
      const logits = [...(await model.logits([1, 2, 3]))];
      const { tuned } = await engine.info();
      await engine.stop();
      return { notices, recalled, phases, logits, tuned };
    },
    { bytes: [...file.bytes], name: file.name, tuning },
  );
  await page.close();
  return seen;
}

/** In the page: changes the kept text. */
async function keep(page, change) {
  return page.evaluate(async (change) => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("ingle-tuning");
    const names = [];
    for await (const [name, entry] of folder.entries()) {
      names.push(name);
      const text = await (await entry.getFile()).text();
      const writer = await entry.createWritable();
      await writer.write((0, eval)(`(${change})`)(text));
      await writer.close();
    }
    return names;
  }, String(change));
}

/** In the page: another version of the browser, with a sum that fits. */
function forgeBrowser(text) {
  const body = text.slice(0, text.lastIndexOf("sum ")).replace(/Chrome\/\d+/, "Chrome/1");
  let sum = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(body))
    sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  return `${body}sum ${sum.toString(16).padStart(16, "0")}\n`;
}

const cases = {};
let plain;
let first;

cases["an adapter that computes on the processor is not tuned by itself"] = async () => {
  plain = await start("auto");
  assert.deepEqual([plain.recalled, plain.tuned, plain.notices], [[], [], []]);
};

cases["the first load tries the kernels, the next page knows them"] = async () => {
  first = await start("on");
  assert.deepEqual(first.recalled, []);
  assert.ok(first.tuned.length >= 2, String(first.tuned));
  assert.ok(!first.tuned.some((text) => text.startsWith("not used")), String(first.tuned));
  assert.ok(first.phases.includes("prepare"), String(first.phases));
  const error = nmse(first.logits, plain.logits);
  assert.ok(error <= INT_FORMS, `NMSE ${error} against the default forms`);
  const next = await start("on");
  assert.deepEqual(next.recalled.slice().sort(), first.tuned.slice().sort());
  // Not the same to the bit: a load ends trying after some seconds and the next one goes on.
  assert.ok(next.tuned.length >= first.tuned.length, String(next.tuned));
  assert.ok(nmse(next.logits, plain.logits) <= INT_FORMS, "the forms of the second page");
};

cases["off neither tries nor uses what is kept"] = async () => {
  const seen = await start("off");
  assert.deepEqual([seen.recalled, seen.tuned], [[], []]);
  assert.deepEqual(seen.logits, plain.logits);
};

for (const [what, change, says] of [
  ["damaged", (text) => text.replace("vec", "vex"), /damaged/],
  ["of another browser", forgeBrowser, /made for/],
  ["empty", () => "", /damaged/],
]) {
  cases[`what is kept but ${what} is refused with a sentence`] = async () => {
    if (!file) skip("the seeded models are not built");
    const page = await enginePage(browser, server);
    const names = await keep(page, change);
    assert.equal(names.length, 1, String(names));
    await page.close();
    const seen = await start("on");
    assert.equal(seen.notices[0]?.code, "gpu.tuning");
    assert.match(seen.notices[0].message, says);
    assert.deepEqual(seen.recalled, []);
    assert.ok(seen.tuned.length >= 2, "it was found out again");
  };
}

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
