// Engines that go away: lost devices, traps, killed workers, frozen pages. What was asked goes on
// in the next engine and ends as if nothing had happened; what cannot go on is a typed error.
// Long form: INGLE_LOSSES=50 INGLE_TRAPS=100 INGLE_TURNS=500.
import { FAULTY, freeze } from "./lib/faults.mjs";
import { assert, run } from "./lib/report.mjs";
import { seeded } from "./lib/seeded.mjs";
import { undying } from "./lib/undying.mjs";

const LOSSES = Number(process.env.INGLE_LOSSES ?? 6);
const TRAPS = Number(process.env.INGLE_TRAPS ?? 6);
const TURNS = Number(process.env.INGLE_TURNS ?? 60);
const N_TOKENS = 40;

const { server, browser, fresh, worker, held } = await undying();

/** Repeatable chance: a run that fails can be run again. */
let state = 20261129;
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
};

const settings = (i) => ({
  prompt: `hello ${i} and ${i * 7}`,
  ...(i % 2 ? { temperature: 0.9, seed: i } : { temperature: 0 }),
  maxTokens: N_TOKENS,
  ignoreEos: true,
});

/** The same on a graphics chip, which may write several tokens at once, and more ahead. */
const onChip = (i) => ({ ...settings(i), maxTokens: 2 * N_TOKENS });

/** Writes an answer slowly; when it has `at` tokens it waits for `disturb`. */
async function disturbed(page, settings, at, disturb) {
  await worker(page).evaluate(() => void (faults.slowMs = 20));
  await page.evaluate(() => {
    globalThis.reached = new Promise((resolve) => (globalThis.reach = resolve));
  });
  const out = page.evaluate(
    ({ settings, at }) => answer(settings, (n) => n >= at && void reach()),
    { settings, at },
  );
  await page.evaluate(() => reached);
  await disturb();
  return out;
}

function same(got, want, what) {
  assert.equal(got.error, null, `${what}: ${JSON.stringify(got.error)}`);
  assert.deepEqual(got.tokens, want.tokens, what);
  assert.equal(got.text, want.text, what);
  assert.equal(got.last.reason, want.last.reason, what);
  assert.equal(got.last.timings.outputTokens, want.tokens.length, what);
}

const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

const cases = {};

cases[`${TRAPS} traps and killed workers: every answer ends as undisturbed`] = async () => {
  const page = await fresh({ device: "cpu" });
  await page.evaluate(() => load());
  const gaps = [];
  for (let i = 0; i < TRAPS; i += 1) {
    const wanted = await page.evaluate((one) => answer(one), settings(i));
    const what = i % 2 === 0 ? "trap" : "kill";
    const n = 1 + random(N_TOKENS - 4);
    await worker(page).evaluate((tokens) => void (faults.tokens = tokens), {
      n,
      what,
      trapAfter: random(20),
    });
    const got = await page.evaluate(
      ({ one, n }) => answer(one, (count) => count >= n),
      { one: settings(i), n },
    );
    same(got, wanted, `answer ${i}, ${what} after ${n} tokens`);
    assert.equal(got.resumed.length, 1, `answer ${i}, ${what} after ${n} tokens`);
    gaps.push(Math.round(got.gap));
  }
  const states = await page.evaluate(() => states);
  assert.ok(states.includes("recovering crash") && states.includes("ready killed"), `${states}`);
  const [half, most] = [middle(gaps), Math.max(...gaps)];
  console.log(`note: to the next token ${half} ms in the middle, ${most} ms at most`);
  await page.close();
};

/** Where the device goes away: in which call of the page to it, counted from there. */
const PLACES = {
  load: () => ({ call: "writeBuffer", n: 3 + random(10) }),
  prefill: () => ({ call: "submit", n: 0 }),
  decode: () => ({ call: "submit", n: 1 + random(20) }),
};

/** A new engine on the same page: a chip that went away three times would not be used again. */
const renew = (page) =>
  page.evaluate(async (workerUrl) => {
    await engine.stop();
    globalThis.engine = await Engine.start({ device: "gpu", workerUrl });
    engine.onState = ({ state, reason }) => states.push(`${state} ${reason}`);
    engine.onNotice = ({ code }) => states.push(code);
  }, FAULTY);

