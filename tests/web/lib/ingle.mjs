// A real `ingle serve` on a free port, with a store of its own and one seeded model in it.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";

import { root } from "./paths.mjs";
import { seededFolder } from "./seeded.mjs";

/** The program to test, or null. `cargo xtask test` names it. */
export function program() {
  const built = path.join(root, "target/debug/ingle");
  return [process.env.INGLE_BIN, built].find((file) => file && existsSync(file)) ?? null;
}

/** Time for a debug build to start on a busy machine. */
const START_MS = 60_000;

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts the server with a model called `name`. `stop` and `start` are for tests of what happens
 * without it: the address stays the same.
 */
export async function serveIngle({ name = "mine", env = {} } = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ingle-serve-"));
  const port = await freePort();
  const envs = {
    PATH: process.env.PATH,
    HOME: folder,
    XDG_CACHE_HOME: folder,
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: path.join(folder, "models"),
    INGLE_METRICS: "1",
    ...env,
  };
  const origin = `http://localhost:${port}`;
  const headers = env.INGLE_TOKEN ? { authorization: `Bearer ${env.INGLE_TOKEN}` } : {};
  let child = null;
  const server = {
    origin,
    name,
    /** The command with the server's variables. */
    run: (...args) => execFileSync(program(), args, { env: envs, stdio: "pipe" }),
    get: (where) => fetch(origin + where, { headers }),
    start: async () => {
      child = spawn(program(), ["serve"], {
        env: envs,
        stdio: ["ignore", "ignore", process.env.VERBOSE ? "inherit" : "ignore"],
      });
      const end = Date.now() + START_MS;
      while (Date.now() < end && child.exitCode === null) {
        const live = await fetch(`${origin}/livez`).catch(() => null);
        if (live?.ok) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`ingle serve did not start (exit code ${child.exitCode})`);
    },
    stop: async (what = "SIGTERM") => {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill(what);
      await ended;
    },
    close: async () => {
      await server.stop("SIGKILL");
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
  await server.start();
  const modelfile = path.join(folder, "Modelfile");
  writeFileSync(modelfile, `FROM ${path.join(seededFolder(), "llama-tied.gguf")}\n`);
  server.run("create", name, "-f", modelfile);
  return server;
}

/**
 * A proxy in front of the server that can hold an answer after its first bytes: however fast the
 * machine is, the answer is not done then. `Host` goes through as it is, so the page is the
 * server's own.
 */
export async function slowRoad(origin) {
  const { port } = new URL(origin);
  const road = {
    /** Holds answers of `/api/chat` from now on. */
    holds: false,
    /** Answers that the browser gave up. */
    givenUp: 0,
    /** Ends what is held as if the server had gone. */
    cut: () => held.forEach((response) => response.destroy()),
  };
  const held = new Set();
  const proxy = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const options = { host: "127.0.0.1", port, method, path: url, headers };
    const onward = http.request(options, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      if (!road.holds || url !== "/api/chat") return answer.pipe(response);
      held.add(response);
      response.on("close", () => held.delete(response));
      let sent = 0;
      answer.on("data", (bytes) => {
        if (sent < 1000) response.write(bytes.subarray(0, 1000 - sent));
        sent += bytes.length;
      });
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => {
      if (!response.writableFinished) road.givenUp += 1;
      onward.destroy();
    });
    request.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  road.origin = `http://localhost:${proxy.address().port}`;
  road.close = () =>
    new Promise((resolve) => {
      proxy.close(resolve);
      proxy.closeAllConnections();
    });
  return road;
}
