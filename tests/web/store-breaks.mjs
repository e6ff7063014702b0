// Storage and networks that fail: cut, reloaded, crashed, full, lying, wiped, changed. After each
// of them what is offered is whole, what was fetched is not fetched again, and what is said is a
// sentence. The rows B03 to B24 of the project's table of bad browser stores; B01 and B02 (no
// private storage, no IndexedDB) are in store-models.mjs, B20 (a worker that ends while it loads)
// in recover.mjs.
import { readFileSync } from "node:fs";

import { launch } from "./lib/browser.mjs";
import { answer, fileHost, longFile, sha256 } from "./lib/filehost.mjs";
import { enginePage, helpers, model, serveEngine } from "./lib/page.mjs";
import { NO_OPFS, patched, patches } from "./lib/patched.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";

/** A piece of a download: what one interruption may cost. */
const PIECE = 2 << 20;
const RELOADS = Number(process.env.INGLE_RELOADS ?? 20);

const found = model("stories260K");
const small = found ? readFileSync(found.file) : (seeded()?.bytes ?? null);
const bytes = small && longFile(small, 24 << 20);
const host = await fileHost(bytes ?? Buffer.alloc(0));
/** The same files from the page's own origin too, where the page sees every header. */
const server = await serveEngine({
  ...patches,
  "/own/": (request, response) => answer(host, request, response),
});
const url = `${host.origin}/big.gguf`;
const browser = await launch();

function calm() {
  Object.assign(host, { ranges: true, cors: "open", etag: '"v1"', coding: null, bytes });
  Object.assign(host, { status: null, requests: [], sent: 0, bytesPerMs: null, cutAfter: null });
}

/** A page over empty storage. */
async function fresh(start = { device: "cpu" }) {
  if (!bytes) skip("no fixtures and no seeded model");
  calm();
  const page = await enginePage(browser, server);
  await page.evaluate(() => emptied());
  await begin(page, start);
  return page;
}

async function begin(page, start = { device: "cpu" }) {
  await page.evaluate(async (start) => {
    globalThis.engine = await Engine.start(start);
  }, start);
}

/** The stored model is whole: its digests, and the one we know. */
async function isWhole(page, name = "big") {
  const out = await page.evaluate(async (name) => {
    const { good } = await engine.models.verify(name);
    const { files } = await engine.models.show(name);
    return { good, digest: files[0].digest, list: await stored() };
  }, name);
  assert.deepEqual([out.good, out.digest], [true, sha256(host.bytes)]);
}

const pull = (page, options = {}, from = url) =>
  page.evaluate(
    async ([url, options]) => failure(engine.models.pull(url, options)),
    [from, options],
  );

/** Where a download went on: the first byte it asked for, after the look at the file's start. */
const resumedAt = (requests) => {
  const starts = requests
    .map(({ headers }) => /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "bytes=0-4"))
    .filter((range) => Number(range[2]) > 3)
    .map((range) => Number(range[1]));
  return Math.min(...starts);
};

const cases = {};

cases[`B13: ${RELOADS} reloads at random points cost at most a piece each`] = async () => {
  const page = await fresh();
  host.bytesPerMs = 6_000;
  let done = 0;
  let n = 0;
  for (; n < RELOADS; n += 1) {
    host.requests = [];
    const at = await page.evaluate(async (url) => {
      let loaded = 0;
      globalThis.pulling = engine.models
        .pull(url, { onProgress: (p) => (loaded = p.loaded) })
        .then(() => "done", (error) => error.message);
      const wait = new Promise((resolve) => setTimeout(resolve, 60 + Math.random() * 240));
      const ended = await Promise.race([pulling, wait]);
      return { loaded, ended: ended ?? null };
    }, url);
    if (done > 0 && host.requests.some(({ headers }) => headers.range)) {
      const from = resumedAt(host.requests);
      assert.ok(from === Infinity || from >= done - PIECE, `reload ${n}: ${done}, then ${from}`);
    }
    if (at.ended) {
      assert.equal(at.ended, "done");
      done = 0;
      await isWhole(page);
      await page.evaluate(() => engine.models.rm("big"));
      continue;
    }
    done = at.loaded;
    await page.reload();
    await helpers(page);
    await begin(page);
    // No half model is offered; the last bytes may have come between that look and the reload.
    if ((await page.evaluate(() => stored())).length > 0) await isWhole(page);
  }
  host.bytesPerMs = null;
  assert.equal(await pull(page), null);
  await isWhole(page);
  await page.close();
};

