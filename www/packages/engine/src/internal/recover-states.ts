/** What a page can tell a person about its engine. */

import type { EngineState, LossReason } from "../public/types.js";

const LOST: Readonly<Record<LossReason, string>> = {
  gpu: "The graphics chip was reset.",
  memory: "The graphics chip ran out of memory.",
  crash: "The engine stopped unexpectedly.",
  killed: "The browser ended the engine, often because memory ran out.",
  leader: "The tab with the engine was closed.",
  frozen: "The tab with the engine was paused.",
};

const AFTER: Readonly<Record<LossReason, string>> = {
  gpu: "Went on after a reset of the graphics chip.",
  memory: "Went on after the graphics chip ran out of memory.",
  crash: "Went on after the engine stopped unexpectedly.",
  killed: "Went on after the browser ended the engine.",
  leader: "Went on after the tab with the engine was closed.",
  frozen: "Went on after the tab with the engine was paused.",
};

/** An engine is gone, and the next one on its way. */
export function recovering(reason: LossReason): EngineState {
  const sentence =
    `${LOST[reason]} Your chat is safe. The model is loaded again, and the answer goes on ` +
    "from the last word.";
  return { state: "recovering", reason, sentence };
}

/** All is well, after `reason` if there was one. */
export function settled(
  state: "ready" | "leader" | "follower",
  reason: LossReason | null,
): EngineState {
  if (reason) return { state, reason, sentence: AFTER[reason] };
  const sentence = {
    ready: "The engine is ready.",
    leader: "The engine runs in this tab, also for other tabs.",
    follower: "ingle is open in another tab; the model runs there.",
  }[state];
  return { state, reason, sentence };
}
