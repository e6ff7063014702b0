// The built page with a server behind it that answers as it is told to: what a model says, in which
// pieces, and when. For tests of what the page makes of an answer; what models really say is tested
// with models. It marks its HTML as `ingle serve` does. `/blank` is a page of the same origin
// without the app.
import { readFileSync } from "node:fs";
import path from "node:path";

import { chatDist } from "./paths.mjs";
import { READY } from "./ready.mjs";
import { serve } from "./server.mjs";

const html = () =>
  readFileSync(path.join(chatDist, "index.html"), "utf8").replace(
    "<head>",
    '<head>\n<meta name="ingle-server" content="0.0.0">',
  );

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Chooses the model on a page that has started. Not before its lists have come to rest, which is
 * when it knows its storage: a button that is drawn anew while it is pressed hears nothing.
 */
export async function chooseScripted(page) {
  await page.waitForFunction(() => document.querySelector("#storage-text").textContent !== "");
  await page.click('#col button[title^="scripted"]');
  await page.waitForSelector(READY);
}

async function bodyOf(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text === "" ? {} : JSON.parse(text);
}

/**
 * Serves the page and one model, "scripted". `script` is `{ pieces, thinks, contextLength, pauseMs,
 * upTo, status, error, code, retry, retried }` and may be changed at any time; an answer waits at
 * its piece `upTo` for a larger number; a pull tells the wait `retry` and goes on when `retried`
 * resolves. `asked` has the bodies of `/api/chat`, `pulled` and `deleted` the names of models,
 * `loads` how often one was loaded.
 */
export async function serveScripted(script = {}) {
  const asked = [];
  const json = (value) => async (request, response) => {
    await bodyOf(request);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(typeof value === "function" ? value() : value));
  };
  const chat = async (request, response) => {
    const body = await bodyOf(request);
    asked.push(body);
    if (script.error) {
      response.statusCode = script.status ?? 400;
      if (script.code) response.setHeader("x-ingle-code", script.code);
      return response.end(JSON.stringify({ error: script.error }));
    }
    const line = (value) => response.write(`${JSON.stringify(value)}\n`);
    for (const thinking of script.thoughts ?? []) line({ message: { content: "", thinking } });
    for (const [i, content] of (script.pieces ?? ["Hello."]).entries()) {
      while (i >= (script.upTo ?? Infinity) && !response.destroyed) await pause(5);
      if (response.destroyed) return undefined;
      line({ message: { content } });
      if (script.pauseMs) await pause(script.pauseMs);
    }
    const text = (script.pieces ?? ["Hello."]).join("");
    const words = body.messages.map(({ content }) => content).join(" ");
    line({
      done: true,
      done_reason: "stop",
      prompt_eval_count: Math.ceil(words.length / 4),
      prompt_eval_duration: 1e6,
      eval_count: Math.ceil(text.length / 4),
      eval_duration: 1e8,
    });
    return response.end();
  };
  const page = (_, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(html());
  };
  const model = { name: "scripted:latest", size: 1_000_000 };
  const models = [model];
  const [pulled, deleted] = [[], []];
  const pull = async (request, response) => {
    const { model: name } = await bodyOf(request);
    for (const completed of [0, 500_000, 1_000_000]) {
      const line = { status: "pulling", total: 1_000_000, completed };
      if (script.retry && completed === 500_000) {
        response.write(`${JSON.stringify({ ...line, retry: script.retry })}\n`);
        await script.retried;
      }
      response.write(`${JSON.stringify(line)}\n`);
    }
    pulled.push(name);
    models.push({ name, size: 1_000_000 });
    response.end(`${JSON.stringify({ status: "success" })}\n`);
  };
  const remove = async (request, response) => {
    const { model: name } = await bodyOf(request);
    deleted.push(name);
    models.splice(
      models.findIndex((model) => model.name === name),
      1,
    );
    response.end();
  };
  const server = await serve({
    "/": chatDist,
    "/index.html": page,
    "/page": page,
    "/blank": (_, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><link rel=icon href=/icon.svg><title>blank</title>");
    },
    "/api/tags": json(() => ({ models })),
    "/api/generate": json(() => {
      server.loads += 1;
      return { done: true };
    }),
    "/api/ps": json(() => ({
      models: [{ ...model, context_length: script.contextLength ?? 4096 }],
    })),
    "/api/show": json(() => ({
      capabilities: script.thinks ? ["thinking"] : [],
      parameters: script.parameters ?? "",
    })),
    "/api/chat": chat,
    "/api/pull": pull,
    "/api/delete": remove,
  });
  return Object.assign(server, {
    script,
    asked,
    pulled,
    deleted,
    page: `${server.origin}/page`,
    loads: 0,
  });
}
