// Every kernel against its scalar twin, computed by the browser's WebGPU: the same table that the
// native tests run, with subgroup operations and without them.
import { launch } from "./lib/browser.mjs";
import { serveEngine } from "./lib/page.mjs";
import { assert, run, skip } from "./lib/report.mjs";

const server = await serveEngine();
const browser = await launch();
const page = await browser.page(`${server.origin}/page`);

/** Results of all checks, or null without an adapter. */
function check(subgroups) {
  return page.evaluate(async (subgroups) => {
    const { openGraphics } = await import("/deep/er/lib/internal/features.js");
    const glue = await import("/deep/er/lib/wasm/ingle.js");
    globalThis.graphics ??= await openGraphics();
    if (!graphics) return null;
    if (subgroups && !graphics.subgroups) return { name: graphics.name, checks: null };
    await glue.default({ module_or_path: "/deep/er/lib/wasm/ingle_bg.wasm" });
    const checks = await glue.checkKernels(subgroups, "");
    return { name: graphics.name, checks };
  }, subgroups);
}

const cases = {};
for (const subgroups of [false, true]) {
  const name = subgroups ? "with subgroups" : "without subgroups";
  cases[`${name}: every kernel is within its tolerance`] = async () => {
    const result = (await check(subgroups)) ?? skip("this browser has no WebGPU adapter");
    const checks = result.checks ?? skip(`${result.name} has no subgroups`);
    const wrong = checks.filter(({ passed }) => !passed);
    const lines = wrong.map((c) => `${c.name}: error ${c.error}, allowed ${c.tolerance}`);
    assert.equal(wrong.length, 0, lines.join("\n"));
    assert.ok(checks.length > 30, `${checks.length} checks`);
    console.log(`   ${checks.length} checks on ${result.name}`);
  };
}

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
