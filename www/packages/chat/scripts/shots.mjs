// Pictures of the chat page for the READMEs and for people to look at: the real page in Chromium, a
// first visit with the demo model of this build, real answers, a real bench and a real doctor's
// report. `node scripts/shots.mjs [FOLDER [PART]]` writes PNG files: the chosen ones into
// `www/packages/chat/shots/`, or all (whose names contain PART) into FOLDER. Where `pngquant` is
// installed they become a third as large.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { launch } from "../../../../tests/web/lib/browser.mjs";
import { askAndWait, DESKTOP, PHONE, started, ui } from "../../../../tests/web/lib/chat.mjs";
import { builtDemo } from "../../../../tests/web/lib/demo.mjs";
import { chatDist, www } from "../../../../tests/web/lib/paths.mjs";
import { serve } from "../../../../tests/web/lib/server.mjs";
import { serveWidget, widgetDist } from "../../../../tests/web/lib/widget.mjs";

const [, , given, part = ""] = process.argv;
const folder = given ?? path.join(www, "packages/chat/shots");
mkdirSync(folder, { recursive: true });

/** The pictures that the READMEs show; without a folder only these are written. */
const CHOSEN = new Set([
  "desktop-first-visit",
  "desktop-chat",
  "desktop-dark-chat",
  "desktop-setup",
  "desktop-models",
  "desktop-bench",
  "desktop-doctor",
  "desktop-dark-settings",
  "phone-dark-chat",
  "phone-first-visit",
  "widget",
]);
const WAYS = {
  desktop: DESKTOP,
  "desktop-dark": { ...DESKTOP, colorScheme: "dark" },
  phone: { ...PHONE, colorScheme: "light" },
  "phone-dark": PHONE,
  german: { ...DESKTOP, locale: "de-DE" },
};
/** A bench or a doctor's report takes this long at most, on a slow and busy machine. */
const WORK_MS = 300_000;

if (builtDemo() === null) throw new Error("this build has no demo model; see www/demo/README.md");

/** Writes a picture, and makes it smaller: a page has few colors. */
async function shot(page, name) {
  if (given ? !name.includes(part) : !CHOSEN.has(name)) return;
  const file = path.join(folder, `${name}.png`);
  await page.screenshot({ path: file, animations: "disabled" });
  try {
    execFileSync("pngquant", ["--force", "--skip-if-larger", "--ext=.png", "128", file]);
  } catch (error) {
    if (error.code === "ENOENT") console.log(`note: ${name}.png as it is, without pngquant`);
  }
}

const server = await serve({ "/app/": chatDist });

for (const [name, options] of Object.entries(WAYS)) {
  const browser = await launch({ ...options, deviceScaleFactor: 1, demo: true });
  const page = await browser.page();
  // The seed makes the answers the same every time.
  await page.addInitScript(() =>
    localStorage.setItem("ingle.settings", JSON.stringify({ seed: 5, creativity: 0.4 })),
  );
  await page.goto(`${server.origin}/app/?device=cpu`);
  await firstVisit(page, name);
  await chat(page, name);
  for (const where of ["models", "settings", "privacy", "keys"]) await shown(page, name, where);
  await bench(page, name);
  await doctor(page, name);
  await browser.close();
}
await server.close();
if (!given || "widget".includes(part)) await widget();

/** The demo model is in use, and which larger one fits is known. */
async function firstVisit(page, name) {
  await page.waitForSelector(ui("demo.get"));
  await page.waitForFunction(() =>
    /[kM]B/.test(document.querySelector("#model-note").textContent),
  );
  await started(page);
  await shot(page, `${name}-first-visit`);
}

/** Two chats, the second one with two versions of an answer. */
async function chat(page, name) {
  await askAndWait(page, "List four fruits.");
  const better = page.locator(`${ui("demo.better")} .b-bare`);
  if (await better.count()) await better.click();
  await page.evaluate(() => (location.hash = "#/"));
  await page.waitForSelector(".try");
  await askAndWait(page, "What is 37 + 25?");
  await askAndWait(page, "Tell me a story about a fox.");
  await page.evaluate(() => {
    document.activeElement.blur();
    document.querySelector(".log").scrollTop = 0;
  });
  await shot(page, `${name}-chat`);
  await page.click("#setup");
  await page.locator("dialog").waitFor();
  await shot(page, `${name}-setup`);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("fox");
  await page.locator(".option mark").first().waitFor();
  await shot(page, `${name}-search`);
  await page.keyboard.press("Escape");
}

async function go(page, where) {
  await page.goto(page.url().replace(/#.*|$/, `#/${where}`));
  await page.locator(`#${where} h1`).waitFor();
}

async function shown(page, name, where) {
  await go(page, where);
  if (where === "models") await page.locator(ui("catalogue.card")).first().waitFor();
  await page.waitForTimeout(300);
  await page.evaluate(() => document.activeElement.blur());
  await shot(page, `${name}-${where}`);
  if (where !== "models") return;
  await page.evaluate(() => document.querySelector("#catalogue").scrollIntoView());
  await shot(page, `${name}-catalogue`);
}

async function bench(page, name) {
  if (given ? !`${name}-bench`.includes(part) : !CHOSEN.has(`${name}-bench`)) return;
  await go(page, "bench");
  await page.click(ui("bench.run"));
  await page.waitForSelector(`${ui("bench.save")}:visible`, { timeout: WORK_MS });
  await page.waitForTimeout(300);
  await shot(page, `${name}-bench`);
}

async function doctor(page, name) {
  if (given ? !`${name}-doctor`.includes(part) : !CHOSEN.has(`${name}-doctor`)) return;
  await go(page, "doctor");
  await page.locator(`${ui("doctor.copy")}:not([disabled])`).waitFor({ timeout: WORK_MS });
  await page.waitForTimeout(300);
  await shot(page, `${name}-doctor`);
}

/** The widget in a page of another origin, with an answer of the demo model. */
async function widget() {
  const from = await serveWidget({}, { real: true });
  const read = (file) => readFileSync(path.join(widgetDist, file), "utf8");
  const script = `src="${from.origin}/w/ingle-chat.js"`;
  const html = read("demo.html").replace('src="ingle-chat.js"', script);
  const site = await serve({
    "/": (_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(html);
    },
    "/demo.css": path.join(widgetDist, "demo.css"),
    "/demo.js": path.join(widgetDist, "demo.js"),
  });
  const browser = await launch({ ...DESKTOP, deviceScaleFactor: 1, demo: true });
  const page = await browser.page(`${site.origin}/?temperature=0&heading=Ask+for+a+story`);
  await page.waitForFunction(() => customElements.get("ingle-chat"));
  await page.evaluate(() => document.querySelector("ingle-chat").show());
  let frame;
  while (!(frame = page.frames().find((one) => one.url().endsWith("frame.html"))))
    await page.waitForTimeout(50);
  const box = frame.locator("textarea");
  await box.waitFor();
  await box.fill("Tell me a story about a fox.");
  await box.press("Enter");
  await frame.locator("article:not(.me):not([aria-busy])").waitFor({ timeout: WORK_MS });
  await page.waitForFunction(() => document.querySelector("ingle-chat").state === "ready");
  await shot(page, "widget");
  await browser.close();
  await Promise.all([from.close(), site.close()]);
}
