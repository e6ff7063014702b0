// Firefox for the tests: headless, WebGPU on whatever Vulkan there is (lavapipe, where there is no
// graphics chip). Driven over WebDriver BiDi.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { www } from "./paths.mjs";

const PREFERENCES = {
  "dom.webgpu.enabled": true,
  "dom.webgpu.workers.enabled": true,
  "gfx.webgpu.ignore-blocklist": true,
  "gfx.webrender.all": true,
};

/** Longest until the browser, or a page, is there on a busy machine. */
const START_MS = 120_000;

/** The browser to test with, or null. */
export function executable() {
  const places = [process.env.FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox"];
  return places.find((file) => file && existsSync(file)) ?? null;
}

/**
 * A fresh profile, or the one in the folder `profile`; `page` as in `browser.mjs`, as far as tests
 * of several browsers need it.
 */
export async function launch({ profile = null } = {}) {
  const puppeteer = createRequire(path.join(www, "package.json"))("puppeteer-core");
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: executable(),
    headless: true,
    timeout: START_MS,
    protocolTimeout: 500_000, // longer than a case may take
    ...(profile && { userDataDir: profile }),
    extraPrefsFirefox: PREFERENCES,
  });
  return {
    page: async (url) => {
      const page = await browser.newPage();
      page.setDefaultNavigationTimeout(START_MS);
      page.on("console", (message) => {
        if (process.env.VERBOSE) console.error(`[page] ${message.text()}`);
      });
      await page.goto(url);
      return page;
    },
    close: () => browser.close(),
  };
}
