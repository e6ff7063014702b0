// The models of a page: pulled by ranges or whole, added, listed, shown, checked, saved, deleted;
// in private storage, in IndexedDB and in memory; and what fits is said before a download.
import { readFileSync } from "node:fs";

import { launch } from "./lib/browser.mjs";
import { fileHost, longFile, sha256 } from "./lib/filehost.mjs";
import { enginePage, model, serveEngine } from "./lib/page.mjs";
import { NO_OPFS, NO_STORAGE, patched, patches } from "./lib/patched.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";

const found = model("stories260K");
const small = found ? readFileSync(found.file) : (seeded()?.bytes ?? null);
/** Longer than what one request asks for, so that there are several connections. */
const bytes = small && longFile(small, 70 << 20);
const server = await serveEngine(patches);
const host = await fileHost(bytes ?? Buffer.alloc(0));
const browser = await launch();

async function fresh(start = { device: "cpu" }) {
  if (!bytes) skip("no fixtures and no seeded model");
  Object.assign(host, { ranges: true, cors: "open", etag: '"v1"', coding: null, bytes });
  Object.assign(host, { status: null, requests: [], sent: 0 });
  const page = await enginePage(browser, server);
  await page.evaluate(async (start) => {
    await emptied();
    const gone = indexedDB.deleteDatabase("ingle");
    await new Promise((resolve) => (gone.onsuccess = gone.onerror = gone.onblocked = resolve));
    globalThis.engine = await Engine.start(start);
    globalThis.hex = async (blob) => {
      const sum = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
      const digits = [...new Uint8Array(sum)].map((byte) => byte.toString(16).padStart(2, "0"));
      return `sha256:${digits.join("")}`;
    };
  }, start);
  return page;
}

const cases = {};

for (const [kind, start] of [
  ["opfs", { device: "cpu" }],
  ["indexeddb", patched(NO_OPFS)],
  ["memory", patched(NO_STORAGE)],
]) {
  cases[`${kind}: pull, list, show, verify, load, save, delete`] = async () => {
    const page = await fresh(start);
    const out = await page.evaluate(async (url) => {
      const progress = [];
      const pulled = await engine.models.pull(url, { onProgress: (p) => progress.push(p) });
      const list = await engine.models.list();
      const checks = [];
      const report = await engine.models.verify("big", { onProgress: (p) => checks.push(p) });
      const model = await engine.load({ name: "big" });
      const greedy = { prompt: "a", temperature: 0, maxTokens: 3 };
      const { tokens } = await collect(model.generate(greedy));
      const shown = await engine.models.show("big");
      const saved = await engine.models.file("big");
      const out = {
        ...{ pulled, list, report, shown, progress, checks, n: tokens.length },
        saved: { name: saved.name, digest: await hex(saved) },
        storage: await engine.models.storage(),
      };
      await engine.models.rm("big");
      const again = await collect(model.generate(greedy));
      return { ...out, left: await engine.models.list(), goesOn: again.tokens.length };
    }, `${host.origin}/some/folder/big.gguf?x=1`);
    assert.equal(out.storage.kind, kind);
    assert.equal(out.pulled.name, "big:latest");
    assert.deepEqual(out.list, [out.pulled]);
    assert.equal(out.report.good, true);
    assert.equal(out.shown.files[0].digest, sha256(bytes));
    assert.equal(out.saved.digest, sha256(bytes));
    assert.ok(out.shown.usedAt >= out.pulled.modifiedAt, "when it was used is kept");
    assert.equal(out.shown.metadata["general.architecture"], "llama");
    assert.equal(out.shown.details.family, "llama");
    assert.deepEqual([out.n, out.goesOn, out.left], [3, 3, []]);
    for (const list of [out.progress, out.checks]) {
      assert.ok(list.every((p, i) => i === 0 || p.loaded >= list[i - 1].loaded), "bytes only grow");
      assert.equal(list.at(-1).loaded, list.at(-1).total);
    }
    const parts = host.requests.filter(({ headers }) => headers.range).length;
    assert.ok(parts >= 3, `a look and several parts: ${parts} requests`);
    await page.close();
  };
}

cases["what is kept is there after a reload, in private storage and in IndexedDB"] = async () => {
  for (const start of [{ device: "cpu" }, patched(NO_OPFS)]) {
    const page = await fresh(start);
    await page.evaluate((url) => engine.models.pull(url), `${host.origin}/big.gguf`);
    await page.close();
    const next = await enginePage(browser, server);
    const out = await next.evaluate(async (start) => {
      globalThis.engine = await Engine.start(start);
      const report = await engine.models.verify("big");
      const model = await engine.load({ name: "big" });
      return { good: report.good, size: model.info.fileBytes };
    }, start);
    assert.deepEqual(out, { good: true, size: bytes.length });
    await next.close();
  }
};

cases["hosts without ranges, without names of headers, without lengths"] = async () => {
  const page = await fresh();
  const pull = (name, options) =>
    page.evaluate(
      async ([url, options]) => {
        const model = await engine.models.pull(url, options);
        return (await engine.models.show(model.name)).files[0].digest;
      },
      [`${host.origin}/${name}.gguf`, options],
    );
  Object.assign(host, { bytes: longFile(small, 5 << 20) });
  const want = sha256(host.bytes);
  host.ranges = false;
  assert.equal(await pull("whole"), want);
  Object.assign(host, { ranges: true, cors: "plain" });
  assert.equal(await pull("plain"), want);
  assert.equal(await pull("known", { digest: want }), want);
  const asked = host.requests.map(({ method }) => method);
  assert.ok(!asked.includes("OPTIONS"), "no question before a question");
  await page.close();
};

