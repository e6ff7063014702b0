// Every shader text the module can send, compiled by the browser. naga accepts things that browsers
// refuse (and the other way around), so both compile the same list; naga does it in `cargo test`.
import { launch } from "./lib/browser.mjs";
import { serveEngine } from "./lib/page.mjs";
import { assert, run, skip } from "./lib/report.mjs";

const server = await serveEngine();
const browser = await launch();
const page = await browser.page(`${server.origin}/page`);

const result = await page
  .evaluate(async () => {
    const glue = await import("/deep/er/lib/wasm/ingle.js");
    await glue.default({ module_or_path: "/deep/er/lib/wasm/ingle_bg.wasm" });
    const texts = glue.shaderTexts();
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return { texts: texts.length, adapter: null };
    const wanted = ["subgroups", "shader-f16"].filter((feature) => adapter.features.has(feature));
    const device = await adapter.requestDevice({ requiredFeatures: wanted });
    device.addEventListener("uncapturederror", (event) => event.preventDefault());
    const has = { subgroups: wanted.includes("subgroups"), f16: wanted.includes("shader-f16") };
    const out = {
      texts: texts.length,
      adapter: adapter.info.description,
      has,
      compiled: [],
      skipped: [],
      failures: [],
    };
    for (const { name, subgroups, f16, source } of texts) {
      if ((subgroups && !has.subgroups) || (f16 && !has.f16)) {
        out.skipped.push(name);
        continue;
      }
      const module = device.createShaderModule({ label: name, code: source });
      const { messages } = await module.getCompilationInfo();
      const errors = messages.filter(({ type }) => type === "error");
      if (errors.length === 0) out.compiled.push(name);
      for (const { message, lineNum } of errors.slice(0, 1)) {
        const line = source.split("\n")[lineNum - 1] ?? "";
        out.failures.push(`${name}:${lineNum}: ${message.split("\n")[0]} | ${line.trim()}`);
      }
    }
    return out;
  })
  .catch((error) => ({ error: String(error) }));

const checked = () => {
  if (result.error) throw new Error(result.error);
  if (result.adapter === null) skip("this browser has no WebGPU adapter");
};

await run(
  {
    "there are shader texts, with unique names": async () => {
      if (result.error) throw new Error(result.error);
      assert.ok(result.texts > 100, `${result.texts} texts`);
    },
    "every variant this adapter can run compiles": async () => {
      checked();
      assert.equal(result.failures.length, 0, result.failures.join("\n"));
      assert.ok(result.compiled.length > 50, `${result.compiled.length} compiled`);
      console.log(`   ${result.compiled.length} of ${result.texts} compiled by ${result.adapter}`);
    },
    "the subgroup forms are among them": async () => {
      checked();
      if (!result.has.subgroups) skip("the adapter has no subgroups");
      assert.ok(result.compiled.filter((name) => name.endsWith(" sg")).length > 50);
    },
    "the f16 forms are among them": async () => {
      checked();
      if (!result.has.f16)
        skip(`the adapter has no shader-f16, so ${result.skipped.length} texts were not compiled`);
      assert.equal(result.skipped.length, 0);
    },
  },
  {
    after: async () => {
      await browser.close();
      await server.close();
    },
  },
);
