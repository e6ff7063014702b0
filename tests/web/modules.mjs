// The WebAssembly modules: each of them computes right answers, and the page takes the best one
// that it can run, with threads where it is isolated and alone where it is not.
import { existsSync } from "node:fs";
import path from "node:path";

import { launch } from "./lib/browser.mjs";
import { enginePage, floats, ISOLATED, model, nmse, serveEngine } from "./lib/page.mjs";
import { engineDist } from "./lib/paths.mjs";
import { assert, run, skip } from "./lib/report.mjs";

const MODULES = {
  simd: "ingle",
  relaxed: "ingle-relaxed",
  "simd-threads": "ingle-threads",
  "relaxed-threads": "ingle-relaxed-threads",
};
/** Formats whose kernels differ most, and what 8-bit activations allow. */
const FORMATS = [
  "Q4_0",
  "Q5_0",
  "Q5_1",
  "Q8_0",
  "Q2_K",
  "Q3_K_M",
  "Q4_K_M",
  "Q5_K_M",
  "Q6_K",
  "IQ4_XS",
];
const QUANTIZED_NMSE = 2e-3;

const stories = model("stories260K");
const tiny = FORMATS.map((format) => model(`tiny-llama-${format}`)).filter(Boolean);
const files = [stories, ...tiny].filter(Boolean);
const mounts = Object.fromEntries(files.map(({ name, file }) => [`/models/${name}`, file]));
const gone = (_, response) => {
  response.statusCode = 404;
  response.end();
};
const servers = {
  plain: await serveEngine(mounts),
  isolated: await serveEngine(mounts, { headers: ISOLATED }),
  lonely: await serveEngine(
    { ...mounts, "/deep/er/lib/internal/thread.js": gone },
    { headers: ISOLATED },
  ),
};
const browser = await launch();

const isBuilt = (name) => existsSync(path.join(engineDist, `wasm/${MODULES[name]}_bg.wasm`));

/** Starts an engine on a fresh page and gives what it says of itself; `body` may use the page. */
async function start(server, options, body = async () => null) {
  const page = await enginePage(browser, servers[server]);
  try {
    const info = await page.evaluate(async (options) => {
      globalThis.engine = await Engine.start({ device: "cpu", ...options });
      return { ...(await engine.info()), isolated: crossOriginIsolated };
    }, options);
    return { info, result: await body(page), problems: page.problems };
  } finally {
    await page.close();
  }
}

/** Greedy tokens of the first case of stories260K. */
async function writesStories(page) {
  const { prompt, greedy } = stories.expected.cases[0];
  const got = await page.evaluate(
    async ({ url, prompt, n }) => {
      const model = await engine.load({ url }, { kvType: "f32" });
      return (await collect(model.generate({ prompt, temperature: 0, maxTokens: n }))).tokens;
    },
    { url: `/models/${stories.name}`, prompt, n: greedy.length },
  );
  assert.deepEqual(got, greedy);
}

const cases = {};

for (const name of Object.keys(MODULES)) {
  const threaded = name.endsWith("-threads");
  for (const threads of threaded ? [2, 3] : [1]) {
    cases[`${name}, ${threads} threads: stories and every format`] = async () => {
      if (!stories) skip("no fixtures");
      if (!isBuilt(name)) skip("this module is not built here");
      const { info, result } = await start(
        threaded ? "isolated" : "plain",
        { module: name, threads },
        async (page) => {
          await writesStories(page);
          const errors = {};
          for (const { name, expected } of tiny) {
            const { tokens, last_logits_f32_base64 } = expected.cases[0];
            const got = await page.evaluate(
              async ({ url, ids }) => {
                const model = await engine.load({ url }, { kvType: "f32" });
                return [...(await model.logits(ids))];
              },
              { url: `/models/${name}`, ids: tokens },
            );
            errors[name] = nmse(got, floats(last_logits_f32_base64));
          }
          return errors;
        },
      );
      assert.equal(info.module, name);
      assert.match(info.adapter, new RegExp(`\\b${threads} thread`));
      for (const [file, error] of Object.entries(result)) {
        assert.ok(error <= QUANTIZED_NMSE, `${file}: NMSE ${error}`);
      }
      assert.equal(Object.keys(result).length, FORMATS.length);
    };
  }
}

cases["an isolated page computes with threads and relaxed SIMD"] = async () => {
  if (!isBuilt("relaxed-threads")) skip("this module is not built here");
  const { info } = await start("isolated", { threads: 2 });
  assert.equal(info.isolated, true);
  assert.equal(info.module, "relaxed-threads");
  assert.match(info.adapter, /relaxed SIMD.*, 2 threads/);
};

cases["a page that is not isolated computes alone"] = async () => {
  const { info } = await start("plain", { threads: 2 });
  assert.equal(info.isolated, false);
  assert.equal(info.module, "relaxed");
  assert.match(info.adapter, /relaxed SIMD.*, 1 thread$/);
};

cases["one thread needs no shared memory"] = async () => {
  const { info } = await start("isolated", { threads: 1 });
  assert.equal(info.module, "relaxed");
};

cases["a graphics chip that is not taken leaves the best module for the processor"] = async () => {
  if (!isBuilt("relaxed-threads")) skip("this module is not built here");
  const { info } = await start("isolated", { device: "auto", threads: 2 });
  assert.equal(info.device, "cpu");
  assert.equal(info.module, "relaxed-threads");
};

cases["without its compute workers the engine computes alone"] = async () => {
  if (!stories) skip("no fixtures");
  if (!isBuilt("relaxed-threads")) skip("this module is not built here");
  const { info } = await start("lonely", { threads: 2 }, writesStories);
  assert.equal(info.module, "relaxed-threads");
  assert.match(info.adapter, /, 1 thread$/);
};

cases["models come and go on the same threads"] = async () => {
  if (!stories) skip("no fixtures");
  if (!isBuilt("relaxed-threads")) skip("this module is not built here");
  await start("isolated", { threads: 2 }, async (page) => {
    for (let i = 0; i < 3; i += 1) await writesStories(page);
  });
};

cases["a module that does not exist is a sentence"] = async () => {
  const page = await enginePage(browser, servers.plain);
  const error = await page.evaluate(() => failure(Engine.start({ device: "cpu", module: "x" })));
  assert.equal(error.code, "api.argument");
  assert.match(error.message, /'x', only simd,/);
  await page.close();
};

await run(cases, {
  after: async () => {
    await browser.close();
    for (const server of Object.values(servers)) await server.close();
  },
});