cases["a registry's model by its name, its digests checked"] = async () => {
  const page = await fresh();
  const blob = longFile(small, 3 << 20);
  const config = Buffer.from('{"model_format":"gguf","model_family":"llama","file_type":"F32"}');
  const layer = (mediaType, data) => ({ mediaType, digest: sha256(data), size: data.length });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    config: layer("application/vnd.docker.container.image.v1+json", config),
    layers: [layer("application/vnd.ollama.image.model", blob)],
  });
  const files = { [sha256(blob)]: blob, [sha256(config)]: config };
  const registry = await fileHost(blob);
  registry.route = (url) =>
    url.includes("/manifests/") ? Buffer.from(manifest) : files[url.split("/").pop()];
  const name = `${registry.origin.replace("http://", "")}/me/tiny:1b`;
  const out = await page.evaluate(async (name) => {
    const model = await engine.models.pull(name);
    const { good } = await engine.models.verify(name);
    const fit = await engine.models.fit(name);
    return { model, good, fit };
  }, name);
  assert.equal(out.model.name, name);
  assert.equal(out.model.details.quantizationLevel, "F32");
  assert.equal(out.good, true);
  files[sha256(blob)] = longFile(small, 3 << 20, 7); // other bytes under the same digest
  const wrong = await page.evaluate(async (name) => {
    await engine.models.rm(name);
    return { error: await failure(engine.models.pull(name)), left: await stored() };
  }, name);
  assert.equal(wrong.error.code, "net.mismatch", JSON.stringify(wrong.error));
  assert.deepEqual(wrong.left, []);
  await registry.close();
  await page.close();
};

cases["files of an earlier version are taken over once"] = async () => {
  const page = await fresh();
  await page.evaluate(async (url) => {
    await engine.stop();
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("ingle-models", { create: true });
    const body = await (await fetch(url)).arrayBuffer();
    for (const name of ["old-model.gguf", "half.gguf.part", "part-00001-of-00002.gguf"]) {
      const out = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await out.write(body);
      await out.close();
    }
  }, `${host.origin}/x.gguf`);
  const out = await page.evaluate(async () => {
    globalThis.engine = await Engine.start({ device: "cpu" });
    const list = await engine.models.list();
    const { notices } = await engine.info();
    const model = await engine.load({ name: "old-model.gguf" });
    const root = await navigator.storage.getDirectory();
    const folders = [];
    for await (const name of root.keys()) folders.push(name);
    const { good } = await engine.models.verify("old-model");
    return { list, notices, size: model.info.fileBytes, folders, good };
  });
  assert.deepEqual(out.list.map(({ name }) => name), ["old-model:latest"]);
  assert.match(out.notices.find(({ code }) => code === "store.adopted").message, /old-model/);
  assert.ok(!out.folders.includes("ingle-models"));
  assert.deepEqual([out.size, out.good], [bytes.length, true]);
  await page.close();
};

cases["what fits is said from the header, before a download"] = async () => {
  const page = await fresh();
  const out = await page.evaluate(async (url) => {
    const remote = await engine.models.fit(url);
    const { requests } = await engine.info();
    const head = await (await fetch(url, { headers: { range: "bytes=0-4000000" } })).arrayBuffer();
    const local = await engine.models.fit(new File([head], "x.gguf")).catch((e) => e.message);
    const long = await engine.models.fit(url, { contextLength: 1_000_000_000, kvType: "f32" });
    await engine.models.pull(url);
    const here = await engine.models.fit("big");
    const bad = await failure(engine.models.fit(url, { kvType: "f64" }));
    return { remote, requests, local, long, here, bad };
  }, `${host.origin}/big.gguf`);
  assert.equal(out.remote.verdict, "well");
  assert.match(out.remote.sentence, /^Needs [\d.]+ MB of [\d.]+ GB: .* tokens of context/);
  const { weights, context, scratch, total, storage } = out.remote.needs;
  assert.equal(weights + context + scratch, total);
  assert.equal(storage, bytes.length);
  const fetched = out.requests.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(fetched < 4 << 20, `${fetched} bytes for a header`);
  assert.equal(out.long.verdict, "tight");
  assert.ok(out.long.contextLength < 1_000_000_000);
  assert.equal(out.here.needs.storage, 0);
  assert.equal(out.bad.code, "request.invalid");
  await page.close();
};

cases["a pull goes on beside an answer"] = async () => {
  const page = await fresh();
  const url = `${host.origin}/big.gguf`;
  await page.evaluate((url) => engine.models.pull(url), url);
  host.bytesPerMs = 3_000; // four connections take six seconds
  const out = await page.evaluate(async (url) => {
    const model = await engine.load({ name: "big" });
    let loaded = 0;
    let isDone = false;
    const pulling = engine.models
      .pull(`${url}?again`, { name: "second", onProgress: (p) => (loaded = p.loaded) })
      .then((model) => model.name);
    const seen = [];
    void pulling.finally(() => (isDone = true));
    let n = 0;
    while (!isDone) {
      for await (const piece of model.generate({ prompt: "a", maxTokens: 50, ignoreEos: true })) {
        n += piece.tokens.length;
        seen.push(loaded);
      }
    }
    return { name: await pulling, n, steps: new Set(seen).size };
  }, url);
  host.bytesPerMs = null;
  assert.equal(out.name, "second:latest");
  assert.ok(out.n > 10 && out.steps > 3, JSON.stringify(out));
  await page.close();
};

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
    await host.close();
  },
});
