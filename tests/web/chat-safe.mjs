// What a model writes stays words: over 300 documents that try to become a script or a request, cut
// at every character; half-written Markdown never throws and never changes what is finished; and a
// whole chat makes no request, under a policy that reports nothing.
import { launch } from "./lib/browser.mjs";
import { bundle, load } from "./lib/bundle.mjs";
import { ask, askAndWait, DESKTOP, finished, started, ui, watchPolicy } from "./lib/chat.mjs";
import { written } from "./lib/keeper.mjs";
import { payloads } from "./lib/payloads.mjs";
import { READY } from "./lib/ready.mjs";
import { assert, run } from "./lib/report.mjs";
import { chooseScripted, serveScripted } from "./lib/scripted.mjs";
import { serve } from "./lib/server.mjs";

const browser = await launch(DESKTOP);
const policy = await watchPolicy(browser.context);
const cases = {};

/** The page's own policy, for a page that holds nothing but the renderer. */
const POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";

/** A page with `globalThis.render`: `markdown.ts` and nothing else of the app. */
async function renderer(body) {
  const code = await bundle("markdown.ts");
  const asked = [];
  const answer = (type, text) => (request, response) => {
    response.setHeader("content-type", type);
    response.setHeader("content-security-policy", POLICY);
    response.end(text);
  };
  const server = await serve({
    "/page": answer("text/html", "<!doctype html><link rel=icon href=/i><main id=out></main>"),
    "/i": answer("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "/markdown.js": answer("text/javascript", code),
  });
  const page = await browser.page(`${server.origin}/page`);
  await page.evaluate(async () => (globalThis.render = await import("/markdown.js")));
  // The browser gets the page's icon when it likes, which may be now.
  const isIcon = (request) => request.url() === `${server.origin}/i`;
  page.on("request", (request) => isIcon(request) || asked.push(request.url()));
  try {
    await body(page);
    assert.deepEqual(asked, [], "no request");
    assert.deepEqual(page.problems, []);
    policy.none();
  } finally {
    await page.close();
    await server.close();
  }
}

cases[`${payloads.length} harmful documents, cut at every character, stay words`] = async () => {
  assert.ok(payloads.length >= 300);
  await renderer(async (page) => {
    const { found, cuts } = await page.evaluate((payloads) => {
      const NAMES =
        "P H1 H2 H3 H4 H5 H6 UL OL LI BLOCKQUOTE TABLE THEAD TBODY TR TH TD HR BR A STRONG EM " +
        "DEL CODE PRE FIGURE HEADER SPAN BUTTON DIV";
      const ATTRIBUTES =
        /^(dir|class|href|target|rel|title|start|tabindex|role|aria-label|aria-hidden|type)$/;
      const out = document.querySelector("#out");
      const found = [];
      let cuts = 0;
      const look = (text) => {
        for (const node of out.querySelectorAll("*")) {
          if (!NAMES.split(" ").includes(node.tagName)) found.push(`${node.tagName}: ${text}`);
          for (const { name, value } of node.attributes)
            if (!ATTRIBUTES.test(name)) found.push(`${name}=${value}: ${text}`);
          const scheme = node.tagName === "A" && new URL(node.href).protocol;
          if (scheme && !/^(https?|mailto):$/.test(scheme)) found.push(`${node.href}: ${text}`);
        }
      };
      for (const text of payloads)
        for (let end = 1; end <= text.length; end += 1) {
          const cut = text.slice(0, end);
          out.replaceChildren(...render.blocks(cut).map((token) => render.block(token, true)));
          look(cut);
          cuts += 1;
        }
      if (globalThis.pwned) found.push("a script ran");
      return { found: found.slice(0, 5), cuts };
    }, payloads);
    assert.deepEqual(found, []);
    console.log(`   note: ${cuts} cuts of ${payloads.length} documents`);
  });
};

/** Documents of every kind of block, in an order that differs each time. */
function documents(n) {
  const parts = [
    "A paragraph with **bold**, *emphasis*, `code` and a [link](https://example.com/a).\n\n",
    "## A heading\n\n",
    "- one\n- two\n  - inner\n- three\n\n",
    "1. first\n2. second\n\n",
    "> quoted\n> words\n\n",
    "```python\ndef f(x):\n    return x\n```\n\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n",
    "---\n\n",
    "Über 日本語 مرحبا <b>html</b> &amp; 🙂\n\n",
  ];
  let state = 42;
  const random = (n) => (state = (state * 48271) % 2147483647) % n;
  return Array.from({ length: n }, () =>
    Array.from({ length: 3 }, () => parts[random(parts.length)]).join(""),
  );
}

cases["300 documents, cut at every character: finished blocks never change"] = async () => {
  await renderer(async (page) => {
    const changed = await page.evaluate((documents) => {
      const changed = [];
      for (const text of documents) {
        let before = [];
        for (let end = 1; end <= text.length; end += 1) {
          const raws = render.blocks(text.slice(0, end)).map(({ raw }) => raw);
          // All but the last two: a list may take in the block behind it while it grows.
          for (let i = 0; i < before.length - 2; i += 1)
            if (raws[i] !== before[i]) changed.push([before[i], raws[i]]);
          render.blocks(text.slice(0, end)).forEach((token) => render.block(token, true));
          before = raws;
        }
      }
      return changed.slice(0, 3);
    }, documents(300));
    assert.deepEqual(changed, []);
  });
};

cases["thoughts are taken apart at every cut, and marks are never shown"] = async () => {
  const { Thoughts } = await load("../../engine/src/public/thoughts.ts");
  const table = {
    "<think>\nHm.\n</think>\n\nYes.": ["\nHm.\n", "Yes."],
    "<think></think>No.": ["", "No."],
    "No thoughts < here >": ["", "No thoughts < here >"],
    "<thin air>": ["", "<thin air>"],
    "  <think>a</thi</think>b": ["a</thi", "b"],
    "<think>never closed": ["never closed", ""],
    "x <think>later</think>": ["", "x <think>later</think>"],
  };
  for (const [text, [thought, words]] of Object.entries(table))
    for (let a = 0; a <= text.length; a += 1)
      for (let b = a; b <= text.length; b += 1) {
        const parts = [text.slice(0, a), text.slice(a, b), text.slice(b)];
        // As it comes, in the marks of another model, and begun by the prompt.
        const all = [[parts, undefined]];
        const square = (part) => part.replaceAll("<", "[").replaceAll(">", "]");
        const others = { open: "[think]", close: "[/think]", begun: false };
        if (!text.includes("here")) all.push([parts.map(square), others]);
        const isBegun = text.startsWith("<think>");
        const rest = [parts.join("").slice(7, a + 7), parts.join("").slice(a + 7)];
        if (isBegun) all.push([rest, { open: "<think>", close: "</think>", begun: true }]);
        for (const [parts, thinking] of all) {
          const thoughts = new Thoughts();
          const told = { done: false, text: "", thinking };
          const pieces = [told, ...parts.map((text) => ({ text, done: false })), told];
          pieces.push({ text: "", done: true });
          const out = pieces.map((piece) => thoughts.take(piece));
          const join = (name) => out.map((piece) => piece[name]).join("");
          const want = [thought, words].map(thinking?.open === "[think]" ? square : String);
          assert.deepEqual([join("thought"), join("text")], want, `${text} ${a} ${b}`);
        }
      }
};

/** The scripted server's page, with its model chosen. */
async function withChat(script, body) {
  const server = await serveScripted(script);
  const page = await browser.page();
  page.asked = [];
  page.on("request", (request) => page.asked.push(request.url()));
  try {
    await page.goto(server.page);
    await started(page);
    await chooseScripted(page);
    await body(page, server);
    assert.deepEqual(page.problems, []);
    policy.none();
  } finally {
    await page.close();
    await server.close();
  }
}

cases["a stream of harmful pieces in a real answer asks nobody and runs nothing"] = async () => {
  // Each document in pieces of three characters, all in one answer.
  const text = payloads.filter((_, i) => i % 6 === 0).join("\n\n");
  const pieces = text.match(/[^]{1,3}/g);
  await withChat({ pieces }, async (page, server) => {
    await page.evaluate(() => (globalThis.pwned = 0));
    await askAndWait(page, "<img src=x onerror=globalThis.pwned=1>");
    assert.equal(await page.evaluate(() => globalThis.pwned), 0);
    const none = "main :is(img, script, iframe, style, link, object, embed, form, video, base)";
    assert.equal(await page.locator(none).count(), 0);
    const foreign = page.asked.filter((url) => !url.startsWith(server.origin));
    assert.deepEqual(foreign, []);
  });
};

cases["code is colored when it is done, and copied as it is"] = async () => {
  const code = "def f(x):\n    return 'x'  # why";
  await withChat({ pieces: [`\`\`\`python\n${code}\n\`\`\`\n`] }, async (page) => {
    await browser.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await askAndWait(page, "Code");
    await page.waitForSelector(".codebox .k");
    assert.equal(await page.textContent(".codebox code"), code);
    assert.equal(await page.textContent(".codebox .c"), "# why");
    await page.locator(".codebox button").click();
    // The browser has it a moment after the press.
    await page.waitForFunction(
      async (code) => (await navigator.clipboard.readText()) === code,
      code,
    );
  });
};

cases["thinking is folded, kept, and asked for where the model can"] = async () => {
  const script = { thinks: true, thoughts: ["Let me ", "see."], pieces: ["Done."] };
  await withChat(script, async (page, server) => {
    await askAndWait(page, "Think");
    assert.equal(server.asked[0].think, true);
    const fold = page.locator(".thoughts");
    assert.equal(await fold.evaluate((node) => node.open), false);
    await fold.locator("summary").click();
    assert.equal(await fold.locator("p").textContent(), "Let me see.");
    await written(page, 1);
    await page.reload();
    await page.waitForSelector(".thoughts");
    assert.equal(await page.textContent(".msg-body"), "Done.");
    await askAndWait(page, "Again");
    assert.equal(server.asked[1].messages[1].content, "Done.", "thoughts are not sent again");
  });
};

cases["the setup of a chat goes with its messages, and only what was changed"] = async () => {
  await withChat({}, async (page, server) => {
    await askAndWait(page, "Plain");
    assert.deepEqual(Object.keys(server.asked[0].options).sort(), ["num_predict", "temperature"]);
    assert.equal(server.asked[0].truncate, false);
    await page.click("#setup");
    await page.fill("dialog textarea", "You are brief.");
    await page.getByText("Details").click();
    const rows = { "Top-p": "0.5", "Top-k": "20", "Repeat penalty": "1.2", Seed: "7" };
    for (const [label, value] of Object.entries(rows)) {
      await page.getByLabel(label, { exact: true }).fill(value);
      await page.keyboard.press("Tab");
    }
    await page.getByLabel(/^Stop words/).fill("END\nSTOP");
    await page.getByLabel(/^JSON schema/).fill('{"type":"object"}');
    await page.keyboard.press("Tab");
    await page.keyboard.press("Escape");
    await askAndWait(page, "Set up");
    const { options, messages, format } = server.asked[1];
    assert.deepEqual(messages[0], { role: "system", content: "You are brief." });
    assert.deepEqual(format, { type: "object" });
    assert.equal(options.top_p, 0.5);
    assert.equal(options.top_k, 20);
    assert.equal(options.repeat_penalty, 1.2);
    assert.equal(options.seed, 7);
    assert.deepEqual(options.stop, ["END", "STOP"]);
    await page.click("#new-chat");
    await askAndWait(page, "New");
    assert.equal(server.asked[2].messages.length, 1, "another chat has its own setup");
    assert.equal(server.loads, 1, "no value of the setup loads the model again");
  });
};

cases["the creativity of a model's Modelfile counts until another one is chosen"] = async () => {
  const script = { parameters: `stop                           "a b"\ntemperature          0.2` };
  await withChat(script, async (page, server) => {
    const slider = page.locator('dialog input[type="range"]');
    const sent = async (text) => {
      await askAndWait(page, text);
      return server.asked.at(-1).options.temperature;
    };
    assert.equal(await sent("As it is"), 0.2);
    await page.click("#setup");
    assert.equal(await slider.inputValue(), "0.2");
    await page.getByRole("button", { name: "varied" }).click();
    await page.keyboard.press("Escape");
    assert.equal(await sent("Chosen"), 1.1);
    await page.click("#setup");
    const row = page.locator(".setting", { has: page.locator('input[type="range"]') });
    await row.getByRole("button", { name: "Reset" }).click();
    assert.equal(await slider.inputValue(), "0.2");
    await page.keyboard.press("Escape");
    assert.equal(await sent("As it was"), 0.2);
  });
};

cases["instructions are kept by name, used in another chat, and forgotten"] = async () => {
  await withChat({}, async (page, server) => {
    await page.click("#setup");
    await page.fill("dialog textarea", "You are brief.");
    await page.fill(ui("preset.name"), "Brief");
    await page.click(ui("preset.keep"));
    await page.getByText("Kept in this browser.").waitFor();
    await page.keyboard.press("Escape");
    await page.reload();
    await page.waitForSelector(READY);
    await page.click("#setup");
    await page.selectOption(ui("preset.use"), "Brief");
    assert.equal(await page.inputValue("dialog textarea"), "You are brief.");
    await page.keyboard.press("Escape");
    await askAndWait(page, "Hello");
    assert.deepEqual(server.asked[0].messages[0], { role: "system", content: "You are brief." });
    await page.click("#setup");
    await page.click(ui("preset.drop"));
    assert.equal(await page.inputValue("dialog textarea"), "You are brief.", "the text stays");
    assert.equal(await page.locator(ui("preset.use")).isHidden(), true);
  });
};

cases["attached and pasted text goes with the message, and a picture is refused in words"] =
  async () => {
    await withChat({}, async (page, server) => {
      const text = {
        name: "notes.txt",
        mimeType: "text/plain",
        buffer: Buffer.from("the notes"),
      };
      await page.setInputFiles("#attachment", text);
      await page.locator("#files .file", { hasText: "notes.txt" }).waitFor();
      const picture = { name: "p.png", mimeType: "image/png", buffer: Buffer.from([137, 80]) };
      await page.setInputFiles("#attachment", picture);
      await page.getByText("this model cannot see pictures").first().waitFor();
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.setData("text/plain", "long ".repeat(2000));
        const paste = new ClipboardEvent("paste", { clipboardData: data, cancelable: true });
        document.querySelector("#ask").dispatchEvent(paste);
      });
      await page.locator("#files .file", { hasText: "Pasted text" }).waitFor();
      await askAndWait(page, "Read this");
      const [{ content }] = server.asked[0].messages;
      assert.match(content, /^notes\.txt:\n```\nthe notes\n```\n\nPasted text:\n```\nlong long/);
      assert.match(content, /Read this$/);
      assert.equal(await page.locator(".msg.me .file").count(), 2);
      assert.equal(await page.locator("#files .file").count(), 0);
    });
  };

cases["too long: nothing is cut without a choice, then the line says what is not seen"] =
  async () => {
    await withChat({ contextLength: 400 }, async (page, server) => {
      const words = (n) => `message ${n} `.repeat(100);
      await askAndWait(page, words(1));
      await ask(page, words(2));
      const card = page.locator(ui("alert.ctx.full"));
      await card.waitFor();
      assert.equal(server.asked.length, 1, "nothing was sent");
      assert.match(await card.textContent(), /fit\. Nothing is left out unless you say so/);
      await card.getByText("Leave out the oldest messages").click();
      await page.waitForFunction(() => document.querySelectorAll(".msg:not(.me)").length === 2);
      await finished(page);
      assert.equal(server.asked[1].messages.length, 1);
      assert.match(server.asked[1].messages[0].content, /^message 2/);
      const next = await page
        .locator(ui("ctx.left"))
        .evaluate((line) => line.nextElementSibling.textContent.slice(0, 9));
      assert.equal(next, "message 2", "the line is above the first message that was sent");
    });
  };

cases["too long for the server: its refusal has the same ways on"] = async () => {
  const script = { error: "the input is too long", code: "ctx.full" };
  await withChat(script, async (page, server) => {
    await ask(page, "short");
    const card = page.locator(ui("alert.ctx.full"));
    await card.waitFor();
    assert.match(page.problems.splice(0).join(), /status of 400/, "as the browser says it");
    assert.equal(server.asked.length, 1);
    script.error = undefined;
    await card.getByText("Leave out the oldest messages").click();
    await page.waitForFunction(() => document.querySelector(".msg:not(.me) .msg-body"));
    await finished(page);
    assert.equal(server.asked.length, 2);
  });
};

cases["the gauge says what was sent, turns amber at 75 % and says the room left at 90 %"] =
  async () => {
    await withChat({ contextLength: 1000 }, async (page, server) => {
      const level = () => page.locator("#gauge").getAttribute("data-level");
      const number = async () =>
        Number((await page.textContent("#gauge-text")).match(/\d+/)?.[0]);
      const send = async (characters) => {
        await page.click("#new-chat");
        await askAndWait(page, "x".repeat(characters));
        const sent = server.asked
          .at(-1)
          .messages.map(({ content }) => content)
          .join(" ").length;
        return Math.ceil(sent / 4) + 2; // and the answer's tokens, as the server counts
      };
      assert.equal(await send(400), await number());
      assert.equal(await level(), "calm");
      assert.equal(await send(3040), await number());
      assert.equal(await level(), "amber");
      await send(3700);
      assert.equal(await level(), "full");
      assert.match(
        await page.textContent("#gauge-text"),
        /^Nearly full: room for about \d+ words$/,
      );
    });
  };

cases["the view stays while an answer grows; End follows until the reader scrolls up"] =
  async () => {
    const pieces = Array.from({ length: 160 }, (_, i) => `Line ${i}\n\n`);
    // However slow the page is, there is more to come when it is asked to follow.
    await withChat({ pieces, pauseMs: 15, upTo: 60 }, async (page, { script }) => {
      const top = () => page.evaluate(() => Math.round(document.querySelector("#log").scrollTop));
      const has = (n) =>
        page.waitForFunction(
          (text) => document.querySelector(".msg-body")?.textContent.includes(text),
          `Line ${n}L`,
        );
      await page.evaluate(() => {
        globalThis.shift = [];
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries())
            if (!entry.hadRecentInput)
              for (const { node } of entry.sources)
                // The line under the growing answer goes down with it.
                if (!node?.closest?.("article"))
                  globalThis.shift.push(node?.outerHTML?.slice(0, 60) ?? String(node));
        }).observe({ type: "layout-shift", buffered: false });
      });
      await ask(page, "Go");
      await has(1);
      const start = await top();
      await has(50);
      assert.equal(await top(), start, "nothing moves by itself");
      await page.locator(ui("turn.more-below")).waitFor();
      await page.locator(".msg.me").focus();
      await page.keyboard.press("End");
      const followed = await top();
      script.upTo = 100;
      await has(80);
      assert.ok((await top()) > followed, "it follows");
      await page.evaluate(() => (document.querySelector("#log").scrollTop -= 60));
      await page.waitForTimeout(50);
      const stays = await top();
      script.upTo = Infinity;
      await finished(page);
      assert.equal(await top(), stays, "finishing moves nothing");
      assert.deepEqual(await page.evaluate(() => globalThis.shift), [], "no layout shift");
    });
  };

await run(cases, { after: () => browser.close() });
