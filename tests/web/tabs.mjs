// One engine for all tabs: who has it, who speaks to whom, and what happens to the others' answers
// when the tab with the engine is closed, crashes, is frozen or hangs.
// Long form: INGLE_TAKEOVERS=100.
import path from "node:path";
import { pathToFileURL } from "node:url";

import { launch } from "./lib/browser.mjs";
import { FAULTY, faultyWorker, freeze } from "./lib/faults.mjs";
import { enginePage, serveEngine } from "./lib/page.mjs";
import { engineDist } from "./lib/paths.mjs";
import { assert, run, skip } from "./lib/report.mjs";
import { seededFolder } from "./lib/seeded.mjs";

const TAKEOVERS = Number(process.env.INGLE_TAKEOVERS ?? 5);
const MODEL = "/models/llama-tied.gguf";
const OTHER = "/models/qwen3-tied.gguf";
const N_TOKENS = 40;

const server = await serveEngine({ "/models/": seededFolder() ?? "", ...faultyWorker });
// A renderer for each tab, so that one can crash without the others.
const browser = await launch({ args: ["--disable-features=ProcessPerSiteUpToMainFrameThreshold"] });

const settings = (i) => ({
  prompt: `hello ${i} and ${i * 7}`,
  ...(i % 2 ? { temperature: 0.9, seed: i } : { temperature: 0 }),
  maxTokens: N_TOKENS,
  ignoreEos: true,
});

