// Chromium for the tests: headless, WebGPU on SwiftShader, nothing that calls home.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

import { www } from "./paths.mjs";

const { chromium } = createRequire(path.join(www, "package.json"))("playwright-core");

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-background-networking",
  "--no-first-run",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

/** The browser to test with, or null. */
export function executable() {
  return (
    [
      process.env.CHROMIUM,
      "/usr/bin/chromium",
      "/usr/bin/chromium-browser",
      "/usr/bin/google-chrome",
    ].find((file) => file && existsSync(file)) ?? null
  );
}

/**
 * A fresh profile, which `close` removes, or the one in the folder `profile`. Pages get no demo
 * model unless `demo` says so: most cases are about other models, and about a page that has none.
 */
export async function launch({ args = [], demo = false, profile, ...options } = {}) {
  const folder = profile ?? mkdtempSync(path.join(os.tmpdir(), "ingle-web-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: executable(),
    headless: true,
    timeout: 120_000,
    args: [...FLAGS, ...args],
    ...options,
  });
  if (!demo) await context.addInitScript(noDemo);
  return {
    context,
    /** A page that reports what goes wrong on its console. */
    page: async (url) => {
      const page = await context.newPage();
      page.problems = [];
      page.on("pageerror", (error) => page.problems.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error") page.problems.push(message.text());
        if (process.env.VERBOSE) console.error(`[page] ${message.text()}`);
      });
      if (url) await page.goto(url);
      return page;
    },
    close: async () => {
      await context.close();
      if (!profile) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** As a person leaves it who has deleted the demo model. */
function noDemo() {
  try {
    localStorage.setItem("ingle.demo", "off");
  } catch {
    // A document without storage.
  }
}
