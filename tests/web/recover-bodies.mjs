// Bodies of `engine.fetch` whose engine goes away while they are read, and bodies nobody reads.
import { assert, run } from "./lib/report.mjs";
import { undying } from "./lib/undying.mjs";

const N_TOKENS = 40;
const { server, browser, fresh, worker, held } = await undying();
const cases = {};

/** Requests whose bodies come in parts, and how their text and what tells them apart is read. */
const STREAMS = [
  {
    path: "/api/generate",
    body: { prompt: "hello", raw: true, options: { num_predict: N_TOKENS, temperature: 0 } },
    text: (line) => line.response,
  },
  {
    path: "/api/chat",
    body: {
      messages: [{ role: "user", content: "hello" }],
      options: { num_predict: N_TOKENS, temperature: 0.8, seed: 7 },
    },
    text: (line) => line.message.content,
  },
  {
    path: "/v1/completions",
    // Two answers, one after the other, each with a seed of its own that nobody said; without the
    // vocabulary's four special tokens, so that chance ends none.
    body: {
      prompt: "hello",
      stream: true,
      n: 2,
      max_tokens: N_TOKENS,
      temperature: 0.9,
      logprobs: 2,
      logit_bias: { 556: -100, 557: -100, 558: -100, 559: -100 },
    },
    text: ({ choices: [one] }) => one?.text ?? "",
    isFree: true,
  },
  {
    path: "/v1/chat/completions",
    body: {
      messages: [{ role: "user", content: "hello" }],
      stream: true,
      max_tokens: N_TOKENS,
      temperature: 0,
    },
    text: ({ choices: [one] }) => one?.delta.content ?? "",
  },
  {
    path: "/v1/messages",
    body: {
      messages: [{ role: "user", content: "hello" }],
      stream: true,
      max_tokens: N_TOKENS,
      temperature: 0,
    },
    text: (event) => event.delta?.text ?? "",
  },
];

/** The body of a streamed answer: as text, and its objects; or the code it failed with. */
const streamed = (page, { path, body }) =>
  page.evaluate(
    async ({ path, body }) => {
      const model = globalThis.model.info.name;
      const init = { method: "POST", body: JSON.stringify({ model, ...body }) };
      try {
        const response = await engine.fetch(path, init);
        const raw = await response.text();
        const lines = raw.split("\n").map((line) => line.replace(/^data: /, ""));
        const items = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
        return { status: response.status, raw, items };
      } catch ({ code, message }) {
        return { status: 0, raw: message, items: [], code };
      }
    },
    { path, body },
  );

/** The engine goes away in the middle of the body, or at another share of it. */
async function resumes(page, stream, what, share = 0.5) {
  const wanted = await streamed(page, stream);
  assert.equal(wanted.status, 200, `${stream.path}: ${wanted.raw}`);
  const n = Math.ceil(wanted.items.length * share);
  await worker(page).evaluate((tokens) => void (faults.tokens = tokens), { n, what, trapAfter: 3 });
  const before = await page.evaluate(() => states.length);
  const got = await streamed(page, stream);
  const where = `${stream.path}, ${what} after ${n} parts`;
  assert.equal(got.status, 200, `${where}: ${got.code} ${got.raw}`);
  const failed = got.items.find((item) => item.error);
  assert.equal(failed, undefined, `${where}: ${JSON.stringify(failed)}`);
  assert.ok((await page.evaluate(() => states.length)) > before, `${where}: nothing was lost`);
  const ids = new Set(got.items.flatMap(({ id }) => (typeof id === "string" ? [id] : [])));
  assert.ok(ids.size <= 1, `${where}: ids ${[...ids]}`);
  assert.equal(got.items.length > n, true, where);
  if (stream.isFree) {
    const nTokens = got.items.flatMap(({ choices: [one] }) => one?.logprobs?.tokens ?? []).length;
    assert.equal(nTokens, 2 * N_TOKENS, where);
    return;
  }
  assert.equal(got.items.map(stream.text).join(""), wanted.items.map(stream.text).join(""), where);
}

cases["a body whose engine goes away goes on with the next byte"] = async () => {
  const page = await fresh({ device: "cpu" });
  await page.evaluate(() => load());
  for (const [i, stream] of STREAMS.entries()) {
    await resumes(page, stream, i % 2 === 0 ? "kill" : "trap");
  }
  await page.close();
};

