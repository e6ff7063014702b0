// U38: each code of the message catalogue is provoked, and shows its title, its sentence and its
// ways on. Here: answers, chips and engines. The table of all codes: lib/codes.mjs.
import { serious } from "./lib/axe.mjs";
import { ask, askAndWait, finished, setLength, shown, ui, withScripted } from "./lib/chat.mjs";
import { slowClock } from "./lib/clock.mjs";
import {
  browser,
  bytes,
  checkCatalogue,
  cleared,
  kept,
  load,
  provoked,
  record,
  recovering,
  rewritten,
  says,
  SHORT,
  tell,
  withApp,
  withoutTemplate,
} from "./lib/coded.mjs";
import { checkLooks } from "./lib/looks.mjs";
import { assert, run } from "./lib/report.mjs";

const cases = {};

cases["answers that end otherwise, of a server"] = async () => {
  await withScripted(
    browser,
    async (page, { server }) => {
      await askAndWait(page, "Say nothing");
      const last = page.locator("main .msg:not(.me)").last();
      assert.equal(
        await last.locator(ui("turn.line")).textContent(),
        "The model gave no answer. It ended at once. " +
          "This happens with very small models and wrong templates.",
      );
      provoked.add("gen.empty");
      server.script.pieces = Array(4000).fill("round and round ");
      await last.getByRole("button", { name: "Try again", exact: true }).click();
      await says(
        page,
        "gen.loop",
        "The model repeats itself",
        /^The last [\d,]+ words are the same few, again and again\. It was stopped; the text is/,
        ["Go on with more variety", "Leave it"],
      );
      const text = (await shown(page)).at(-1);
      assert.ok(text.length >= 1600 && text.length < 30_000, `${text.length} characters`);
      server.script.pieces = ["And then it ended."];
      await page.getByRole("button", { name: "Go on with more variety" }).click();
      await page.waitForFunction(() => /And then it ended\.$/.test(
        [...document.querySelectorAll("main .msg-body")].at(-1).textContent.trim()));
      await finished(page);
      const { temperature, repeat_penalty } = server.asked.at(-1).options;
      assert.deepEqual([temperature, repeat_penalty], [1, 1.3]);
      assert.equal(await page.locator(ui("alert.gen.loop")).count(), 0);
    },
    { pieces: [] },
  );
};

/** Attaches a long text; its chip. */
const attach = async (page) => {
  const buffer = Buffer.from("one day in a forest there was a fox. ".repeat(800));
  await page.setInputFiles("#attachment", { name: "long.txt", mimeType: "text/plain", buffer });
  return page.locator("#files .file", { hasText: /[\d,]+ tokens/ });
};
const tokensOf = async (text) => Number(/([\d,]+) tokens/.exec(await text)[1].replace(",", ""));

const line = (page) => page.locator(ui("turn.line")).last();
const slow = (page, slowMs) => tell(page, { slowMs });

cases["answers that end otherwise, of this tab"] = async () => {
  await withApp(
    async (page) => {
      await page.setInputFiles("#file", kept("plain.gguf", withoutTemplate()));
      const worse = /^ingle uses a plain one\. Answers may be worse\.$/;
      const none = "This model has no chat template";
      await says(page, "model.notemplate", none, worse, ["Choose a template"]);
      await page.getByRole("button", { name: "Choose a template" }).click();
      await page.getByLabel("ChatML").check();
      await serious(page, "template");
      await checkLooks(page);
      assert.match(await page.inputValue(ui("template.text")), /<\|im_start\|>/);
      await page.getByLabel("Another one").check();
      await page.fill(ui("template.text"), "{% if %}");
      await page.click(ui("template.keep"));
      const problem = page.locator(`${ui("template")} [role=status]`);
      await problem.filter({ hasText: /\S.{15,}[.!?]$/ }).waitFor();
      await page.getByLabel("User: … Assistant: …").check();
      await page.click(ui("template.keep"));
      await page.locator("dialog").waitFor({ state: "detached" });
      assert.equal(await page.locator(ui("alert.model.notemplate")).count(), 0);
      await record(page, "recovering");
      await tell(page, { tokens: { n: 2, what: "trap" } });
      await askAndWait(page, "One");
      await recovering(page, "engine.crash", "The model stopped unexpectedly");
      await slow(page, 120);
      await askAndWait(page, "Two");
      await slow(page, 0);
      const slower = /^From [\d,]+ to \d\.\d tokens\/s\. The device may be hot or saving power\.$/;
      await says(page, "gpu.slow", "Writing has slowed", slower, []);

      const chip = await attach(page);
      const long = /^long\.txt is [\d,]+ tokens, and \d+ are free\. Nothing has been sent to/;
      const first = page.getByRole("button", { name: /^Use the first/ });
      const room = await tokensOf(await first.textContent());
      const ways = [`Use the first ${room} tokens`, "Remove the file"];
      await says(page, "ctx.file", "This file is longer than the room left", long, ways);
      await page.getByRole("button", { name: "Remove the file", exact: true }).click();
      await chip.waitFor({ state: "detached" });
      await attach(page);
      await first.click();
      await page.waitForFunction(
        (room) => {
          const text = document.querySelector("#files").textContent;
          const [, n] = /([\d,]+) tokens/.exec(text) ?? [];
          return Number(n?.replaceAll(",", "")) <= room;
        },
        room,
      );
      await setLength(page, 0);
      await page.click("#send");
      const full = /^The context is full\. \d+ words? (is|are) kept above\./;
      await page.locator(".app").getByText(full).waitFor();
      provoked.add("ctx.mid");
      await page.getByRole("button", { name: "Go on without the oldest messages" }).click();
      await finished(page);
      await page.locator(ui("ctx.left")).waitFor();
      provoked.add("ctx.left");
    },
    { prepare: SHORT },
  );
};

