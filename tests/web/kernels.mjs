// Every kernel against its scalar twin, computed by the browser's WebGPU: the same table that the
// native tests run, with subgroup operations and without them.
import { launch } from "./lib/browser.mjs";
import { serveEngine } from "./lib/page.mjs";
import { assert, run, skip } from "./lib/report.mjs";

const server = await serveEngine();
const browser = await launch();
const page = await browser.page(`${server.origin}/page`);

/** Parts of the checks' names; a case each, so that a slow adapter shows where it is. */
const FAMILIES = [
  "embed",
  "matvec Float F",
  "matvec Float BF",
  "matvec Float Q",
  "matvec Float IQ",
  "matvec Float MX",
  "matvec Int",
  "Float { tm",
  "Int { tm",
  "Few {",
  "qkv",
  "gate",
  "norm",
  "rope",
  "attention",
  "greedy",
  "penalties",
  "top",
];

/** Results of one family, or null without an adapter. */
function check(subgroups, family) {
  return page.evaluate(
    async ({ subgroups, family }) => {
      const { openGraphics } = await import("/deep/er/lib/internal/features.js");
      const glue = await import("/deep/er/lib/wasm/ingle.js");
      globalThis.graphics ??= await openGraphics();
      if (!graphics) return null;
      if (subgroups && !graphics.subgroups) return { name: graphics.name, checks: null };
      globalThis.ready ??= glue.default({ module_or_path: "/deep/er/lib/wasm/ingle_bg.wasm" });
      await ready;
      return { name: graphics.name, checks: await glue.checkKernels(subgroups, family) };
    },
    { subgroups, family },
  );
}

const cases = {};
for (const subgroups of [true, false]) {
  for (const family of FAMILIES) {
    cases[`${subgroups ? "subgroups" : "plain"}: ${family} within tolerance`] = async () => {
      const result = (await check(subgroups, family)) ?? skip("this browser has no WebGPU adapter");
      const checks = result.checks ?? skip(`${result.name} has no subgroups`);
      const wrong = checks.filter(({ passed }) => !passed);
      const lines = wrong.map((c) => `${c.name}: error ${c.error}, allowed ${c.tolerance}`);
      assert.equal(wrong.length, 0, lines.join("\n"));
      assert.ok(checks.length > 0, "no check has this name");
      console.log(`   ${checks.length} checks on ${result.name}`);
    };
  }
}

await run(cases, {
  limitMs: 480_000, // some families are large for a software adapter
  after: async () => {
    await browser.close();
    await server.close();
  },
});
