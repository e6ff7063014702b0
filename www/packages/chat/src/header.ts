import type { EngineInfo, ModelInfo } from "@ingle/engine";

import { byId } from "./dom.js";
import { bytes, count } from "./format.js";
import { showRequests } from "./privacy.js";

/** The figures around the conversation: model, device, context, storage. */

export function showStatus(text: string): void {
  byId("status").textContent = text;
}

export function showModel(info: ModelInfo | undefined): void {
  byId("model-name").textContent = info?.title ?? "No model yet";
  byId("model-note").textContent = info ? `${info.weightType}, ${bytes(info.fileBytes)}` : "";
}

/** While a model is on its way its name is already in the header. */
export function showComing(name: string): void {
  byId("model-name").textContent = name;
  byId("model-note").textContent = "loading";
}

export function showDevice(engine: EngineInfo | null, model: ModelInfo | undefined): void {
  showRequests(engine?.requests.length ?? 0, false);
  showStatus(engine?.device === "gpu" ? "WebGPU" : "Processor");
  byId("status").title = engine?.adapter ?? "";
  const held = model ? model.weightBytes + model.kvBytes + model.scratchBytes : 0;
  byId("held").textContent = held > 0 ? `${bytes(held)} in use` : "";
}

/** Tokens of context in use; null before the first answer. */
export function showGauge(used: number | null, total: number): void {
  const hidden = used === null || total === 0;
  byId("gauge").hidden = hidden;
  byId("hint").hidden = !hidden;
  if (hidden) return;
  const bar = byId<HTMLProgressElement>("gauge-bar");
  bar.max = total;
  bar.value = used;
  byId("gauge-text").textContent = `${count(used)} of ${count(total)} tokens`;
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