cases["a worker that sums and is ended costs time and no file"] = async () => {
  const page = await fresh();
  let n = 0;
  // The ten seconds that such a worker is waited for, made short.
  const hurry = (wait = setTimeout) =>
    void (self.setTimeout = (run, ms) => wait(run, ms === 10_000 ? 500 : ms));
  for (const worker of page.workers()) await worker.evaluate(hurry);
  page.on("worker", (worker) => {
    if (!worker.url().includes("sum-worker")) return;
    n += 1;
    worker.evaluate(() => self.close()).catch(() => undefined);
  });
  assert.equal(await pull(page), null);
  await isWhole(page);
  assert.ok(n > 0, "no worker summed");
  await page.close();
};

cases["cut connections: what came stays, and the download ends whole"] = async () => {
  const page = await fresh();
  Object.assign(host, { cutAfter: 3 << 20, bytesPerMs: 12_000 }); // what lies unread is lost
  assert.equal(await pull(page), null);
  await isWhole(page);
  assert.ok(host.requests.length >= 8, "each connection brought three megabytes at most");
  assert.ok(host.sent < bytes.length * 1.6, `${host.sent} bytes were sent`);
  await page.close();
};

cases["a file that changes between parts is never put together"] = async () => {
  const page = await fresh();
  Object.assign(host, { cutAfter: 5 << 20, bytesPerMs: 2_000 }); // it is stopped in time
  setTimeout(() => Object.assign(host, { etag: '"v2"', bytes: longFile(small, 24 << 20, 9) }), 0);
  const first = await page.evaluate(async (url) => {
    const stop = new AbortController();
    const onProgress = (p) => p.loaded > 4 << 20 && stop.abort();
    return failure(engine.models.pull(url, { signal: stop.signal, onProgress }));
  }, url);
  // The first parts may have been of the old file, or none: both end without a model.
  assert.ok(["aborted", "net.changed"].includes(first?.code), JSON.stringify(first));
  Object.assign(host, { etag: '"v3"', bytes: longFile(small, 24 << 20, 11) });
  Object.assign(host, { cutAfter: null, bytesPerMs: null });
  assert.equal(await pull(page), null);
  await isWhole(page);
  await page.close();
};

cases["a wrong digest is said, and nothing of it is kept"] = async () => {
  const page = await fresh();
  const error = await pull(page, { digest: `sha256:${"ab".repeat(32)}` });
  assert.equal(error.code, "net.mismatch", JSON.stringify(error));
  const left = await page.evaluate(async () => [
    ...(await stored()),
    ...(await filesIn("blobs")),
    ...(await filesIn("ingle", "parts")),
  ]);
  assert.deepEqual(left, []);
  await page.close();
};

for (const [name, change, code, words] of [
  ["0 bytes", { bytes: Buffer.alloc(0) }, "file.type", /is empty/],
  ["no such file", { status: 404 }, "net.http", /404/],
  ["a refusal", { status: 403 }, "net.http", /403/],
  ["nobody else may read", { cors: null }, "net.cors", /does not allow browsers/],
  [
    "B22: ranges that are compressed",
    { coding: "gzip", own: true },
    "net.cut", // Chromium refuses them itself
    /broke/,
  ],
]) {
  cases[`${name}: a sentence, and nothing is kept`] = async () => {
    const page = await fresh();
    Object.assign(host, change);
    const error = await pull(page, {}, change.own ? `${server.origin}/own/big.gguf` : url);
    assert.equal(error.code, code, JSON.stringify(error));
    assert.match(error.message, words);
    assert.match(error.message, /^\S.{15,}[.!?]$/s);
    assert.deepEqual(await page.evaluate(() => stored()), []);
    await page.close();
  };
}