/** Loses the device in `place`, in a load or an answer. */
async function lose(page, place, wanted) {
  const arm = () =>
    worker(page).evaluate((at) => void (faults.at = { ...at, what: "lost" }), PLACES[place]());
  if (place === "load") {
    await arm();
    await page.evaluate(() => load());
  } else await arm();
  const got = await page.evaluate((one) => answer(one), onChip(0));
  same(got, wanted, `lost in ${place}`);
  assert.deepEqual(got.resumed, place === "load" ? [] : ["gpu"], `lost in ${place}`);
}

/** In each engine: two losses after which it goes on, as if nothing had happened. */
const PAIRS = [
  ["load", "decode"],
  ["load", "prefill"],
  ["prefill", "decode"],
];

cases[`${LOSSES} lost devices in load, prefill and decode: every answer ends as undisturbed`] =
  async () => {
    const page = await fresh({ device: "gpu" });
    await page.evaluate(() => load());
    const wanted = await page.evaluate((one) => answer(one), onChip(0));
    for (let i = 0; i < LOSSES; i += 2) {
      if (i > 0) await renew(page);
      const places = PAIRS[(i / 2) % PAIRS.length];
      if (i > 0 && places[0] !== "load") await page.evaluate(() => load());
      for (const place of places) await lose(page, place, wanted);
    }
    const n = await page.evaluate(() => states.filter((one) => one === "ready gpu").length);
    assert.equal(n, 2 * Math.ceil(LOSSES / 2));

    // The third one of the last engine: the processor goes on, and it is said.
    await worker(page).evaluate(() => void (faults.at = { call: "submit", n: 4, what: "lost" }));
    const got = await page.evaluate((one) => answer(one), onChip(0));
    assert.equal(got.error, null, JSON.stringify(got.error));
    assert.deepEqual([got.tokens.length, got.resumed], [2 * N_TOKENS, ["gpu"]]);
    const { info, said } = await page.evaluate(async () => ({
      info: await engine.info(),
      said: states,
    }));
    assert.equal(info.device, "cpu");
    const notice = info.notices.find(({ code }) => code === "gpu.lost");
    assert.match(notice?.message ?? "", /3 times within ten minutes.*processor/);
    assert.ok(said.includes("gpu.lost"), `${said}`);
    await page.close();
  };

cases["the graphics process crashes while an answer is written"] = async () => {
  const page = await fresh({ device: "gpu" });
  await page.evaluate(() => load());
  const wanted = await page.evaluate((one) => answer(one), onChip(4));
  const session = await browser.context.browser().newBrowserCDPSession();
  // It does not come to the end before the crash, however long that takes.
  await worker(page).evaluate(() => void (faults.tokens = { n: 10, what: "hold" }));
  const got = await disturbed(page, onChip(4), 10, () => session.send("Browser.crashGpuProcess"));
  same(got, wanted, "after the crash");
  assert.deepEqual(got.resumed, ["gpu"]);
  await page.close();
};

cases["a chip that never answers again counts as lost after its time of silence"] = async () => {
  const page = await fresh({ device: "gpu" });
  await page.evaluate(() => load());
  const wanted = await page.evaluate((one) => answer(one), onChip(4));
  // A chip that is emulated has twenty minutes, which are made short.
  await worker(page).evaluate(() => void (faults.tokens = { n: 10, what: "mute" }));
  const got = await page.evaluate((one) => answer(one), onChip(4));
  same(got, wanted, "after the silence");
  assert.deepEqual(got.resumed, ["gpu"]);
  await page.close();
};

cases["no memory on the chip: a second try on a fresh device, then a sentence with numbers"] =
  async () => {
    const once = await fresh({ device: "gpu" });
    await worker(once).evaluate(
      () => void (faults.at = { call: "createBuffer", n: 5, what: "memory" }),
    );
    const got = await once.evaluate(async (one) => {
      await load();
      return answer(one);
    }, settings(0));
    assert.equal(got.tokens.length, N_TOKENS);
    assert.ok((await once.evaluate(() => states)).includes("ready memory"));
    await once.close();

    const always = await fresh({ device: "gpu" }, "?load:memory=5");
    const error = await always.evaluate(() => failure(load()));
    assert.equal(error.code, "gpu.memory", JSON.stringify(error));
    assert.match(error.message, /\d/);
    const info = await always.evaluate(() => engine.info());
    assert.equal(info.device, "gpu");
    await always.close();
  };