cases["answers that cannot be written"] = async () => {
  const [template] = /\{\{- bos_token \}\}.*?\{% endif %\}/s.exec(bytes.toString("latin1"));
  const failing = "{{ raise_exception('not for you') }}".padEnd(template.length);
  await withApp(
    async (page) => {
      await load(page, kept("good.gguf", bytes));
      await setSchema(page, '{"type":"object","not":{}}');
      await ask(page, "In this form");
      const title = "The answer cannot follow this schema";
      const keyword = /^“not” is not supported\. Nothing was run\.$/;
      await says(page, "gen.schema", title, keyword, ["Edit the schema"]);
      await page.getByRole("button", { name: "Edit the schema" }).click();
      const box = page.locator(`dialog ${ui("setup.schema")}`);
      assert.ok(await box.evaluate((node) => node === document.activeElement), "at its field");
      await page.keyboard.press("Escape");
      await page.click("#new-chat");
      await load(page, kept("bad.gguf", rewritten(template, failing)));
      await ask(page, "And now");
      const failed = "The model’s chat template failed";
      await says(page, "model.template", failed, /not for you/, [
        "Choose a template",
        "Choose another model",
      ]);
      await page.getByRole("button", { name: "Choose a template" }).click();
      assert.ok(await page.getByLabel("The one in its file").isChecked());
      await page.getByLabel("User: … Assistant: …").check();
      await page.click(ui("template.keep"));
      await page.locator("dialog").waitFor({ state: "detached" });
      await askAndWait(page, "And in this form");
      assert.ok((await shown(page)).at(-1).length > 0, "it answers in the chosen form");
    },
    { prepare: SHORT },
  );
};

/** Writes a schema into the sheet of the chat. */
async function setSchema(page, text) {
  await page.click("#setup");
  await page.locator("dialog .more-fields > summary").click();
  await page.fill(`dialog ${ui("setup.schema")}`, text);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
}

/** A worker without a graphics chip, and one whose chip gives wrong numbers in every form. */
const NO_GPU = `Object.defineProperty(WorkerNavigator.prototype, "gpu", { value: undefined });`;
const LIES = `
const make = GPUDevice.prototype.createShaderModule;
GPUDevice.prototype.createShaderModule = function (descriptor) {
  const code = descriptor.code.replaceAll("f32(P.n_cols)", "f32(P.n_cols + 9u)");
  return make.call(this, { ...descriptor, code });
};`;

cases["a chip that is missing, wrong or too small"] = async () => {
  const good = kept("good.gguf", bytes);
  const look = async (code, title, text, ways, options) =>
    withApp(
      async (page) => {
        await page.setInputFiles("#file", good);
        await says(page, code, title, text, ways);
      },
      { prepare: SHORT, ...options },
    );
  await look(
    "gpu.missing",
    "Running on the processor",
    /no WebGPU.*processor/,
    ["What can I do"],
    { query: "", more: NO_GPU },
  );
  await look(
    "gpu.wrong",
    "Wrong results on this graphics chip",
    /^ingle switched to a safer way, which may be slower\. Answers stay right\.$/,
    ["Details"],
    { query: "?device=gpu", more: LIES },
  );
  await look(
    "gpu.memory",
    "The model does not fit into graphics memory",
    /^A shorter context or a smaller model needs less\.$/,
    ["Use the processor", "Choose a smaller model"],
    {
      query: "?device=gpu",
      more: `addEventListener("message", ({ data }) => {
        if (data.type === "load") faults.at = { call: "createBuffer", n: 5, what: "memory" };
      });`,
    },
  );
};

