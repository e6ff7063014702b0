/**
 * The workshop's worker: a module of its own, one piece of work, and the end. It runs beside the
 * engine's worker and shares nothing with it but the stored files, which both lock like two tabs.
 */

import { workshop } from "../wasm/workshop.js";

import { EngineError } from "../public/errors.js";
import { aborted } from "./aborted.js";
import { serveAside } from "./aside-worker.js";
import { compile } from "./compile.js";
import { nextTask } from "./task.js";
import type { WorkshopCalls } from "./workshop-messages.js";

type Result = WorkshopCalls[keyof WorkshopCalls]["result"];

serveAside<WorkshopCalls>(async (call, { signal, onProgress }): Promise<Result> => {
  const glue = await load();
  const shop = await glue.WasmWorkshop.open(nextTask);
  if (signal.aborted) throw aborted();
  if (call.type === "choices") return (await shop.choices(call.name)) as Result;
  if (call.type === "plan") return (await shop.plan(call.name, call.settings)) as Result;
  return (await shop.quantize(call.name, call.settings, onProgress, signal)) as Result;
});

async function load() {
  try {
    if (!workshop) throw new Error("this build has no workshop");
    const compiled = compile(workshop.file, workshop.integrity);
    const [glue, module] = await Promise.all([workshop.load(), compiled]);
    await glue.default({ module_or_path: module });
    return glue;
  } catch (error) {
    throw new EngineError(
      "engine.module",
      "The part of ingle that makes models smaller could not be loaded. Check that " +
        "ingle-workshop_bg.wasm is served beside the script, then try again.",
      String(error),
    );
  }
}
