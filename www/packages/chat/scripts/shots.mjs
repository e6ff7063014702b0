// Pictures of the chat page for its README and for people to look at: real pages, a scripted model,
// so that they are the same every time. `node scripts/shots.mjs [FOLDER]` writes PNG
// files, by default into `www/packages/chat/shots/`.
import { mkdirSync } from "node:fs";
import path from "node:path";

import { launch } from "../../../../tests/web/lib/browser.mjs";
import { askAndWait, DESKTOP, PHONE, started } from "../../../../tests/web/lib/chat.mjs";
import { builtDemo } from "../../../../tests/web/lib/demo.mjs";
import { chatDist, www } from "../../../../tests/web/lib/paths.mjs";
import { serveScripted } from "../../../../tests/web/lib/scripted.mjs";
import { serve } from "../../../../tests/web/lib/server.mjs";

const folder = process.argv[2] ?? path.join(www, "packages/chat/shots");
mkdirSync(folder, { recursive: true });

const WARM =
  "Think of the battery as a sponge and electricity as water. Pushing water into a sponge takes " +
  "effort, and a little of that effort always turns into **heat**.\n\nIt gets warmer when:\n\n" +
  "- the charger is a fast one, because it pushes harder;\n- you play a game at the same time;\n" +
  "- it is under a pillow, where the heat cannot escape.\n";
const CODE =
  "Here is a short version. It skips empty strings and ignores case:\n\n```python\n" +
  "def group_by_initial(words):\n    groups = {}\n    for word in words:\n" +
  "        if not word:\n            continue  # nothing to group by\n" +
  "        groups.setdefault(word[0].lower(), []).append(word)\n    return groups\n```\n";

const DARK = { ...DESKTOP, colorScheme: "dark" };
/** The pictures that the README shows; without a folder only these are made. */
const CHOSEN = new Set([
  "desktop-chat",
  "desktop-dark-chat",
  "desktop-models",
  "desktop-first-visit",
  "phone-dark-first-visit",
  "phone-dark-chat",
]);
const shots = {
  desktop: DESKTOP,
  "desktop-dark": DARK,
  phone: { ...PHONE, colorScheme: "light" },
  "phone-dark": PHONE,
};

for (const [name, options] of Object.entries(shots)) {
  const server = await serveScripted({ pieces: [WARM] });
  const browser = await launch({ ...options, deviceScaleFactor: 1 });
  const page = await browser.page(server.page);
  const shot = async (what) => {
    const file = `${name}-${what}`;
    if (process.argv[2] || CHOSEN.has(file))
      await page.screenshot({ path: path.join(folder, `${file}.png`) });
  };
  const go = (where) => page.goto(page.url().replace(/#.*|$/, `#/${where}`));
  await started(page);
  await shot("start");
  await page.click('#col button[title^="scripted"]');
  await page.waitForSelector(".try");
  await askAndWait(page, "Names for a small bakery");
  await page
    .click("#new-chat", { force: true })
    .catch(() => page.keyboard.press("Control+Shift+O"));
  await askAndWait(page, "Why does my phone get warm when it charges?");
  server.script.pieces = [CODE];
  await askAndWait(page, "Now a Python function that groups words by their first letter.");
  await page.waitForSelector(".codebox .k");
  await page.getByRole("button", { name: "Write a new version" }).last().click();
  await page.waitForSelector(".vers");
  await page.waitForSelector(".codebox .k");
  await shot("chat");
  await page.click("#setup");
  await shot("setup");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("warm");
  await page.locator(".option mark").first().waitFor();
  await shot("search");
  await page.keyboard.press("Escape");
  for (const where of ["models", "settings", "privacy", "keys"]) {
    await go(where);
    await page.locator(`#${where} h1`).waitFor();
    await page.waitForTimeout(300);
    await shot(where);
  }
  await browser.close();
  await server.close();
  await firstVisit(name, options);
}

/** The page of a plain host with the build's demo model: its start, its answer, and other pages. */
async function firstVisit(name, options) {
  if (builtDemo() === null) return console.log("note: this build has no demo model");
  const server = await serve({ "/app/": chatDist });
  const browser = await launch({ ...options, deviceScaleFactor: 1, demo: true });
  const page = await browser.page(`${server.origin}/app/`);
  const shot = async (what, whole = false) => {
    const file = `${name}-${what}`;
    if (process.argv[2] || CHOSEN.has(file))
      await page.screenshot({ path: path.join(folder, `${file}.png`), fullPage: whole });
  };
  await page.waitForSelector('[data-ui="demo.get"]');
  await page.waitForFunction(() =>
    /[kM]B/.test(document.querySelector("#model-note").textContent),
  );
  await shot("first-visit");
  await askAndWait(page, "What is ingle?");
  await shot("demo");
  for (const where of ["models", "privacy", "doctor"]) {
    await page.goto(page.url().replace(/#.*|$/, `#/${where}`));
    await page.locator(`#${where} h1`).waitFor();
    if (where === "models") await page.locator('[data-ui="catalogue.card"]').first().waitFor();
    if (where === "doctor")
      await page.locator('[data-ui="doctor.copy"]:not([disabled])').waitFor({ timeout: 200_000 });
    await page.waitForTimeout(300);
    await shot(`own-${where}`);
    if (where !== "models") continue;
    await page.locator("#catalogue").scrollIntoViewIfNeeded();
    await page.evaluate(() => document.querySelector("#catalogue").scrollIntoView());
    await shot("catalogue");
  }
  await browser.close();
  await server.close();
}