const WRITE = "FileSystemSyncAccessHandle.prototype";

for (const [name, code, wanted] of [
  [
    "B03: a lock that lingers is waited for",
    `let n = 3; const open = FileSystemFileHandle.prototype.createSyncAccessHandle;
     FileSystemFileHandle.prototype.createSyncAccessHandle = function (options) {
       if (n-- > 0) throw new DOMException("busy", "NoModificationAllowedError");
       return open.call(this, options);
     };`,
    null,
  ],
  [
    "B07: writes that take a part of the bytes",
    `const write = ${WRITE}.write;
     ${WRITE}.write = function (bytes, options) {
       return write.call(this, bytes.subarray(0, Math.ceil(bytes.byteLength / 3)), options);
     };`,
    null,
  ],
  [
    "B08: a flush that fails once",
    `let n = 0; const flush = ${WRITE}.flush;
     ${WRITE}.flush = function () {
       if (n++ === 2) throw new DOMException("io", "InvalidStateError");
       return flush.call(this);
     };`,
    null,
  ],
  [
    "B08: flushes that always fail",
    `let n = 0; const flush = ${WRITE}.flush;
     ${WRITE}.flush = function () {
       if (n++ > 1) throw new DOMException("io", "InvalidStateError");
       return flush.call(this);
     };`,
    "store.failed",
  ],
  [
    "B19: an estimate ten times too high",
    `const say = StorageManager.prototype.estimate;
     StorageManager.prototype.estimate = async function () {
       const { usage, quota } = await say.call(this);
       return { usage, quota: quota * 10 };
     };`,
    null,
  ],
  [
    "B19: no estimate at all",
    `StorageManager.prototype.estimate = async () => ({});`,
    null,
  ],
]) {
  cases[name] = async () => {
    const page = await fresh(patched(code));
    const error = await pull(page);
    assert.equal(error?.code ?? null, wanted, JSON.stringify(error));
    if (wanted) assert.deepEqual(await page.evaluate(() => stored()), []);
    else await isWhole(page);
    await page.close();
  };
}

cases["B06: storage that is full in the middle is a sentence with numbers; later it goes on"] =
  async () => {
    const full = `let left = 9 << 20; const write = ${WRITE}.write;
      ${WRITE}.write = function (bytes, options) {
        if (bytes.byteLength > 4096 && (left -= bytes.byteLength) < 0) {
          throw new DOMException("full", "QuotaExceededError");
        }
        return write.call(this, bytes, options);
      };`;
    const page = await fresh(patched(full));
    const error = await pull(page);
    assert.equal(error.code, "store.full", JSON.stringify(error));
    assert.match(error.message, /needed.*gives ingle no more; delete/);
    assert.deepEqual(await page.evaluate(() => stored()), []);
    await page.evaluate(() => engine.stop());
    await begin(page);
    host.requests = [];
    assert.equal(await pull(page), null);
    await isWhole(page);
    assert.ok(resumedAt(host.requests) >= (9 << 20) - PIECE - (1 << 20), "it went on");
    await page.close();
  };

cases["B24: a quota that is said to be too small is refused before the first byte"] = async () => {
  const small = "StorageManager.prototype.estimate = async () => ({ usage: 0, quota: 20 << 20 });";
  const page = await fresh(patched(small));
  const error = await pull(page);
  const fit = await page.evaluate((url) => engine.models.fit(url), url);
  assert.equal(error.code, "store.full", JSON.stringify(error));
  assert.match(error.message, /needed, and this browser has .* left for ingle; delete/);
  assert.equal(fit.verdict, "storage");
  assert.match(fit.sentence, /^Needs .* of storage; this browser has .* left for ingle\.$/);
  assert.ok(host.sent < 3 << 20, "its start was looked at");
  await page.close();
};