/** A tab with a shared engine and a model. */
async function tab({ url = MODEL, device = "cpu" } = {}) {
  if (!seededFolder()) skip("the seeded models are not built");
  const page = await enginePage(browser, server);
  await page.evaluate(
    async ({ device, workerUrl, url }) => {
      globalThis.states = [];
      globalThis.engine = await Engine.start({ device, workerUrl, share: "tabs" });
      engine.onState = ({ state, reason }) => states.push(reason ? `${state} ${reason}` : state);
      if (url) globalThis.model = await engine.load({ url });
      /** An answer, with the time its last token came and the longest pause between two. */
      globalThis.answer = async (settings, at = 0) => {
        const out = { text: "", tokens: [], resumed: [], last: null, pause: 0 };
        let before = null;
        for await (const piece of model.generate(settings)) {
          if (piece.resumed) out.resumed.push(piece.resumed);
          out.text += piece.text;
          out.tokens.push(...piece.tokens);
          out.last = piece;
          if (piece.tokens.length === 0) continue;
          if (before !== null) out.pause = Math.max(out.pause, performance.now() - before);
          before = performance.now();
          if (out.tokens.length >= at) globalThis.reach?.();
        }
        return out;
      };
      /** Most workers that lived at once, looked at until it is stopped. */
      globalThis.countWorkers = async () => {
        globalThis.isCounting = true;
        let most = 0;
        while (globalThis.isCounting) {
          const { held } = await navigator.locks.query();
          most = Math.max(most, held.filter(({ name }) => name.includes("/worker/")).length);
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        return most;
      };
    },
    { device, workerUrl: FAULTY, url },
  );
  return page;
}

const worker = (page) => page.workers().find((one) => one.url().includes(FAULTY));
const states = (page) => page.evaluate(() => states);
const write = (page, i) => page.evaluate((one) => answer(one), settings(i));

/** Lets the leader's worker write slowly, and nothing to its end; or as it does. */
const hold = (leader, is) =>
  worker(leader).evaluate((is) => {
    faults.slowMs = is ? 30 : 0;
    faults.isUnread = is;
  }, is);

/** Starts an answer, slowly; gives it when it has some tokens, and only another leader ends it. */
async function begin(leader, page, i) {
  await hold(leader, true);
  await page.evaluate(() => {
    globalThis.reached = new Promise((resolve) => (globalThis.reach = resolve));
  });
  const running = page.evaluate((one) => answer(one, 5), settings(i));
  running.catch(() => undefined); // whoever waits for it hears of it
  await page.evaluate(() => reached);
  return running;
}

function same(got, want, what) {
  assert.deepEqual(got.tokens, want.tokens, what);
  assert.equal(got.text, want.text, what);
  assert.equal(got.last.reason, want.last.reason, what);
}

/** The ways in which a tab with the engine ends. */
const ENDS = {
  closed: (page) => page.close(),
  crashed: async (page) => {
    const session = await browser.context.newCDPSession(page);
    const crash = new Promise((resolve) => page.once("crash", resolve));
    void session.send("Page.crash").catch(() => undefined); // it takes its answer with it
    await crash;
    await page.close();
  },
  stopped: async (page) => {
    await page.evaluate(() => engine.stop());
    await page.close();
  },
};

const cases = {};

cases["a load is shared by who asks for the same, until the last of them leaves"] = async () => {
  const file = path.join(engineDist, "internal/lead-loads.js");
  const { Loads } = await import(pathToFileURL(file).href);
  const body = { source: { kind: "name", name: "m" }, settings: {} };
  const [one, two, three] = ["a", "b", "c"].map((seat, id) => ({ seat, id }));
  const loads = new Loads();
  loads.begin(7, one, body);
  assert.equal(loads.join(two, { ...body, settings: { slots: 2 } }), false, "asked otherwise");
  assert.equal(loads.join(two, body), true);
  assert.equal(loads.leave(one), null, "another one waits for it");
  assert.equal(loads.leave(two), 7, "nobody else does: it is cancelled");
  assert.equal(loads.join(three, body), false, "what is being cancelled is joined by nobody");
  assert.deepEqual(loads.askers({ type: "error", id: 7 }), [two], "who left last hears its end");
  assert.equal(loads.find("c", body), null);
  loads.begin(8, three, body);
  assert.equal(loads.join(one, body), true, "the next load can be joined again");
  const loaded = { model: 1, info: { name: "m" } };
  assert.deepEqual(loads.askers({ type: "result", id: 8, value: loaded }), [three, one]);
  assert.equal(loads.join(two, body), false, "nothing runs");
  assert.equal(loads.find("b", body), loaded);
  assert.deepEqual(
    ["a", "b", "c"].map((seat) => loads.drop(seat)),
    [false, false, true],
    "unloaded with its last user",
  );
  loads.begin(9, one, body);
  loads.join(two, body);
  assert.equal(loads.quit("b"), null, "a tab that joined is closed");
  loads.askers({ type: "result", id: 9, value: loaded });
  assert.equal(loads.drop("a"), true, "a tab that is closed uses nothing");
  loads.begin(10, one, body);
  loads.join(two, body);
  assert.equal(loads.leave(one), null);
  assert.equal(loads.quit("b"), 10, "nobody waits for it any more");
  loads.begin(11, one, body);
  loads.askers({ type: "result", id: 11, value: loaded });
  loads.gone(2);
  assert.equal(loads.find("a", body), loaded, "another number is another model");
  loads.gone(1);
  assert.equal(loads.find("a", body), null, "it has to be loaded again");
};

cases["two tabs have one worker and one model, and the same answers"] = async () => {
  const first = await tab();
  const info = (page) => page.evaluate(() => engine.info());
  const { requests } = await info(first);
  const second = await tab();
  assert.deepEqual(await states(first), ["leader"]);
  assert.deepEqual(await states(second), ["follower"]);
  assert.equal(first.workers().length, 1);
  assert.equal(second.workers().length, 0);
  const answers = await Promise.all([write(first, 2), write(second, 2)]);
  same(answers[0], answers[1], "the same prompt");
  assert.equal(answers[0].tokens.length, N_TOKENS);
  const infos = await Promise.all([first, second].map(info));
  assert.deepEqual([await states(first), await states(second)], [["leader"], ["follower"]]);
  assert.deepEqual(infos[0].requests, infos[1].requests);
  assert.deepEqual(infos[1].requests, requests, "one download for both");
  const bytes = await second.evaluate(async () => (await model.logits([1, 2, 3])).length);
  assert.ok(bytes > 100);
};

cases[`${TAKEOVERS} leaders end: the next tab goes on with its answer, with one worker at most`] =
  async () => {
    let leader = await tab();
    const pauses = [];
    const ways = Object.keys(ENDS);
    for (let i = 0; i < TAKEOVERS; i += 1) {
      const next = await tab();
      const wanted = await write(next, i);
      const running = begin(leader, next, i);
      const answer = await Promise.race([running, begun(next)]);
      assert.equal(answer, undefined, "it was still writing");
      const workers = next.evaluate(() => countWorkers());
      const way = ways[i % ways.length];
      await ENDS[way](leader);
      const got = await running;
      same(got, wanted, `take-over ${i}, ${way}`);
      assert.deepEqual(got.resumed, ["leader"], `take-over ${i}`);
      await next.evaluate(() => void (globalThis.isCounting = false));
      assert.ok((await workers) <= 1, `${await workers} workers at once`);
      assert.ok((await states(next)).includes("leader"));
      pauses.push(Math.round(got.pause));
      leader = next;
    }
    pauses.sort((a, b) => a - b);
    const [half, most] = [pauses[pauses.length >> 1], pauses.at(-1)];
    console.log(`note: ${half} ms without a token in the middle, ${most} ms at most`);
  };

/** Settles when the page's answer has some tokens. */
const begun = (page) => page.waitForFunction(() => globalThis.reached).then(() => undefined);

cases["a third tab follows the next leader, and its answer goes on there"] = async () => {
  const [leader, second, third] = [await tab(), await tab(), await tab()];
  const wanted = await write(third, 4);
  const running = begin(leader, third, 4);
  await begun(third);
  await leader.close();
  same(await running, wanted, "after the leader's end");
  const roles = [await states(second), await states(third)];
  assert.equal(roles.filter((role) => role.includes("leader")).length, 1, JSON.stringify(roles));
  assert.equal(second.workers().length + third.workers().length, 1);
};

cases["a leader that is told that it will be frozen hands over at once"] = async () => {
  const [leader, second] = [await tab(), await tab()];
  const wanted = await write(second, 6);
  const running = begin(leader, second, 6);
  await begun(second);
  await leader.evaluate(() => void document.dispatchEvent(new Event("freeze")));
  const got = await running;
  same(got, wanted, "without the leader");
  assert.deepEqual(got.resumed, ["frozen"]);
  same(await write(leader, 6), wanted, "in the tab that woke");
  assert.ok((await states(leader)).includes("follower"));
};

cases["a leader that is frozen without a word loses the engine, and follows when it wakes"] =
  async () => {
    const [leader, second] = [await tab(), await tab()];
    const wanted = await write(second, 8);
    const running = begin(leader, second, 8);
    await begun(second);
    const wake = await freeze(browser, leader);
    try {
      const got = await running;
      same(got, wanted, "while the leader is frozen");
      assert.deepEqual(got.resumed, ["frozen"]);
    } finally {
      wake();
    }
    same(await write(leader, 8), wanted, "in the tab that woke");
    assert.ok((await states(leader)).includes("follower"));
  };

cases["a tab that closes while it asks leaves the others alone"] = async () => {
  const [leader, second] = [await tab(), await tab()];
  const wanted = await write(leader, 2);
  void begin(leader, second, 2).catch(() => undefined);
  await begun(second);
  await second.close();
  await hold(leader, false);
  const got = await write(leader, 2);
  same(got, wanted, "after the other tab's end");
};

cases["two tabs with two models take turns; each keeps its handle"] = async () => {
  const [first, second] = [await tab(), await tab({ url: OTHER })];
  const wanted = [await write(first, 2), await write(second, 2)];
  assert.notDeepEqual(wanted[0].tokens, wanted[1].tokens);
  for (let i = 0; i < 2; i += 1) {
    same(await write(first, 2), wanted[0], "the first model again");
    same(await write(second, 2), wanted[1], "the second model again");
  }
  await first.evaluate(() => model.unload());
  const gone = await first.evaluate(() => failure(model.tokenize("x")));
  assert.equal(gone.code, "model.unloaded");
  same(await write(second, 2), wanted[1], "what the other tab unloaded was its own");
};

cases["a handle answers again after the router has put another model in its place"] = async () => {
  const page = await tab({ url: null });
  const out = await page.evaluate(async (urls) => {
    for (const [i, url] of urls.entries())
      await engine.models.add(await file(url, "m.gguf"), { name: "ab"[i] });
    globalThis.model = await engine.load({ name: "a" });
    const ask = { prompt: "hello", maxTokens: 5, temperature: 0 };
    const text = async () => (await answer(ask)).text;
    const before = await text();
    const messages = [{ role: "user", content: "hello" }];
    await engine.chat.completions.create({ model: "b", messages, max_tokens: 2 });
    return [before, await text()];
  }, [MODEL, OTHER]);
  assert.equal(out[0], out[1]);
  await page.evaluate(async () => {
    for (const name of ["a", "b"]) await engine.models.rm(name);
  });
};

cases["a file of one tab, the stored model of another, a cancelled answer, a refused start"] =
  async () => {
    const [first, second] = [await tab({ url: null }), await tab({ url: null })];
    const out = await second.evaluate(async (url) => {
      // Long enough that its end is not there before a cancel is, on the slowest machine.
      const long = { contextLength: 8192 };
      globalThis.model = await engine.load({ file: await file(url, "own.gguf") }, long);
      const stop = new AbortController();
      const pieces = [];
      const endless = { prompt: "a", ignoreEos: true, signal: stop.signal };
      for await (const piece of model.generate(endless)) {
        pieces.push(piece);
        if (piece.tokens.length > 0) stop.abort();
      }
      const names = (await engine.models.list()).map(({ name }) => name);
      return { last: pieces.at(-1), names, name: model.info.name };
    }, MODEL);
    assert.equal(out.last.reason, "cancelled");
    assert.ok(out.names.includes(out.name), JSON.stringify(out));
    await first.evaluate(async (name) => {
      globalThis.model = await engine.load({ name }, { contextLength: 8192 });
    }, out.name);
    same(await write(first, 2), await write(second, 2), "one model for both");
    const error = await first.evaluate(() => failure(engine.load({ name: "no.gguf" })));
    assert.equal(error.code, "model.missing");
    const refused = await second.evaluate(() =>
      failure(Engine.start({ share: "tabs", device: "cpu", workerUrl: "/no-worker.js" })),
    );
    assert.equal(refused.code, "engine.crash");
  };

/** Tabs of one case are no tabs of the next. */
const alone = (body) => async () => {
  try {
    await body();
  } finally {
    await Promise.all(browser.context.pages().map((page) => page.close()));
  }
};
const isolated = Object.entries(cases).map(([name, body]) => [name, alone(body)]);

// The long form takes its time.
await run(Object.fromEntries(isolated), {
  limitMs: 240_000 + 10_000 * TAKEOVERS,
  after: async () => {
    await browser.close();
    await server.close();
  },
});
