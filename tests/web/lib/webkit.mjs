// WebKitGTK for the tests: its MiniBrowser on a display of its own (Xvfb), driven by plain
// WebDriver. Without WebGPU, private storage, shared memory and relaxed SIMD, as Debian builds it.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const DRIVER = "/usr/bin/WebKitWebDriver";
/** Longest a script in the page may take. */
const SCRIPT_MS = 120_000;
const START_MS = 15_000;

/** The browser to test with, or null. */
export function executable() {
  const found = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
    .flatMap((machine) => ["4.1", "6.0", "4.0"].map((no) => [machine, no]))
    .map(([machine, no]) => `/usr/lib/${machine}/webkit2gtk-${no}/MiniBrowser`)
    .find((file) => existsSync(file));
  return existsSync(DRIVER) && existsSync("/usr/bin/Xvfb") ? (found ?? null) : null;
}

/** `page` as in `browser.mjs`, as far as tests of several browsers need it: one page at a time. */
export async function launch() {
  const home = mkdtempSync(path.join(os.tmpdir(), "ingle-webkit-"));
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
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await until(() => ask("GET", "/status"));
    const options = { binary: executable(), args: ["--automation"] };
    const alwaysMatch = { browserName: "MiniBrowser", "webkitgtk:browserOptions": options };
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
  const script = `
    const [source, argument, done] = arguments;
    const body = (0, eval)("(" + source + ")");
    Promise.resolve().then(() => body(argument)).then(
      (value) => done(JSON.stringify({ value })),
      (error) => done(JSON.stringify({ error: [error, error?.detail, error?.stack].join(" ") })),
    );`;
  return {
    goto: (url) => ask("POST", `${session}/url`, { url }),
    reload: () => ask("POST", `${session}/refresh`, {}),
    evaluate: async (body, argument = null) => {
      const args = [String(body), argument];
      const text = await ask("POST", `${session}/execute/async`, { script, args });
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
  const server = spawn("/usr/bin/Xvfb", ["-displayfd", "3", "-screen", "0", "1280x800x24"], {
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