cases["B06: a quota that is kept quiet about: full in the middle, and on when there is more"] =
  async () => {
    const page = await fresh();
    const cdp = await browser.context.newCDPSession(page);
    const { origin } = server;
    await cdp.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 20 << 20 });
    const error = await pull(page);
    await cdp.send("Storage.overrideQuotaForOrigin", { origin });
    assert.equal(error?.code, "store.full", JSON.stringify(error));
    assert.match(error.message, /more needed, and this browser gives ingle no more; delete/);
    assert.deepEqual(await page.evaluate(() => stored()), []);
    host.requests = [];
    assert.equal(await pull(page), null);
    assert.ok(resumedAt(host.requests) > 8 << 20, "it went on");
    await isWhole(page);
    await page.close();
  };

cases["B04: two tabs that want the same file fetch it once"] = async () => {
  const page = await fresh();
  const other = await enginePage(browser, server);
  await begin(other);
  host.bytesPerMs = 12_000;
  assert.deepEqual(await Promise.all([pull(page), pull(other)]), [null, null]);
  assert.ok(host.sent < bytes.length * 1.2, `${host.sent} bytes for one of ${bytes.length}`);
  await isWhole(other);
  await Promise.all([page.close(), other.close()]);
};

cases["B05: a tab that crashes while it writes: another goes on where it was"] = async () => {
  const page = await fresh();
  const other = await enginePage(browser, server);
  await begin(other);
  host.bytesPerMs = 6_000;
  const at = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const onProgress = (p) => p.loaded > 9 << 20 && resolve(p.loaded);
        engine.models.pull(url, { onProgress }).catch(() => undefined);
      }),
    url,
  );
  host.requests = [];
  const taken = pull(other);
  await page.close();
  host.bytesPerMs = null;
  assert.equal(await taken, null);
  assert.ok(resumedAt(host.requests) >= at - PIECE, `${resumedAt(host.requests)} after ${at}`);
  await isWhole(other);
  await other.close();
};

cases["B09: IndexedDB that is closed behind the page's back is opened again"] = async () => {
  const code = `${NO_OPFS} let n = 0; const begin = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (...args) {
      if (n++ % 7 === 5) this.close();
      return begin.apply(this, args);
    };`;
  const page = await fresh(patched(code));
  host.bytes = longFile(small, 5 << 20);
  const error = await pull(page);
  if (error) assert.match(error.code, /^store\./, JSON.stringify(error));
  assert.equal(await page.evaluate(async () => (await engine.models.storage()).kind), "indexeddb");
  await page.evaluate(() => engine.models.rm("big").catch(() => undefined));
  await page.close();
};

/** Changes a file of the store behind the engine's back. */
const meddle = (page, what) =>
  page.evaluate(async (what) => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("ingle");
    const folder = await (what.folder
      ? root.getDirectoryHandle(what.folder)
      : Promise.resolve(root));
    const large = [];
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === "file" && (await handle.getFile()).size > 1 << 20) large.push(name);
    }
    const [name] = large;
    if (what.remove) return folder.removeEntry(name);
    const handle = await folder.getFileHandle(name);
    const out = await handle.createWritable({ keepExistingData: true });
    if (what.cut) await out.truncate(what.cut);
    else await out.write({ type: "write", position: what.at, data: new Uint8Array([1, 2, 3]) });
    await out.close();
  }, what);

for (const [name, what, words] of [
  ["B15: a changed byte in a stored file", { folder: "blobs", at: 9 << 20 }, /was changed/],
  ["B16: a stored file that was cut", { folder: "blobs", cut: 5 << 20 }, /instead of/],
  ["B10, B17: a stored file that was removed", { folder: "blobs", remove: true }, /is gone/],
]) {
  cases[`${name} is found, said, and repaired by another pull`] = async () => {
    const page = await fresh();
    assert.equal(await pull(page), null);
    await meddle(page, what);
    const out = await page.evaluate(async () => {
      const { good, files } = await engine.models.verify("big");
      const problem = files.map(({ problem }) => problem).join("");
      const error = await failure(engine.load({ name: "big" }));
      await engine.models.rm("big");
      return { good, problem, error };
    });
    assert.equal(out.good, false);
    assert.match(out.problem, words);
    if (!what.at) assert.match(out.error.code, /^model\.|^file\./, JSON.stringify(out.error));
    assert.equal(await pull(page), null);
    await isWhole(page);
    await page.close();
  };
}

