// A worker script that can be made to fail: the package's own worker, behind a script that puts
// itself between the module and the browser. `page.workers()[i].evaluate` reaches `faults`.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const PATCH = `
/** A module whose only function traps. */
const TRAP = new WebAssembly.Module(new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 116, 114, 97, 112, 0, 0,
  10, 5, 1, 3, 0, 0, 11,
]));
const { trap } = new WebAssembly.Instance(TRAP).exports;
const faults = { trapAfter: Infinity, devices: [], at: null, tokens: null, slowMs: 0 };
faults.isMute = false;
faults.isHeld = false;
faults.isUnread = false;
globalThis.faults = faults;

// Every call out of the module may be one in which it traps: the trap unwinds through it.
const instantiate = WebAssembly.instantiate;
const guarded = (original) =>
  function (...args) {
    faults.trapAfter -= 1;
    if (faults.trapAfter < 0) {
      faults.trapAfter = Infinity;
      trap();
    }
    return original.apply(this, args);
  };
const guard = ([name, value]) => [name, typeof value === "function" ? guarded(value) : value];
WebAssembly.instantiate = (module, imports) => {
  const spaces = Object.entries(imports ?? {}).map(([space, functions]) => [
    space,
    Object.fromEntries(Object.entries(functions).map(guard)),
  ]);
  return instantiate(module, Object.fromEntries(spaces));
};

/** In the n-th call of a kind the device goes away, or has no memory left. */
const fail = (what) => {
  const device = faults.devices.at(-1);
  if (what === "lost") return device.destroy();
  const error = new GPUOutOfMemoryError("no memory, on purpose");
  device.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error }));
};
const watch = (prototype, name) => {
  const original = prototype[name];
  prototype[name] = function (...args) {
    const { at } = faults;
    if (at?.call === name && (at.n -= 1) < 0) {
      faults.at = null;
      fail(at.what);
    }
    return original.apply(this, args);
  };
};
if (globalThis.GPUAdapter) {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await requestDevice.apply(this, args);
    faults.devices.push(device);
    return device;
  };
  // A chip that takes work and never says that it is done.
  const mute = (prototype, name) => {
    const original = prototype[name];
    prototype[name] = function (...args) {
      const done = original.apply(this, args);
      return faults.isMute ? new Promise(() => undefined) : done;
    };
  };
  // Or one that is not done with what it was given before it goes away.
  const lost = async () => {
    await faults.devices.at(-1).lost;
    throw new DOMException("the device went away, on purpose", "AbortError");
  };
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (...args) {
    const done = mapAsync.apply(this, args);
    return faults.isHeld ? done.then(lost) : done;
  };
  mute(GPUBuffer.prototype, "mapAsync");
  mute(GPUQueue.prototype, "onSubmittedWorkDone");
  watch(GPUQueue.prototype, "writeBuffer");
  watch(GPUQueue.prototype, "submit");
  watch(GPUDevice.prototype, "createBuffer");
}

/** From now on a second passes in a millisecond or two, for all but animations. */
faults.hurry = (factor) => {
  const [now, later, start] = [performance.now.bind(performance), setTimeout, performance.now()];
  performance.now = () => start + (now() - start) * factor;
  globalThis.setTimeout = (run, ms = 0, ...rest) => later(run, ms / factor, ...rest);
};

// As if nobody read what is written from now on: no answer comes to more than some thirty parts.
addEventListener("message", (event) => {
  if (faults.isUnread && event.data.type === "more") event.stopImmediatePropagation();
});

// At a number of tokens (or parts of a body) of the next answer: { n, what, trapAfter }. A tiny
// model writes hundreds of tokens in the time a test needs to say so, hence from within; or slowly,
// for the rest.
const { postMessage } = globalThis;
globalThis.postMessage = (message, ...rest) => {
  postMessage(message, ...rest);
  if (message.type !== "piece" && message.type !== "chunk") return;
  for (const end = performance.now() + faults.slowMs; performance.now() < end; );
  const { tokens } = faults;
  if (!tokens || (tokens.n -= message.piece?.tokens.length ?? 1) > 0) return;
  faults.tokens = null;
  if (tokens.what === "trap") faults.trapAfter = tokens.trapAfter ?? 0;
  else if (tokens.what === "kill") {
    // It runs to the end of its task; one that the browser ends says nothing more.
    globalThis.postMessage = () => undefined;
    close();
  }
  else if (tokens.what === "hold") faults.isHeld = true;
  else if (tokens.what === "mute") {
    faults.isMute = true;
    faults.hurry(1000);
  }
  else fail(tokens.what);
};

// "?generate:trap=20" traps a while after every request of that kind, in every worker.
const [, type, what, n] = /^.(\\w+):(\\w+)=(\\d+)$/.exec(location.search) ?? [];
addEventListener("message", ({ data }) => {
  if (data.type !== type) return;
  if (what === "trap") faults.trapAfter = Number(n);
  else faults.at = { call: "createBuffer", n: Number(n), what };
});
`;

/** Address of the worker; with "?generate:trap=20" it traps a while after each such request. */
export const FAULTY = "/worker-faulty.js";

const script = (text) => (_, response) => {
  response.setHeader("content-type", "text/javascript");
  response.end(text);
};

/** The mounts for `serveEngine`. */
export const faultyWorker = {
  "/patch-faults.js": script(PATCH),
  [FAULTY]: script("import '/patch-faults.js';\nimport '/deep/er/lib/internal/worker.js';"),
};

/**
 * The mount for a server of the chat page below `base`: the engine's worker with the same script,
 * and with `more` behind that.
 */
export function faultyApp(base, dist, more = "") {
  const folder = path.join(dist, "assets");
  const texts = readdirSync(folder)
    .filter((name) => /^worker-.*\.js$/.test(name))
    .map((name) => [name, readFileSync(path.join(folder, name), "utf8")]);
  const found = texts.filter(([, text]) => text.includes("models.pull"));
  if (found.length !== 1) throw new Error(`${found.length} workers look like the engine's`);
  const [[name, text]] = found;
  return { [`${base}assets/${name}`]: script(`{${PATCH}${more}}\n${text}`) };
}

/** The worker of such a page that has the engine; undefined where another tab has it. */
export async function faultyWorkerOf(page) {
  for (const worker of page.workers())
    if (await worker.evaluate(() => "faults" in globalThis).catch(() => false)) return worker;
  return undefined;
}

/** Pauses the whole process of a page, as systems do with sleeping tabs; gives a way back. */
export async function freeze(browser, page) {
  const session = await browser.context.browser().newBrowserCDPSession();
  const times = async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    return new Map(renderers.map(({ id, cpuTime }) => [id, cpuTime]));
  };
  // Which process it is shows in whose time grows while the page is busy; where the machine has no
  // time for it, it is busy once more.
  const before = await times();
  let [first, second] = [[0, 0]];
  while (first[0] - (second?.[0] ?? 0) < 0.1) {
    await page.evaluate(() => {
      for (const end = performance.now() + 200; performance.now() < end;);
    });
    const known = [...(await times())].filter(([id]) => before.has(id));
    const grown = known.map(([id, time]) => [time - before.get(id), id]);
    [first, second] = grown.sort((a, b) => b[0] - a[0]);
  }
  const [, pid] = first;
  await session.detach();
  process.kill(pid, "SIGSTOP");
  return () => process.kill(pid, "SIGCONT");
}
