// Pages whose engines are made to go away: a server with models and the faulty worker, a browser
// that survives crashes, and a page with what every test of it asks.
import { launch } from "./browser.mjs";
import { FAULTY, faultyWorker } from "./faults.mjs";
import { enginePage, serveEngine } from "./page.mjs";
import { skip } from "./report.mjs";
import { seeded, seededFolder } from "./seeded.mjs";

const MODEL = "/models/llama-tied.gguf";

/** The page's only worker that is an engine. */
const worker = (page) => page.workers().find((one) => one.url().includes(FAULTY));

export async function undying() {
  /** While it `is`, files of `/held/` come to their middle. */
  const held = { is: false };
  const server = await serveEngine({
    "/models/": seededFolder() ?? "",
    "/held/llama-tied.gguf": (_, response) => {
      const { bytes } = seeded("llama-tied");
      const middle = bytes.length >> 1;
      response.setHeader("content-length", bytes.length);
      response.write(bytes.subarray(0, middle));
      const goOn = () => (held.is ? setTimeout(goOn, 20) : response.end(bytes.subarray(middle)));
      goOn();
    },
    ...faultyWorker,
  });
  // Chromium ends altogether after a few crashes of its graphics process, unless told not to.
  const browser = await launch({ args: ["--disable-gpu-process-crash-limit"] });
  const fresh = (start, query) => freshPage(browser, server, start, query);
  return { server, browser, fresh, worker, held };
}

/** A page with an engine, its model, and a table of what the engine said. */
async function freshPage(browser, server, start, query = "") {
  if (!seededFolder()) skip("the seeded models are not built");
  const page = await enginePage(browser, server);
  await page.evaluate(
    async ({ start, url, workerUrl }) => {
      globalThis.states = [];
      globalThis.engine = await Engine.start({ ...start, workerUrl });
      engine.onState = ({ state, reason }) => states.push(`${state} ${reason}`);
      engine.onNotice = ({ code }) => states.push(code);
      globalThis.load = async () => (globalThis.model = await engine.load({ url }));
      /** An answer; \`onToken(n)\` is called when it has n tokens. */
      globalThis.answer = async (settings, onToken = () => {}) => {
        const out = { text: "", tokens: [], resumed: [], last: null, error: null, gap: 0 };
        let lost = null;
        try {
          for await (const piece of model.generate(settings)) {
            if (piece.resumed) out.resumed.push(piece.resumed);
            if (piece.tokens.length > 0 && out.resumed.length > 0) {
              out.gap ||= performance.now() - lost;
            }
            out.text += piece.text;
            out.tokens.push(...piece.tokens);
            out.last = piece;
            if (piece.tokens.length > 0 && onToken(out.tokens.length)) lost ??= performance.now();
          }
        } catch ({ code, message }) {
          out.error = { code, message };
        }
        return out;
      };
    },
    { start, url: MODEL, workerUrl: FAULTY + query },
  );
  return page;
}
