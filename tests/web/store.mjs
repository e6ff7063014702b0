// Loading and failures: what is cancelled, cut or refused is never offered as a model; bad files,
// missing features and killed workers are sentences; what is kept is found again.
import { readFileSync } from "node:fs";

import { launch } from "./lib/browser.mjs";
import { enginePage, model, serveEngine } from "./lib/page.mjs";
import { NO_STORAGE, patched, patches } from "./lib/patched.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seeded, seededFolder } from "./lib/seeded.mjs";

const found = model("stories260K");
const bytes = found ? readFileSync(found.file) : (seeded()?.bytes ?? null);
const NAME = "model:latest";
const FILE = "model.gguf";

/** Waits for `release` before the rest of a body is sent. */
let release = () => {};

const headers = (response, length) => {
  response.setHeader("content-type", "application/octet-stream");
  if (length) response.setHeader("content-length", length);
};

const PARTS = [1, 2, 3].map((no) => `llama-split-0000${no}-of-00003.gguf`);

const server = await serveEngine({
  "/split/": seededFolder() ?? "",
  "/models/model.gguf": (_, response) => {
    headers(response, bytes.length);
    response.end(bytes);
  },
  "/slow/model.gguf": (_, response) => {
    headers(response, bytes.length);
    response.write(bytes.subarray(0, bytes.length >> 1));
    release = () => response.end(bytes.subarray(bytes.length >> 1));
  },
  "/unsized/model.gguf": (_, response) => {
    headers(response);
    response.write(bytes.subarray(0, 1000)); // in two parts, so that no length is known
    response.end(bytes.subarray(1000));
  },
  "/refused/model.gguf": (_, response) => {
    response.statusCode = 403;
    response.end("no");
  },
  "/page.gguf": (_, response) => {
    headers(response);
    response.end("<!doctype html><title>Sign in</title>");
  },
  ...patches,
});
const browser = await launch();
const NO_GPU = patched(
  "Object.defineProperty(WorkerNavigator.prototype, 'gpu', { value: undefined });",
);

/** A fresh page with an engine on the processor and empty storage. */
async function fresh(start = { device: "cpu" }) {
  if (!bytes) skip("no fixtures and no seeded model");
  const page = await enginePage(browser, server);
  await page.evaluate(async (start) => {
    await emptied();
    globalThis.engine = await Engine.start(start);
  }, start);
  return page;
}

const cases = {};

cases["a file is stored under its name, found again by name and after a reload"] = async () => {
  const page = await fresh();
  const first = await page.evaluate(async (name) => {
    const progress = [];
    const model = await engine.load(
      { file: await file("/models/model.gguf", name) },
      {
        onProgress: (p) => progress.push(p),
      },
    );
    return {
      info: model.info,
      progress,
      stored: await stored(),
      models: await engine.models.list(),
      rests: await filesIn("ingle", "tmp"),
    };
  }, FILE);
  assert.equal(first.info.name, NAME);
  assert.deepEqual(first.stored, [NAME]);
  assert.deepEqual(first.rests, []);
  const [model] = first.models;
  assert.ok(model.size >= bytes.length && model.size < bytes.length + 1000, "the file, described");
  assert.deepEqual(model.sources, [`file:${FILE}`]);
  const phases = [...new Set(first.progress.map((p) => p.phase))];
  assert.deepEqual(phases, ["transfer", "load"]);
  for (const phase of phases) {
    const of = first.progress.filter((p) => p.phase === phase);
    assert.ok(
      of.every((p, i) => i === 0 || p.loaded >= of[i - 1].loaded),
      "bytes only grow",
    );
    assert.equal(of.at(-1).loaded, of.at(-1).total);
  }
  const second = await page.evaluate(async (name) => {
    await engine.stop();
    globalThis.engine = await Engine.start({ device: "cpu" });
    const phases = [];
    const model = await engine.load({ name }, { onProgress: (p) => phases.push(p.phase) });
    return {
      phases: [...new Set(phases)],
      text: (await collect(model.generate({ prompt: "a", maxTokens: 3 }))).pieces,
    };
  }, NAME);
  assert.deepEqual(second.phases, ["load"]);
  assert.ok(second.text > 1);
  await page.close();
};