cases["an engine that traps every time: a few tries, then an error; what was written stays"] =
  async () => {
    const page = await fresh({ device: "cpu" }, "?generate:trap=400");
    await page.evaluate(() => load());
    const got = await page.evaluate((one) => answer(one), settings(0));
    assert.equal(got.error?.code, "engine.crash", JSON.stringify(got));
    assert.match(got.error.message, /again and again.*kept/);
    assert.ok(got.tokens.length > 0 && got.text.length > 0, JSON.stringify(got));
    assert.ok(got.resumed.length >= 3, `${got.resumed}`);
    await page.close();
  };

cases["a worker killed in between: the next answer comes, with the same handle"] = async () => {
  const page = await fresh({ device: "cpu" });
  await page.evaluate(() => load());
  const wanted = await page.evaluate((one) => answer(one), settings(0));
  await worker(page).evaluate(() => self.close());
  await page.waitForFunction(() => states.includes("ready killed"));
  const got = await page.evaluate((one) => answer(one), settings(0));
  same(got, wanted, "after the kill");
  assert.deepEqual(got.resumed, []);
  const ids = await page.evaluate(() => model.tokenize("hello"));
  assert.ok(ids.length > 0);
  await page.close();
};

cases["a worker killed while a file comes: the next one brings it"] = async () => {
  const page = await fresh({ device: "cpu" });
  held.is = true;
  const progress = page.evaluate(
    () =>
      new Promise((resolve) => {
        const onProgress = ({ loaded }) => loaded > 0 && resolve();
        globalThis.loading = engine.load({ url: "/held/llama-tied.gguf" }, { onProgress });
        setTimeout(resolve, 1500);
      }),
  );
  await progress;
  await worker(page).evaluate(() => self.close());
  held.is = false;
  const info = await page.evaluate(async () => (globalThis.model = await loading).info);
  assert.equal(info.fileBytes, seeded("llama-tied").bytes.length);
  const { tokens } = await page.evaluate((one) => answer(one), settings(0));
  assert.equal(tokens.length, N_TOKENS);
  await page.close();
};

cases["stopping an answer while the engine starts again ends it at once, as a stop does"] =
  async () => {
    const page = await fresh({ device: "cpu" });
    await page.evaluate(() => load());
    await worker(page).evaluate(() => void (faults.tokens = { n: 5, what: "kill" }));
    await page.evaluate(() => {
      engine.onState = ({ state, reason }) => {
        states.push(`${state} ${reason}`);
        if (state === "recovering") stopNow();
      };
    });
    const out = page.evaluate(async (settings) => {
      const stop = new AbortController();
      globalThis.stopNow = () => stop.abort();
      return answer({ ...settings, signal: stop.signal });
    }, settings(0));
    const { last, error } = await out;
    assert.equal(error, null);
    assert.equal(last.reason, "cancelled");
    await page.waitForFunction(() => states.includes("ready killed"));
    const after = await page.evaluate((one) => answer(one), settings(0));
    assert.equal(after.tokens.length, N_TOKENS);
    await page.close();
  };

cases["a page that is frozen and resumed goes on writing"] = async () => {
  const page = await fresh({ device: "cpu" });
  await page.evaluate(() => load());
  const wanted = await page.evaluate((one) => answer(one), settings(0));
  const got = await disturbed(page, settings(0), 5, async () => {
    const wake = await freeze(browser, page);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    wake();
  });
  same(got, wanted, "after the freeze");
  await page.close();
};

cases[`${TURNS} turns in one page: the module's memory does not grow after turn 50`] = async () => {
  const page = await fresh({ device: "cpu" });
  await page.evaluate(() => load());
  const session = await browser.context.newCDPSession(page);
  const heap = async () => {
    await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize;
  };
  const turns = (from, to) =>
    page.evaluate(
      async ({ from, to }) => {
        for (let i = from; i < to; i += 1) {
          const prompt = `turn ${i} of a long talk`;
          await answer({ prompt, temperature: 0.8, seed: i, maxTokens: 24, ignoreEos: true });
        }
        return (await engine.info()).peakWasmBytes;
      },
      { from, to },
    );
  const early = await turns(0, 50);
  const before = await heap();
  const late = await turns(50, TURNS);
  const grown = (await heap()) - before;
  assert.equal(late, early, "bytes of the module's memory");
  assert.ok(grown < 20e6, `${grown} bytes of the page's heap`);
  console.log(`note: ${early} bytes of wasm, the page's heap grew by ${grown} bytes`);
  await page.close();
};

// Long forms take their time.
const limitMs = 240_000 + 30_000 * LOSSES + 5_000 * TRAPS + 500 * TURNS;

await run(cases, {
  limitMs,
  after: async () => {
    await browser.close();
    await server.close();
  },
});
