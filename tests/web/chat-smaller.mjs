// Smaller models on the page of models: what is asked before, what is shown meanwhile, and how it
// ends. The work itself is tested in quantize.mjs.
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { askAndWait, choose, DESKTOP, PHONE, saved, shown, started, ui } from "./lib/chat.mjs";
import { checkLooks } from "./lib/looks.mjs";
import { chatDist } from "./lib/paths.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";
import { serve } from "./lib/server.mjs";

const folder = seededFolder();

const desktop = await launch(DESKTOP);

/** The page of models with one stored model, at an address of its own, so that storage is empty. */
async function withModel(model, body, { options = null, script = "" } = {}) {
  if (!folder) skip("no seeded models");
  const server = await serve({ "/app/": chatDist });
  const browser = options ? await launch(options) : desktop;
  const page = await browser.page();
  try {
    await page.addInitScript(script);
    await page.goto(`${server.origin}/app/?device=cpu`);
    await started(page);
    await page.setInputFiles("#file", path.join(folder, `${model}.gguf`));
    await page.waitForSelector(READY);
    await page.evaluate(() => (location.hash = "#/models"));
    await page.locator(`#models ${ui("model.card")}`).first().waitFor();
    await body(page);
    assert.deepEqual(page.problems, [], "the console is clean");
  } finally {
    await (options ? browser.close() : page.close());
    await server.close();
  }
}

async function openDialog(page) {
  const more = page.locator(ui("model.card")).getByRole("button", { name: /^More for/ });
  await choose(page, more, "Make smaller");
}

const cases = {};

for (const [name, options] of Object.entries({ desktop: null, phone: PHONE })) {
  cases[`${name}: sizes, verdict and room before; then a card, and a model to chat with`] = () =>
    withModel(
      "llama-F16",
      async (page) => {
        await openDialog(page);
        await page.waitForSelector(`${ui("smaller.make")}:enabled`);
        await page.locator(`${ui("smaller")} ${ui("model.verdict")}`).waitFor();
        const text = await page.textContent(ui("smaller"));
        assert.match(text, /llama-F16 is F16, 210\.9\skB\. It stays as it is/);
        assert.match(text, /balanced · Q4_K_M/);
        assert.match(text, /nearly exact · Q8_0no difference you will notice · 119\.8/);
        assert.match(text, /Fits well/);
        assert.match(text, /Needs 9\d[.\d]*\skB of storage; this browser has .* left for ingle\./);
        await checkLooks(page);
        // The type it has is there, marked, and cannot be chosen.
        await page.click(`${ui("smaller")} summary`);
        const now = page.locator('input[value="F16"]');
        assert.equal(await now.isDisabled(), true);
        await page.check('input[value="Q8_0"]');
        await page.waitForFunction(
          (make) => /Make Q8_0, 119/.test(document.querySelector(make).textContent),
          ui("smaller.make"),
        );
        await page.click(ui("smaller.make"));
        const done = page.locator(ui("smaller.done"));
        await done.waitFor();
        assert.match(await done.textContent(), /llama-Q8_0, nearly exact \(made here\), 1\d\d/);
        const made = page.locator(ui("model.card")).filter({ hasText: "llama-Q8_0" });
        await made.waitFor();
        assert.equal(await page.locator(ui("model.card")).count(), 2);
        await checkLooks(page);
        // How long it took is remembered for the next time.
        await openDialogOf(page, "llama-F16");
        await page.locator(ui("smaller.make")).getByText("takes less than a minute").waitFor();
        await page.keyboard.press("Escape");
        await compared(page, done);
        await done.locator(ui("smaller.chat")).click();
        await page.waitForSelector(READY);
        await askAndWait(page, "a");
        assert.equal((await shown(page)).length, 2);
      },
      { options },
    );
}

/** One click shows what the smaller model has lost. */
async function compared(page, done) {
  await done.locator(ui("smaller.compare")).click();
  const judged = page.locator(ui("judge.done"));
  await judged.waitFor();
  const text = await judged.textContent();
  assert.match(text, /^llama-Q8_0 compared with llama-F16(No difference|Hard to tell)/);
  assert.match(text, /Both would go on with the same word at \d+% of 2,040 places\./);
  assert.match(text, /Perplexity\d+\.\d{3} ± \d+\.\d{3}Perplexity of the other\d/);
  assert.match(text, /Weights10\d\.\d\skB instead of 195\.8\skB/);
  await checkLooks(page);
  const press = () => judged.locator(ui("judge.save")).click();
  const { baseline, quantized, sameTop, date } = JSON.parse(await saved(page, press));
  assert.deepEqual([baseline.model, quantized.model], ["llama-F16:latest", "llama-Q8_0:latest"]);
  assert.ok(sameTop.value > 0.9 && Date.parse(date) > 0);
  await judged.getByRole("button", { name: "Close" }).click();
  await judged.waitFor({ state: "detached" });
  // Asked for later, the model it was made from is offered first.
  const card = page.locator(ui("model.card")).filter({ hasText: "llama-Q8_0" });
  await choose(page, card.getByRole("button", { name: /^More for/ }), "Measure quality");
  const first = page.locator(`${ui("judge")} label`).first();
  await first.waitFor();
  assert.match(await first.textContent(), /^llama-F1621\d\.\d\skB$/);
  assert.ok(await first.locator("input").isChecked());
  await page.keyboard.press("Escape");
}

/** The dialog for one of several models, when there is something to choose. */
async function openDialogOf(page, name) {
  const card = page.locator(ui("model.card")).filter({ hasText: name });
  await choose(page, card.getByRole("button", { name: /^More for/ }), "Make smaller");
  await page.waitForSelector(`${ui("smaller.make")}:enabled`);
}