cases["the same file or address again is not copied again"] = async () => {
  const page = await fresh();
  const phases = await page.evaluate(async (name) => {
    const out = [];
    const load = async (source) => {
      const seen = new Set();
      await engine.load(source, { onProgress: (p) => seen.add(p.phase) });
      out.push([...seen].join("+"));
    };
    await load({ url: "/models/model.gguf" });
    await load({ url: "/models/model.gguf" });
    const chosen = await file("/models/model.gguf", "chosen.gguf");
    await load({ file: chosen });
    await load({ file: chosen });
    await load({ name });
    await load({ name: "model.gguf" });
    return out;
  }, NAME);
  const wanted = ["transfer+load", "load", "transfer+load", "load", "load", "load"];
  assert.deepEqual(phases, wanted);
  await page.close();
};

cases["the parts of a split model are one model: files, address, name"] = async () => {
  if (!seededFolder()) skip("the seeded models are not built");
  const page = await fresh();
  const out = await page.evaluate(async (parts) => {
    const files = await Promise.all(parts.map((name) => file(`/split/${name}`)));
    const write = async (source) => {
      const model = await engine.load(source);
      const { tokens } = await collect(
        model.generate({ tokens: [1, 2], temperature: 0, maxTokens: 6 }),
      );
      return tokens.join();
    };
    const whole = await write({ url: "/split/llama-tied.gguf" });
    const lone = await failure(engine.load({ file: files[1] }));
    const picked = await write({ file: [files[2], files[0], files[1]] });
    await engine.models.rm("llama-split");
    const fetched = await write({ url: `/split/${parts[1]}` });
    const named = await write({ name: "llama-split" });
    const shown = await engine.models.show("llama-split");
    const refused = await failure(engine.models.file("llama-split"));
    const last = await engine.models.file("llama-split", 2);
    return { whole, lone, picked, fetched, named, n: shown.files.length, refused, last: last.name };
  }, PARTS);
  assert.ok(out.whole.length > 5);
  assert.equal(out.picked, out.whole);
  assert.equal(out.fetched, out.whole);
  assert.equal(out.named, out.whole);
  assert.match(out.lone.message, /part|split|file/i);
  assert.equal(out.n, 3);
  assert.match(out.refused.message, /3 files/);
  assert.equal(out.last, "llama-split-latest-00003-of-00003.gguf");
  await page.close();
};

cases["a response without a length loads too"] = async () => {
  const page = await fresh();
  const out = await page.evaluate(async () => {
    const totals = new Set();
    const model = await engine.load(
      { url: "/unsized/model.gguf" },
      {
        onProgress: (p) => p.phase === "transfer" && totals.add(p.total),
      },
    );
    return { size: model.info.fileBytes, totals: [...totals] };
  });
  assert.equal(out.size, bytes.length);
  assert.ok(out.totals.includes(null));
  await page.close();
};

cases["a cancelled download offers nothing and the engine goes on"] = async () => {
  const page = await fresh();
  const out = await page.evaluate(async () => {
    const stop = new AbortController();
    const error = await failure(
      engine.load(
        { url: "/slow/model.gguf" },
        {
          signal: stop.signal,
          onProgress: () => setTimeout(() => stop.abort(), 100),
        },
      ),
    );
    const left = await stored();
    const model = await engine.load({ url: "/models/model.gguf" });
    return { error, left, size: model.info.fileBytes };
  });
  assert.equal(out.error.name, "EngineError");
  assert.equal(out.error.code, "aborted");
  assert.deepEqual(out.left, []);
  assert.equal(out.size, bytes.length);
  await page.close();
};

