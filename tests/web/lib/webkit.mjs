// WebKitGTK for the tests: a window of our own (`webkit-browser.py`: Debian's MiniBrowser keeps
// nothing while it is driven) on a display of its own (Xvfb), driven by plain WebDriver. Without
// WebGPU, private storage, shared memory and relaxed SIMD, as Debian builds it.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAMS = ["/usr/bin/WebKitWebDriver", "/usr/bin/Xvfb", "/usr/bin/python3"];
const [DRIVER, SCREEN, PYTHON] = PROGRAMS;
const BROWSER = fileURLToPath(new URL("webkit-browser.py", import.meta.url));
/** Longest a script in the page may take. */
const SCRIPT_MS = 240_000;
const START_MS = 60_000;

/** The browser to test with, or null. */
export function executable() {
  const isBound = ["x86_64-linux-gnu", "aarch64-linux-gnu"].some((machine) =>
    existsSync(`/usr/lib/${machine}/girepository-1.0/WebKit2-4.1.typelib`),
  );
  const hasGi = existsSync("/usr/lib/python3/dist-packages/gi");
  return isBound && hasGi && PROGRAMS.every((file) => existsSync(file)) ? BROWSER : null;
}

/**
 * `page` as in `browser.mjs`, as far as tests of several browsers need it: one page at a time. What
 * the browser stores goes into `profile`, or into a folder that `close` removes.
 */
export async function launch({ profile = null } = {}) {
  const home = profile ?? mkdtempSync(path.join(os.tmpdir(), "ingle-webkit-"));
  const screen = await display();
  const port = await freePort();
  const driver = spawn(DRIVER, [`--port=${port}`], {
    env: {
      ...process.env,
      DISPLAY: `:${screen.number}`,
      HOME: home,
      XDG_DATA_HOME: path.join(home, "data"),
      XDG_CACHE_HOME: path.join(home, "cache"),
      LIBGL_ALWAYS_SOFTWARE: "1",
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
    },
    stdio: "ignore",
  });
  const ask = client(`http://127.0.0.1:${port}`);
  const end = () => {
    driver.kill();
    screen.process.kill();
    if (!profile) rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await until(() => ask("GET", "/status"));
    const options = { binary: PYTHON, args: [BROWSER, home] };
    const alwaysMatch = { browserName: "ingle-webkit", "webkitgtk:browserOptions": options };
    const { sessionId } = await ask("POST", "/session", { capabilities: { alwaysMatch } });
    const session = `/session/${sessionId}`;
    await ask("POST", `${session}/timeouts`, { script: SCRIPT_MS });
    return {
      page: async (url) => {
        await ask("POST", `${session}/url`, { url });
        return page(ask, session);
      },
      close: async () => {
        await ask("DELETE", session).catch(() => undefined);
        end();
      },
    };
  } catch (error) {
    end();
    throw error;
  }
}

function page(ask, session) {
  // The function is part of the script: a page's policy may forbid to make one of a text.
  const script = (body) => `
    const [argument, done] = arguments;
    Promise.resolve().then(() => (${body})(argument)).then(
      (value) => done(JSON.stringify({ value })),
      (error) => done(JSON.stringify({ error: [error, error?.detail, error?.stack].join(" ") })),
    );`;
  return {
    goto: (url) => ask("POST", `${session}/url`, { url }),
    reload: () => ask("POST", `${session}/refresh`, {}),
    evaluate: async (body, argument = null) => {
      const asked = { script: script(body), args: [argument] };
      const text = await ask("POST", `${session}/execute/async`, asked);
      const { value, error } = JSON.parse(text);
      if (error !== undefined) throw new Error(error);
      return value;
    },
    close: async () => {},
  };
}

/** A client of the driver: the value of its answer, or what it says is wrong. */
function client(origin) {
  return async (method, where, body) => {
    const response = await fetch(origin + where, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
}

/** A display without a screen, with a number that is free. */
async function display() {
  const server = spawn(SCREEN, ["-displayfd", "3", "-screen", "0", "1280x800x24"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const number = await new Promise((resolve, reject) => {
    server.stdio[3].once("data", (data) => resolve(String(data).trim()));
    server.once("exit", (code) => reject(new Error(`Xvfb ended with ${code}`)));
  });
  return { number, process: server };
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(attempt) {
  for (const end = performance.now() + START_MS; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