cases["B11, B23: storage that is wiped under a loaded model: the answer goes on"] = async () => {
  const page = await fresh();
  await pull(page);
  const out = await page.evaluate(async () => {
    const model = await engine.load({ name: "big" });
    const root = await navigator.storage.getDirectory();
    await root.removeEntry("ingle", { recursive: true });
    const { tokens } = await collect(model.generate({ prompt: "a", temperature: 0, maxTokens: 4 }));
    const gone = await failure(engine.load({ name: "big" }));
    return { n: tokens.length, list: await stored(), gone };
  });
  assert.deepEqual([out.n, out.list, out.gone.code], [4, [], "model.missing"]);
  await page.evaluate(() => engine.stop());
  await begin(page);
  assert.equal(await pull(page), null);
  await isWhole(page);
  await page.close();
};

cases["B12: a browser that will not promise to keep models is said once"] = async () => {
  const page = await enginePage(browser, server);
  const notices = await page.evaluate(async (url) => {
    StorageManager.prototype.persist = async () => false;
    globalThis.engine = await Engine.start({ device: "cpu" });
    const notices = [];
    engine.onNotice = ({ code }) => notices.push(code);
    await engine.models.pull(url);
    await engine.models.pull(url);
    return notices;
  }, url);
  assert.deepEqual(notices, ["store.evictable"]);
  await page.close();
};

cases["B14, B21: a record of another version, or garbage: the download begins anew"] = async () => {
  const page = await fresh();
  host.bytesPerMs = 3_000; // it is stopped long before its end
  await page.evaluate(async (url) => {
    const stop = new AbortController();
    const onProgress = (p) => p.loaded > 9 << 20 && stop.abort();
    await engine.models.pull(url, { signal: stop.signal, onProgress }).catch(() => undefined);
    const root = await navigator.storage.getDirectory();
    const parts = await (await root.getDirectoryHandle("ingle")).getDirectoryHandle("ingle");
    const folder = await parts.getDirectoryHandle("parts");
    for await (const [name, handle] of folder.entries()) {
      if (!name.endsWith(".pieces")) continue;
      const out = await handle.createWritable({ keepExistingData: true });
      const data = new TextEncoder().encode("ingle pieces 9");
      await out.write({ type: "write", position: 0, data });
      await out.close();
    }
  }, url);
  Object.assign(host, { requests: [], bytesPerMs: null });
  assert.equal(await pull(page), null);
  assert.equal(resumedAt(host.requests), 0);
  await isWhole(page);
  await page.close();
};

cases["B18: bytes behind 4 GiB"] = async () => {
  if (!process.env.INGLE_LONG) skip("5 GB of disk and a minute: set INGLE_LONG=1");
  const page = await fresh();
  const out = await page.evaluate(async (url) => {
    const start = new Uint8Array(await (await fetch(url)).arrayBuffer());
    const filler = new Blob([new Uint8Array(64 << 20).fill(7)]);
    const end = new Blob([new Uint8Array([1, 2, 3, 4])]);
    const file = new File([start, ...Array(66).fill(filler), end], "long.gguf");
    await engine.models.add(file);
    const saved = await engine.models.file("long");
    const tail = new Uint8Array(await saved.slice(saved.size - 6).arrayBuffer());
    const model = await engine.load({ name: "long" });
    return { size: saved.size, want: file.size, tail: [...tail], loaded: model.info.fileBytes };
  }, url);
  assert.ok(out.want > 2 ** 32);
  assert.deepEqual([out.size, out.loaded], [out.want, out.want]);
  assert.deepEqual(out.tail, [7, 7, 1, 2, 3, 4]);
  await page.close();
};

// Long forms take their time: a page is loaded in a second, on a busy machine in three.
await run(cases, {
  limitMs: 240_000 + 5_000 * RELOADS,
  after: async () => {
    await browser.close();
    await server.close();
    await host.close();
  },
});