cases["a cancelled copy of a large file leaves nothing"] = async () => {
  // Each write takes a while: however late the page hears of the first, the last is far away.
  const slow = `const { prototype } = FileSystemSyncAccessHandle; const { write } = prototype;
    prototype.write = function (...args) {
      for (const end = performance.now() + 40; performance.now() < end; );
      return write.apply(this, args);
    };`;
  const page = await fresh(patched(slow));
  const out = await page.evaluate(async () => {
    const start = await (await fetch("/models/model.gguf")).arrayBuffer();
    const padding = Array.from({ length: 64 }, () => new Uint8Array(4 << 20));
    const large = new File([start, ...padding], "large.gguf");
    const stop = new AbortController();
    let last = 0;
    const error = await failure(
      engine.load(
        { file: large },
        {
          signal: stop.signal,
          onProgress: (p) => {
            last = p.loaded;
            if (p.loaded > 0) stop.abort();
          },
        },
      ),
    );
    const left = await stored();
    const rests = async () => [...(await filesIn("blobs")), ...(await filesIn("ingle", "tmp"))];
    // What was written is removed behind the error, not before it.
    const end = performance.now() + 15_000;
    while ((await rests()).length > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return { error, last, size: large.size, left, rests: await rests() };
  });
  assert.equal(out.error?.code, "aborted");
  assert.ok(out.last < out.size, "it was stopped before its end");
  assert.deepEqual(out.rests, []);
  assert.deepEqual(out.left, []);
  await page.close();
};

cases["a load cancelled before it starts does nothing"] = async () => {
  const page = await fresh();
  const out = await page.evaluate(async () => ({
    error: await failure(
      engine.load({ url: "/models/model.gguf" }, { signal: AbortSignal.abort() }),
    ),
    left: await stored(),
  }));
  assert.equal(out.error.code, "aborted");
  assert.deepEqual(out.left, []);
  await page.close();
};

for (const [name, url, code, words] of [
  ["a server that refuses", "/refused/model.gguf", "net.http", /403/],
  ["an address that does not exist", "/nothing/here.gguf", "net.http", /404/],
  ["a server that is not there", "http://localhost:9/x.gguf", "net.refused", /localhost:9/],
  ["a page instead of a model", "/page.gguf", "file.type", /GGUF/],
]) {
  cases[`${name} is a sentence and offers nothing`] = async () => {
    const page = await fresh();
    const out = await page.evaluate(
      async (url) => ({
        error: await failure(engine.load({ url })),
        left: await stored(),
      }),
      url,
    );
    assert.equal(out.error.code, code, JSON.stringify(out.error));
    assert.match(out.error.message, words);
    assert.deepEqual(out.left, []);
    await page.close();
  };
}

cases["bad local files are sentences and leave nothing"] = async () => {
  const page = await fresh();
  const out = await page.evaluate(async () => {
    const good = new Uint8Array(await (await fetch("/models/model.gguf")).arrayBuffer());
    const version1 = good.slice();
    version1[4] = 1;
    const files = {
      empty: [],
      text: ["hello, this is a text file"],
      version1: [version1],
      header: [good.slice(0, 20)],
      half: [good.slice(0, good.length >> 1)],
      shorter: [good.slice(0, good.length - 200)],
    };
    const errors = {};
    for (const [name, parts] of Object.entries(files)) {
      errors[name] = await failure(engine.load({ file: new File(parts, `${name}.gguf`) }));
    }
    return { errors, left: await stored() };
  });
  for (const [name, error] of Object.entries(out.errors)) {
    assert.ok(error, `${name} was loaded`);
    assert.match(error.code, /^(file\.type|model\.damaged)$/, `${name}: ${JSON.stringify(error)}`);
    assert.match(error.message, /^([A-Z0-9]|\S+\.gguf ).{15,}[.!?]$/s, error.message);
  }
  assert.deepEqual(out.left, []);
  await page.close();
};

cases["a name that is not here, and deleting"] = async () => {
  const page = await fresh();
  const out = await page.evaluate(async (name) => {
    const missing = await failure(engine.load({ name: "nothing.gguf" }));
    await engine.load({ url: "/models/model.gguf" });
    await engine.models.rm(name);
    const twice = await failure(engine.models.rm(name));
    return { missing, twice, left: await stored(), blobs: await filesIn("blobs") };
  }, NAME);
  assert.equal(out.missing.code, "model.missing");
  assert.equal(out.twice.code, "model.missing");
  assert.deepEqual([out.left, out.blobs], [[], []]);
  await page.close();
};

cases["wrong arguments are sentences"] = async () => {
  const page = await fresh();
  const codes = await page.evaluate(async () => {
    const code = async (body) => (await failure(body())).code;
    const model = await engine.load({ url: "/models/model.gguf" });
    return [
      await code(async () => engine.load({})),
      await code(async () => engine.load({ file: [] })),
      await code(() => collect(model.generate({}))),
      await code(() => collect(model.generate({ prompt: "a", messages: [] }))),
      await code(() => collect(model.generate({ prompt: "a", temperature: -1 }))),
      await code(() => collect(model.generate({ prompt: "a", temperature: "hot" }))),
      await code(() => collect(model.generate({ prompt: "a", stop: [() => 1] }))),
      await code(() => model.logits([999999])),
      await code(() => model.logits([])),
      await code(() => engine.load({ url: "/models/model.gguf" }, { kvType: "f64" })),
    ];
  });
  assert.deepEqual(codes.slice(0, 4), Array(4).fill("api.argument"));
  assert.deepEqual(codes.slice(4, 6), Array(2).fill("request.invalid"));
  assert.equal(codes[6], "api.argument");
  assert.deepEqual(codes.slice(7), Array(3).fill("request.invalid"));
  await page.close();
};

cases["engine.stop() rejects what waits"] = async () => {
  const page = await fresh();
  const error = await page.evaluate(async () => {
    const waiting = failure(engine.load({ url: "/slow/model.gguf" }));
    await engine.stop();
    return waiting;
  });
  assert.equal(error.code, "engine.stopped");
  release();
  await page.close();
};

cases["without private storage files are held in memory and it is said"] = async () => {
  const page = await fresh(patched(NO_STORAGE));
  const out = await page.evaluate(async () => {
    const info = await engine.info();
    const model = await engine.load({ url: "/models/model.gguf" });
    const local = await engine.load({ file: await file("/models/model.gguf", "local.gguf") });
    const { tokens } = await collect(local.generate({ prompt: "a", temperature: 0, maxTokens: 3 }));
    return {
      info,
      size: model.info.fileBytes,
      n: tokens.length,
      models: (await engine.models.list()).length,
      kind: (await engine.models.storage()).kind,
    };
  });
  assert.equal(out.info.storage, "memory");
  assert.ok(out.info.notices.some((notice) => notice.code === "store.memory"));
  assert.equal(out.size, bytes.length);
  assert.ok(out.n > 0);
  assert.deepEqual([out.models, out.kind], [2, "memory"]);
  await page.close();
};

cases["without WebGPU the processor is used and it is said"] = async () => {
  const page = await fresh({ ...NO_GPU, device: "auto" });
  const info = await page.evaluate(() => engine.info());
  assert.equal(info.device, "cpu");
  const notice = info.notices.find(({ code }) => code === "gpu.missing");
  assert.match(notice?.message ?? "", /no WebGPU.*processor/);
  const error = await page.evaluate(
    (start) => failure(Engine.start({ ...start, device: "gpu" })),
    NO_GPU,
  );
  assert.match(error.message, /^[A-Z].{15,}\.$/);
  await page.close();
};

cases["without WebAssembly SIMD nothing is fetched and the sentence names browsers"] = async () => {
  const page = await enginePage(browser, server);
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  const error = await page.evaluate(async () => {
    WebAssembly.validate = () => false;
    return failure(Engine.start());
  });
  assert.equal(error.code, "engine.old");
  assert.match(error.message, /SIMD.*Chrome.*Firefox.*Safari/);
  assert.deepEqual(requests, []);
  await page.close();
};

cases["a worker script that fails is an error, not a hang"] = async () => {
  const page = await enginePage(browser, server);
  const broken = patched("throw new Error('broken on purpose');");
  const error = await page.evaluate((start) => failure(Engine.start(start)), broken);
  assert.equal(error.code, "engine.crash");
  const missing = await page.evaluate(() =>
    failure(Engine.start({ workerUrl: "/no-such-worker.js" })),
  );
  assert.equal(missing.code, "engine.crash");
  await page.close();
};

cases["the request ledger names every download and nothing else"] = async () => {
  const page = await fresh();
  const seen = [];
  browser.context.on("request", (request) => seen.push(new URL(request.url()).pathname));
  const out = await page.evaluate(async () => {
    const model = await engine.load({ url: "/models/model.gguf" });
    await collect(model.generate({ prompt: "a secret", maxTokens: 5 }));
    return (await engine.info()).requests;
  });
  const sum = out.reduce((sum, request) => sum + request.bytes, 0);
  assert.ok(out.every(({ host }) => host === new URL(server.origin).host), JSON.stringify(out));
  assert.ok(sum >= bytes.length && sum <= 2 * bytes.length, "the file, and a look at its start");
  assert.deepEqual(
    [...new Set(seen)].filter((path) => path !== "/models/model.gguf"),
    [],
  );
  await page.close();
};

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
