// A blank page that imports the built engine package, and helpers that run inside it.
import { readFileSync } from "node:fs";
import path from "node:path";

import { engineDist, fixture } from "./paths.mjs";
import { serve } from "./server.mjs";

const BLANK = "<!doctype html><meta charset=utf-8><title>engine</title>";

/** What a server says so that a page may have shared memory. */
export const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Serves the package under a folder of its own, a blank page, and whatever `mounts` adds. */
export function serveEngine(mounts = {}, options = {}) {
  return serve(
    {
      "/deep/er/lib/": engineDist,
      "/page": (_, response) => {
        response.setHeader("content-type", "text/html");
        response.end(BLANK);
      },
      ...mounts,
    },
    options,
  );
}

/** A blank page with `globalThis.Engine` and the helpers below. */
export async function enginePage(browser, server) {
  const page = await browser.page(`${server.origin}/page`);
  await helpers(page);
  return page;
}

/** Puts the helpers into a page, again after it was loaded anew. */
export async function helpers(page) {
  await page.evaluate(async () => {
    const { Engine, EngineError } = await import("/deep/er/lib/public/index.js");
    /** The error of a promise that should be rejected, as plain data. */
    const failure = (promise) =>
      promise.then(
        () => null,
        ({ name, code, message, detail }) => ({ name, code, message, detail }),
      );
    const collect = async (pieces) => {
      const out = { text: "", tokens: [], pieces: 0, readings: 0, last: null };
      for await (const piece of pieces) {
        out.text += piece.text;
        out.tokens.push(...piece.tokens);
        out.pieces += 1;
        if (piece.reading) out.readings += 1;
        out.last = piece;
      }
      return out;
    };
    const file = async (url, name) => {
      const response = await fetch(url);
      return new File([await response.arrayBuffer()], name ?? url.split("/").pop());
    };
    /** Names of the models that `globalThis.engine` offers. */
    const stored = async () => (await engine.models.list()).map(({ name }) => name).sort();
    /** Files of the store under this folder of its own. */
    const filesIn = async (...path) => {
      let folder = await navigator.storage.getDirectory();
      const names = [];
      try {
        for (const part of ["ingle", ...path]) folder = await folder.getDirectoryHandle(part);
        for await (const name of folder.keys()) names.push(name);
      } catch (error) {
        if (error.name !== "NotFoundError") throw error;
      }
      return names.sort();
    };
    /** Empties the store; a page that was just closed may hold a file for another moment. */
    const emptied = async () => {
      const root = await navigator.storage.getDirectory();
      for (const end = performance.now() + 15_000; ; ) {
        const error = await root.removeEntry("ingle", { recursive: true }).then(
          () => null,
          (error) => error,
        );
        if (!error || error.name === "NotFoundError") return;
        if (performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    Object.assign(globalThis, { Engine, EngineError, failure, collect, file });
    Object.assign(globalThis, { stored, filesIn, emptied });
  });
}

/** A fixture model with its expected numbers, or null. */
export function model(name) {
  const file = fixture(`models/${name}.gguf`);
  if (!file) return null;
  const expected = JSON.parse(readFileSync(path.join(path.dirname(file), `${name}.expected.json`)));
  return { name: `${name}.gguf`, file, expected };
}

/** Little-endian floats from base64. */
export function floats(base64) {
  const bytes = Buffer.from(base64, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

/** Error power over signal power. */
export function nmse(got, want) {
  let error = 0;
  let power = 0;
  for (let i = 0; i < want.length; i += 1) {
    error += (got[i] - want[i]) ** 2;
    power += want[i] ** 2;
  }
  return got.length === want.length ? error / power : Infinity;
}
