// What a big model costs: the WebAssembly memory stays small while hundreds of megabytes go from
// browser storage to the graphics device. `INGLE_BIG_MODEL` names the file; without it the case is
// skipped by name.
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { enginePage, serveEngine } from "./lib/page.mjs";
import { assert, run, skip } from "./lib/report.mjs";

/** The budget of the module's memory, apart from the file's header. */
const BUDGET_BYTES = 64 * 1024 * 1024;
const file = process.env.INGLE_BIG_MODEL;
const present = Boolean(file && existsSync(file));
const server = await serveEngine(present ? { "/big/model.gguf": file } : {});
const browser = await launch();

/** Bytes before the first tensor: the header is at most that, and the module keeps it parsed. */
function headerBytes(weightBytes) {
  return statSync(file).size - weightBytes;
}

function isModel() {
  const start = Buffer.alloc(4);
  const fd = openSync(file, "r");
  readSync(fd, start, 0, 4, 0);
  closeSync(fd);
  return start.toString() === "GGUF";
}

/** A software adapter needs minutes for a model of a billion weights. */
const LIMIT_MS = 20 * 60_000;

await run(
  {
    "the WebAssembly memory stays within 64 MiB and the header": async () => {
      if (!present) skip("INGLE_BIG_MODEL names no file");
      assert.ok(isModel(), `${file} is not a GGUF file`);
      const page = await enginePage(browser, server);
      const out = await page.evaluate(async () => {
        const start = performance.now();
        const engine = await Engine.start({ device: "gpu" });
        const phases = {};
        const model = await engine.load(
          { url: "/big/model.gguf" },
          {
            contextLength: 512,
            onProgress: ({ phase, loaded, total }) =>
              (phases[phase] = { loaded, total, at: performance.now() - start }),
          },
        );
        const loaded = await engine.info();
        const answer = await collect(
          model.generate({ prompt: "The sea", temperature: 0, maxTokens: 4 }),
        );
        const info = await engine.info();
        return {
          phases,
          loaded: loaded.peakWasmBytes,
          peak: info.peakWasmBytes,
          model: model.info,
          tokens: answer.tokens,
          last: answer.last,
        };
      });
      const { model, peak, loaded } = out;
      const header = headerBytes(model.weightBytes);
      const ms = (phase) => Math.round(out.phases[phase].at);
      console.log(`   ${path.basename(file)}: ${model.fileBytes} bytes, header about ${header}`);
      console.log(`   WebAssembly memory: ${loaded} bytes loaded, ${peak} after the answer`);
      console.log(
        `   in browser storage after ${ms("transfer")} ms, loaded after ${ms("load")} ms`,
      );
      assert.equal(out.tokens.length, 4);
      assert.equal(model.device, "gpu");
      assert.ok(peak <= BUDGET_BYTES + header, `${peak} bytes, budget ${BUDGET_BYTES + header}`);
    },
  },
  {
    limitMs: LIMIT_MS,
    after: async () => {
      await browser.close();
      await server.close();
    },
  },
);
