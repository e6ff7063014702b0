// The examples, built as their readmes say with Vite, webpack, esbuild and nothing, and asked in
// Chromium from a folder of a static host; Vite's development server too; and what `npm pack` would
// publish. A model that says a fixed thing answers, so a wrong worker or module is seen at once.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import * as said from "../clients/js/lib/script.mjs";
import { launch } from "./lib/browser.mjs";
import { www } from "./lib/paths.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";
import { serve } from "./lib/server.mjs";

const execute = promisify(execFile);
const examples = path.join(www, "examples");
const engine = path.join(www, "packages/engine");
const BUILT = ["plain", "preact", "vue", "svelte", "openai-bridge", "search"];

const folder = seededFolder();
const mounts = Object.fromEntries(
  BUILT.map((name) => [`/some/where/${name}/`, path.join(examples, name, "dist")]),
);
const server = await serve({ "/models/": folder ?? "", ...mounts });
const browser = await launch();
const cases = {};

/** Opens a page with a model, asks what stands in it, and gives the answer. */
async function ask(url, model) {
  const page = await browser.page(`${url}?model=/models/${model}`);
  try {
    await page.waitForSelector("#ask:enabled", { timeout: 60_000 });
    await page.click("#ask");
    await page.waitForFunction(() => document.querySelector("#answer").textContent.endsWith(".") ||
      document.querySelectorAll("#answer li").length > 0);
    return await page.textContent("#answer");
  } catch (error) {
    const text = await page.textContent("body").catch(() => "");
    throw new Error(`${error.message}\n${text}\n${page.problems.join("\n")}`);
  } finally {
    await page.close();
  }
}

for (const name of BUILT) {
  cases[`${name} is built and answers`] = async () => {
    if (!folder) skip("the seeded models are not built");
    const cwd = path.join(examples, name);
    if (name === "search") {
      await execute("npm", ["run", "build"], { cwd });
      const answer = await ask(`${server.origin}/some/where/${name}/`, said.NOISE_FILE);
      assert.match(answer, /tea \(-?[01]\.\d{3}\)/);
      return;
    }
    await execute("npm", ["run", "build"], { cwd });
    assert.equal(await ask(`${server.origin}/some/where/${name}/`, said.FILE), said.SAID);
  };
}

cases["npm pack has what is needed and nothing else"] = async () => {
  const { stdout } = await execute("npm", ["pack", "--dry-run", "--json"], { cwd: engine });
  const [{ files }] = JSON.parse(stdout);
  const names = files.map(({ path: name }) => name);
  for (const { types, default: script } of Object.values(exportsOf()).filter((e) => e.types)) {
    for (const name of [types, script]) assert.ok(names.includes(name), `${name} is missing`);
  }
  assert.ok(names.includes("README.md"));
  const strange = names.filter((name) => !/^(dist\/|README\.md$|LICENSE|package\.json$)/.test(name));
  assert.deepEqual(strange, []);
  const sources = names.filter((name) => /\.ts$/.test(name) && !/\.d\.ts$/.test(name));
  assert.deepEqual(sources, []);
};

cases["what is not imported is not bundled"] = async () => {
  const { build } = createRequire(path.join(www, "package.json"))("esbuild");
  const size = async (contents) => {
    const stdin = { contents, resolveDir: examples + "/search", loader: "js" };
    const options = { bundle: true, format: "esm", minify: true, write: false };
    const { outputFiles } = await build({ stdin, ...options, logLevel: "silent" });
    return outputFiles[0].contents.byteLength;
  };
  assert.ok((await size('import "@ingle/engine";')) < 500);
  const error = await size('import { EngineError } from "@ingle/engine"; console.log(EngineError);');
  const whole = await size('import { Engine } from "@ingle/engine"; console.log(Engine);');
  assert.ok(error < 2000, `${error} bytes for an error`);
  assert.ok(whole < 60_000, `${whole} bytes for the page's half`);
};

cases["an installed package works with Vite's development server"] = async () => {
  if (!folder) skip("the seeded models are not built");
  const root = mkdtempSync(path.join(os.tmpdir(), "ingle-vite-"));
  try {
    // As npm would install it: real files, not a link into this repository.
    const installed = path.join(root, "node_modules/@ingle/engine");
    mkdirSync(installed, { recursive: true });
    for (const name of ["dist", "package.json"]) {
      cpSync(path.join(engine, name), path.join(installed, name), { recursive: true });
    }
    for (const name of ["index.html", "src"]) {
      cpSync(path.join(examples, "openai-bridge", name), path.join(root, name), { recursive: true });
    }
    writeFileSync(path.join(root, "package.json"), '{ "private": true, "type": "module" }');
    const html = path.join(root, "index.html");
    const page = readFileSync(html, "utf8").replace(
      '<script src="./main.js"></script>',
      '<script type="module" src="/src/dev.js"></script>',
    );
    writeFileSync(html, page);
    writeFileSync(
      path.join(root, "src/dev.js"),
      readFileSync(path.join(examples, "preact/src/chat.js"), "utf8") +
        `const $ = (id) => document.getElementById(id);
         const model = await load({ url: wanted }, () => {});
         $("ask").disabled = false;
         $("form").onsubmit = async (event) => {
           event.preventDefault();
           for await (const text of ask(model, "x")) $("answer").textContent += text;
         };`,
    );
    const require = createRequire(path.join(www, "package.json"));
    const { createServer } = await import(require.resolve("vite").replace(/\.cjs$/, ".js"));
    const plugin = {
      name: "models",
      configureServer: ({ middlewares }) =>
        void middlewares.use("/models", (request, response) => {
          const file = path.join(folder, path.basename(request.url));
          if (existsSync(file)) response.end(readFileSync(file));
          else response.writeHead(404).end();
        }),
    };
    const dev = await createServer({ root, plugins: [plugin], logLevel: "error", server: { port: 0 } });
    await dev.listen();
    try {
      const { port } = dev.httpServer.address();
      assert.equal(await ask(`http://localhost:${port}/`, said.FILE), said.SAID);
    } finally {
      await dev.close();
    }
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  }
};

function exportsOf() {
  const { exports } = JSON.parse(readFileSync(path.join(engine, "package.json"), "utf8"));
  const strip = (name) => name.replace(/^\.\//, "");
  return Object.fromEntries(
    Object.entries(exports).map(([key, entry]) => [
      key,
      entry.types ? { types: strip(entry.types), default: strip(entry.default) } : {},
    ]),
  );
}

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
