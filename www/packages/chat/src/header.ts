import type { EngineInfo } from "@ingle/engine";

import { byId } from "./dom.js";
import { bytes, count } from "./format.js";
import { type ChatModel, deviceName, TAB } from "./model.js";
import { showRequests } from "./privacy.js";

/** The figures around the conversation: model, device, context, storage. */

const NO_ENGINE = "This tab runs no models";

export function showStatus(text: string): void {
  byId("status").textContent = text;
}

export function showModel(model: ChatModel | null): void {
  byId("model-name").textContent = model?.title ?? "No model yet";
  byId("model-note").textContent = model?.note ?? "";
}

/** While a model is on its way its name is already in the header. */
export function showComing(name: string): void {
  byId("model-name").textContent = name;
  byId("model-note").textContent = "loading";
}

/** Where answers come from: the chip, the line under the box, and what that costs here. */
export function showDevice(engine: EngineInfo | null, model: ChatModel | null): void {
  const { chip, kind } = model?.where ?? TAB;
  byId("where").textContent = chip;
  byId("private").classList.toggle("remote", kind === "elsewhere");
  byId("private-icon").className = kind === "elsewhere" ? "i i-warn" : "i i-safe";
  showRequests(engine?.requests.length ?? 0, false);
  showStatus(model?.status ?? (engine ? deviceName(engine.device) : NO_ENGINE));
  byId("status").title = model?.details ?? engine?.adapter ?? "";
  byId("held").textContent = model?.heldBytes ? `${bytes(model.heldBytes)} in use` : "";
}

/** Tokens of context in use; null before the first answer. */
export function showGauge(used: number | null, total: number): void {
  const hidden = used === null || total === 0;
  byId("gauge").hidden = hidden;
  byId("hint").hidden = !hidden;
  if (hidden) return;
  const bar = byId<HTMLProgressElement>("gauge-bar");
  bar.max = total;
  // A server that lets the oldest go counts on.
  const held = Math.min(used, total);
  bar.value = held;
  byId("gauge-text").textContent = `${count(held)} of ${count(total)} tokens`;
}

export async function showStorage(): Promise<void> {
  const none: StorageEstimate = {};
  const estimate = navigator.storage?.estimate().catch(() => none) ?? none;
  const { quota, usage = 0 } = await estimate;
  byId("storage").hidden = !quota;
  if (!quota) return;
  byId("storage-text").textContent = `${bytes(usage)} of ${bytes(quota)} storage used`;
  const bar = byId<HTMLProgressElement>("storage-bar");
  bar.max = quota;
  bar.value = usage;
}