/**
 * A worker that says three times that its chip went away, each time after two tokens. A real loss,
 * of which the engine recovers, takes the tests' graphics stack 15 seconds: recover.mjs.
 */
const WEAK = `
let left = Infinity;
addEventListener("message", ({ data }) => {
  if (data.type === "generate") left = (data.settings.resume?.length ?? 0) < 6 ? 2 : Infinity;
});
const say = globalThis.postMessage;
globalThis.postMessage = (message, ...rest) => {
  say(message, ...rest);
  if (message.type !== "piece" || (left -= message.piece.tokens.length) > 0) return;
  left = Infinity;
  const error = { code: "gpu.lost", message: "The chip went away.", detail: "on purpose" };
  say({ type: "error", id: message.id, error });
};`;

cases["a chip that is reset, and again, and again"] = async () => {
  await withApp(
    async (page) => {
      await load(page, kept("plain.gguf", withoutTemplate()));
      await record(page, "recovering");
      await ask(page, "One");
      await recovering(page, "gpu.lost", "The graphics chip was reset");
      const cards = await page.waitForFunction(() => {
        const cards = [...new Set(globalThis.said)];
        return cards.length > 1 && cards;
      });
      const [first, next] = await cards.jsonValue();
      assert.match(first, /last word\. This takes a moment\.$/, "nothing was measured");
      assert.match(next, /last word\. This takes about \d+ seconds?\.$/, "as it took before");
      const title = "The graphics chip keeps resetting";
      const text = /^Answers come from the processor now, and are slower\./;
      await says(page, "gpu.lost.often", title, text, ["Choose a smaller model", "Doctor"]);
      await finished(page);
      assert.match(await line(page).textContent(), /Went on after a reset of the graphics chip/);
      assert.equal(await page.locator(ui("alert.recovering")).count(), 0);
    },
    // A load that took five seconds would be said on the first card.
    { prepare: SHORT, more: slowClock(10) + WEAK },
  );
};

/** A worker whose chip has no memory left after two tokens, and on the next chip at once. */
const FULL = `
let left = Infinity;
const say = globalThis.postMessage;
const error = { code: "gpu.memory", message: "No memory is left.", detail: "on purpose" };
addEventListener("message", ({ data }) => {
  if (data.type !== "generate") return;
  left = 2;
  if (data.settings.resume?.length > 0) say({ type: "error", id: data.id, error });
});
globalThis.postMessage = (message, ...rest) => {
  say(message, ...rest);
  if (message.type === "piece" && (left -= message.piece.tokens.length) <= 0)
    say({ type: "error", id: message.id, error });
};`;

cases["a chip whose memory is full in an answer"] = async () => {
  await withApp(
    async (page) => {
      await load(page, kept("plain.gguf", withoutTemplate()));
      await ask(page, "One");
      const text = /^It ran out of graphics memory after \d+ words?\. .*A shorter context leaves/;
      const ways = ["Use the processor", "Choose a smaller model", "Doctor"];
      await says(page, "gpu.memory", "The model stopped", text, ways);
    },
    { prepare: SHORT, more: FULL },
  );
};

/** A worker that ends at each answer that it is asked for. */
const DOOMED = `addEventListener("message", ({ data }) => data.type === "generate" && close());`;

cases["an engine that ends, and again, and again"] = async () => {
  await withApp(
    async (page) => {
      await load(page, kept("good.gguf", bytes));
      await ask(page, "One");
      const title = "The browser ended the model";
      const kept_ = /^The browser ended the engine again and again, .* What was written is kept\./;
      for (let n = 1; n <= 2; n += 1) {
        const card = page.locator(ui("alert.engine.killed"));
        await card.waitFor({ timeout: 60_000 });
        await says(page, "engine.killed", title, kept_, ["Go on", "Copy details"]);
        await card.getByRole("button", { name: "Go on" }).click();
      }
      const often = /^It stopped 3 times\. Your chat is safe\.$/;
      const ways = ["Choose another model", "Copy details"];
      await says(page, "engine.crash.often", "The model keeps stopping", often, ways);
    },
    { prepare: SHORT, more: DOOMED },
  );
};

cases["every code of the catalogue that is provoked here was, and the others where it says"] = () =>
  checkCatalogue("chat-codes-answers.mjs");

await run(cases, { after: cleared });
