// A real server: the built program on a free port of this machine, with a store of its own.
// `cargo xtask test --only clients` leaves program and models where they are looked for here;
// `INGLE_BIN` and `INGLE_SEEDED` name others.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";

import { root } from "../../../web/lib/paths.mjs";

const program = process.env.INGLE_BIN ?? path.join(root, "target/debug/ingle");
const seededFolder = process.env.INGLE_SEEDED ?? path.join(root, "target/debug/seeded-models");

/** Longest until a server listens; it takes milliseconds. */
const START_TIMEOUT_MS = 60_000;

/** What a server sees of this process's environment: no person's store, and no proxy. */
const KEPT = ["PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "LD_LIBRARY_PATH"];

/** The bytes of a seeded model. */
export const seededBytes = (file) => readFileSync(path.join(seededFolder, file));

/** Bytes as blobs are named. */
export const digestOf = (bytes) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Started with these arguments and variables; `close` ends it and removes its store. */
export async function start({ args = [], env = {} } = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ingle-clients-"));
  const kept = Object.fromEntries(KEPT.map((name) => [name, process.env[name] ?? ""]));
  const child = spawn(program, ["serve", "--host", "127.0.0.1:0", ...args], {
    env: { ...kept, HOME: folder, OLLAMA_LLM_LIBRARY: "cpu", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const close = async () => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const log = [];
  const address = await new Promise((resolve) => {
    readline.createInterface({ input: child.stderr }).on("line", (line) => {
      log.push(line);
      const found = line.match(/listening on (\S+)/);
      if (found) resolve(found[1]);
    });
    ended.then(() => resolve(null));
    setTimeout(() => resolve(null), START_TIMEOUT_MS).unref();
  });
  if (!address) {
    await close();
    throw new Error(`the server did not start:\n${log.join("\n")}`);
  }
  const url = `http://${address}`;
  /** A plain request, for what prepares a test: JSON or bytes go. */
  const ask = async (route, body, method = "POST") => {
    const isBytes = Buffer.isBuffer(body);
    const headers = { "content-type": "application/json" };
    const sent = isBytes ? body : JSON.stringify(body);
    const response = await fetch(url + route, { method, headers, body: sent });
    if (!response.ok) throw new Error(`${route}: ${response.status} ${await response.text()}`);
  };
  /** A blob of a seeded model; gives its digest. */
  const upload = async (file) => {
    const bytes = seededBytes(file);
    await ask(`/api/blobs/${digestOf(bytes)}`, bytes);
    return digestOf(bytes);
  };
  /** A stored model of a seeded file. */
  const create = async (model, file, fields = {}) => {
    const files = { [file]: await upload(file) };
    await ask("/api/create", { model, files, stream: false, ...fields });
  };
  return { address, url, ask, upload, create, close };
}