cases["a model that is quantized already is asked about first"] = () =>
  withModel("llama-Q8_0", async (page) => {
    await openDialog(page);
    await page.locator(ui("smaller.anyway")).waitFor();
    assert.match(await page.textContent(ui("smaller")), /is Q8_0 already\. Making it smaller ag/);
    await page.click(ui("smaller.exact"));
    await page.waitForFunction(() => document.activeElement?.dataset.ui === "model.address");
    await openDialog(page);
    await page.click(ui("smaller.anyway"));
    await page.waitForSelector(`${ui("smaller.make")}:enabled`);
    await page.click(ui("smaller.make"));
    await page.locator(ui("smaller.done")).waitFor();
    assert.match(await page.textContent(ui("smaller.done")), /llama-Q4_K_M, balanced/);
  });

/** A worker hears what it shall do when the test says so; until then a card is shown. */
const held = (type) => `const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    if (message?.call?.type !== "${type}") return post.call(this, message, ...rest);
    globalThis.letGo = () => post.call(this, message, ...rest);
  };`;

cases["Stop ends it, and nothing is left of it"] = () =>
  withModel(
    "llama-F16",
    async (page) => {
      await openDialog(page);
      await page.waitForSelector(`${ui("smaller.make")}:enabled`);
      await page.click(ui("smaller.make"));
      await page.locator(ui("smaller.card")).waitFor();
      await page.waitForFunction(() => globalThis.letGo);
      await page.click(ui("smaller.stop"));
      await page.evaluate(() => globalThis.letGo());
      await page.locator(ui("smaller.card")).waitFor({ state: "detached" });
      assert.equal(await page.locator(ui("model.card")).count(), 1);
      assert.equal(await page.locator(ui("smaller.done")).count(), 0);
    },
    { script: held("quantize") },
  );

cases["what goes wrong is said on its card, and can be tried again"] = () =>
  withModel("llama-F16", async (page) => {
    const make = async () => {
      await openDialog(page);
      await page.waitForSelector(`${ui("smaller.make")}:enabled`);
      await page.click(ui("smaller.make"));
    };
    await make();
    await page.locator(ui("smaller.done")).waitFor();
    await page.locator(ui("smaller.done")).getByRole("button", { name: "Close" }).click();
    // The same once more: there is a model of this name now.
    await openDialogOf(page, "llama-F16");
    await page.click(ui("smaller.make"));
    const failed = page.locator(ui("alert.model.exists"));
    await failed.waitFor();
    assert.match(await failed.textContent(), /A model llama-Q4_K_M:latest is here already; delete/);
    await checkLooks(page);
    await page.getByRole("button", { name: /^Delete .*Q4_K_M/ }).click();
    await page
      .getByRole("button", { name: /^Delete, frees|^Delete, free/ })
      .last()
      .click();
    const gone = page.locator(ui("model.card")).filter({ hasText: "Q4_K_M" });
    await gone.waitFor({ state: "detached" });
    await failed.getByRole("button", { name: "Try again" }).click();
    await page.locator(ui("smaller.done")).waitFor();
  });

cases["quality: a model by itself, which can be stopped, and is measured when asked again"] = () =>
  withModel(
    "llama-F16",
    async (page) => {
      const measure = async () => {
        const more = page.locator(ui("model.card")).getByRole("button", { name: /^More for/ });
        await choose(page, more, "Measure quality");
        await page.locator(`${ui("judge")} input`).first().waitFor();
        // There is nothing here that it could be compared with.
        assert.equal(await page.locator('input[name="judge-with"]').count(), 1);
        await page.getByText("a first look").click();
        await checkLooks(page);
        await page.click(ui("judge.start"));
        await page.locator(ui("judge.card")).waitFor();
        await page.waitForFunction(() => globalThis.letGo);
      };
      await measure();
      await page.click(ui("judge.stop"));
      await page.evaluate(() => globalThis.letGo());
      await page.locator(ui("judge.card")).waitFor({ state: "detached" });
      assert.equal(await page.locator(ui("judge.done")).count(), 0);
      await page.evaluate(() => (globalThis.letGo = null));
      await measure();
      await page.evaluate(() => globalThis.letGo());
      await page.locator(ui("judge.done")).waitFor();
      const text = await page.textContent(ui("judge.done"));
      assert.match(text, /^Quality of llama-F16It hesitates among about 607 words at each place/);
      assert.match(text, /Measured on2 pieces of 512 tokens, in [\d.]+ s/);
    },
    { script: held("perplexity") },
  );

cases["quality: what cannot be measured is said on a card, with a way on"] = () =>
  withModel("bert-F32", async (page) => {
    const more = page.locator(ui("model.card")).getByRole("button", { name: /^More for/ });
    await choose(page, more, "Measure quality");
    await page.click(ui("judge.start"));
    const failed = page.locator(ui("alert.request.invalid"));
    await failed.waitFor();
    const text = await failed.textContent();
    assert.match(text, /^The quality could not be measured.*makes vectors of texts and writes no/);
    await failed.getByRole("button", { name: "Close" }).click();
    await failed.waitFor({ state: "detached" });
  });

cases["in German too"] = () =>
  withModel(
    "llama-F16",
    async (page) => {
      const more = page.locator(ui("model.card")).getByRole("button", { name: /F16/ }).last();
      await choose(page, more, "Verkleinern");
      await page.waitForSelector(`${ui("smaller.make")}:enabled`);
      assert.match(await page.textContent(ui("smaller")), /ausgewogen · Q4_K_M/);
    },
    { options: { ...DESKTOP, locale: "de-DE" } },
  );

await run(cases, { after: () => desktop.close() });