cases["a body whose graphics chip goes away goes on, and says nothing of it"] = async () => {
  const page = await fresh({ device: "gpu" });
  await page.evaluate(() => load());
  // What the chip was given before it was lost may still come: that must not be all of it.
  const { path, body, text } = STREAMS[0];
  const options = { ...body.options, num_predict: 4 * N_TOKENS };
  await resumes(page, { path, body: { ...body, options }, text }, "lost", 0.1);
  await page.close();
};

cases["a body of a download is not begun twice"] = async () => {
  const page = await fresh({ device: "cpu" });
  held.is = true;
  await page.evaluate(
    (url) => {
      const body = JSON.stringify({ model: url, insecure: true });
      globalThis.pulling = engine.fetch("/api/pull", { method: "POST", body }).then((it) => {
        const reader = it.body.getReader();
        return reader.read().then(() => reader.read()).then(() => ({ reader }));
      });
    },
    `${server.origin}/held/llama-tied.gguf`,
  );
  await page.evaluate(async () => void (globalThis.reader = (await pulling).reader));
  await worker(page).evaluate(() => self.close());
  const error = await page.evaluate(async () => {
    const rest = async () => {
      for (;;) if ((await reader.read()).done) return;
    };
    return failure(rest());
  });
  held.is = false;
  assert.equal(error.code, "engine.interrupted", JSON.stringify(error));
  await page.close();
};

cases["a reader who stops reading holds the answer back"] = async () => {
  const page = await fresh({ device: "cpu" });
  await page.evaluate(() => load());
  // What the worker has posted is what the page may have to hold.
  await worker(page).evaluate(() => {
    globalThis.nChunks = 0;
    const { postMessage } = globalThis;
    globalThis.postMessage = (message, ...rest) => {
      nChunks += message.type === "chunk";
      postMessage(message, ...rest);
    };
  });
  const nLines = await page.evaluate(async () => {
    globalThis.ask = (seed) => {
      const options = { num_predict: 400, temperature: 0.9, seed };
      const asked = { model: model.info.name, prompt: "hello", raw: true, options };
      return engine.fetch("/api/generate", { method: "POST", body: JSON.stringify(asked) });
    };
    // One for which the model of noise happens to write much.
    for (let seed = 1; ; seed += 1) {
      const nLines = (await (await ask(seed)).text()).trim().split("\n").length;
      if (nLines >= 100) return (globalThis.seed = seed), nLines;
    }
  });
  await worker(page).evaluate(() => void (nChunks = 0));
  await page.evaluate(async () => void (globalThis.response = await ask(seed)));
  // Another answer is written meanwhile, so the engine had all the time for this one.
  const asked = { prompt: "other", temperature: 0, maxTokens: 200, ignoreEos: true };
  const other = await page.evaluate((one) => answer(one), asked);
  assert.equal(other.tokens.length, 200);
  const nEarly = await worker(page).evaluate(() => nChunks);
  assert.ok(nEarly <= 32, `${nEarly} parts without a reader`);
  const text = await page.evaluate(() => response.text());
  assert.equal(text.trim().split("\n").length, nLines);
  await page.close();
};

cases["a loop that takes its time holds the model back, and gets every token"] = async () => {
  const page = await fresh({ device: "cpu" });
  await page.evaluate(() => load());
  await worker(page).evaluate(() => {
    globalThis.nPieces = {}; // by the number of the call
    const { postMessage } = globalThis;
    globalThis.postMessage = (message, ...rest) => {
      if (message.type === "piece") nPieces[message.id] = (nPieces[message.id] ?? 0) + 1;
      postMessage(message, ...rest);
    };
  });
  const settings = { prompt: "hello", temperature: 0, maxTokens: 240, ignoreEos: true };
  const whole = await page.evaluate((one) => answer(one), settings);
  await worker(page).evaluate(() => void (nPieces = {}));
  const first = await page.evaluate(async (one) => {
    globalThis.slow = model.generate(one);
    const { value } = await slow.next();
    return value;
  }, settings);
  // Another answer is written meanwhile, so the engine had all the time for this one.
  const asked = { prompt: "other", temperature: 0, maxTokens: 240, ignoreEos: true };
  const other = await page.evaluate((one) => answer(one), asked);
  assert.equal(other.tokens.length, 240);
  const [nEarly] = Object.values(await worker(page).evaluate(() => nPieces));
  assert.ok(nEarly <= 40, `${nEarly} pieces without a reader`);
  const rest = await page.evaluate(() => collect(slow));
  assert.deepEqual([...first.tokens, ...rest.tokens], whole.tokens);
  await page.close();
};

await run(cases, {
  after: async () => {
    await browser.close();
    await server.close();
  },
});
