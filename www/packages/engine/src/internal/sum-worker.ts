/** Computes the digest of one file: bytes come in buffers that go back, at last the digest goes. */

import { builds } from "../wasm/builds.js";

import type { SumCall, SumStart } from "./sums.js";

interface Scope {
  onmessage: ((event: MessageEvent<SumStart | SumCall>) => void) | null;
  postMessage(message: Uint8Array, transfer: Transferable[]): void;
}

type Hasher = InstanceType<typeof import("../wasm/ingle.js").WasmHasher>;

const scope = globalThis as unknown as Scope;
let hasher: Promise<Hasher> | null = null;
/** What came before the module was ready is answered after it, in order. */
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }) => {
  if ("module" in data) hasher = open(data);
  else last = last.then(() => answer(data)).catch(fail);
};

async function open({ name, module }: SumStart): Promise<Hasher> {
  const glue = await builds[name]?.load();
  if (!glue) throw new Error(`no module '${name}'`);
  await glue.default({ module_or_path: module });
  return new glue.WasmHasher();
}

async function answer(call: SumCall): Promise<void> {
  const sum = await hasher;
  if (!sum) throw new Error("no module came");
  if (call.type === "add") {
    sum.update(call.buffer.subarray(0, call.n));
    scope.postMessage(call.buffer, [call.buffer.buffer]);
  } else {
    scope.postMessage(sum.finish(), []);
  }
}

/** An error that nobody catches ends the worker's use for who started it. */
function fail(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}
