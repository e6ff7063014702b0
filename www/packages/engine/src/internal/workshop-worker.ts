/**
 * The workshop's worker: a module of its own, one piece of work, and the end. It runs beside the
 * engine's worker and shares nothing with it but the stored files, which both lock like two tabs.
 */

import { workshop } from "../wasm/workshop.js";

import { EngineError } from "../public/errors.js";
import { aborted } from "./aborted.js";
import { compile } from "./compile.js";
import { errorBody } from "./error-body.js";
import { nextTask } from "./task.js";
import type { WorkshopCallName, WorkshopCalls, WorkshopReply } from "./workshop-messages.js";
import type { WorkshopRequest } from "./workshop-messages.js";

type Result = WorkshopCalls[WorkshopCallName]["result"];
type Call = Extract<WorkshopRequest, { lock: string }>["call"];

const stop = new AbortController();
const say = (reply: WorkshopReply) => postMessage(reply);

onmessage = ({ data }: MessageEvent<WorkshopRequest>) => {
  if ("cancel" in data) return stop.abort();
  holdLock(data.lock);
  run(data.call).then(
    (result) => say({ result }),
    (error: unknown) => say({ error: errorBody(error) }),
  );
};

// A trap inside the module surfaces here and nowhere else: the promise it was in never settles.
addEventListener("error", (event) => say({ error: errorBody(event.error ?? event.message) }));
addEventListener("unhandledrejection", (event) => say({ error: errorBody(event.reason) }));

async function run(call: Call): Promise<Result> {
  const glue = await load();
  const shop = await glue.WasmWorkshop.open(nextTask);
  if (stop.signal.aborted) throw aborted();
  if (call.type === "choices") return (await shop.choices(call.name)) as Result;
  if (call.type === "plan") return (await shop.plan(call.name, call.settings)) as Result;
  const onProgress = (progress: never) => say({ progress });
  return (await shop.quantize(call.name, call.settings, onProgress, stop.signal)) as Result;
}

async function load() {
  try {
    if (!workshop) throw new Error("this build has no workshop");
    const [glue, module] = await Promise.all([workshop.load(), compile(workshop.file)]);
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

function holdLock(name: string): void {
  const held = () => {
    say({ held: true });
    return new Promise<never>(() => undefined);
  };
  void navigator.locks.request(name, held);
}
