/** A compute worker: enters the engine's memory and computes there until the engine ends. */

import { builds } from "../wasm/builds.js";

import type { ThreadReply, ThreadStart } from "./threads.js";

interface Scope {
  onmessage: ((event: MessageEvent<ThreadStart>) => void) | null;
  postMessage(message: ThreadReply): void;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data }) => void work(data);

async function work({ name, module, memory }: ThreadStart): Promise<void> {
  const glue = await builds[name]?.load();
  if (!glue) throw new Error(`no module '${name}'`);
  await glue.default({ module_or_path: module, memory });
  const thread = glue.enterThread();
  scope.postMessage({ type: thread > 0 ? "ready" : "late" });
  if (thread === 0) return;
  try {
    glue.serveThread(thread);
  } catch (error) {
    glue.threadTrapped();
    throw error;
  }
}
