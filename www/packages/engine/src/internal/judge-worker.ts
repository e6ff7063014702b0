/**
 * The judge's worker: the engine's module in a memory of its own, one piece of work, and the end.
 * An answer goes on beside it; both lock the stored files like two tabs.
 */

import { aborted } from "./aborted.js";
import { serveAside } from "./aside-worker.js";
import type { JudgeCalls } from "./judge-messages.js";
import { type LoadedModule, loadModule, type ModuleWishes } from "./module.js";
import { nextTask } from "./task.js";

type Result = JudgeCalls[keyof JudgeCalls]["result"];

serveAside<JudgeCalls>(async (call, { signal, onProgress }): Promise<Result> => {
  const { glue } = await load(call.wishes);
  const judge = await glue.WasmJudge.open(nextTask);
  if (signal.aborted) throw aborted();
  const { settings } = call;
  if (call.type === "perplexity")
    return (await judge.perplexity(call.name, settings, onProgress, signal)) as Result;
  const { baseline, quantized } = call;
  return (await judge.validate(baseline, quantized, settings, onProgress, signal)) as Result;
});

/** The best module for the processor; a page without a network may have kept only its engine's. */
function load(wishes: ModuleWishes): Promise<LoadedModule> {
  return loadModule(wishes, false).catch(() => loadModule(wishes, true));
}
