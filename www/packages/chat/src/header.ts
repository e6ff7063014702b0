import type { EngineInfo } from "@ingle/engine";

import { byId } from "./dom.js";
import { bytes } from "./format.js";
import { t } from "./i18n/index.js";
import { type ChatModel, deviceName, TAB } from "./model.js";
import { showRequests } from "./privacy.js";

/** The figures around the conversation: model, device, storage. */

export function showStatus(text: string): void {
  byId("status").textContent = text;
}

export function showModel(model: ChatModel | null): void {
  byId("model-name").textContent = model?.title ?? t("model.none");
  byId("model-note").textContent = model?.note ?? "";
}

/** While a model is on its way its name is already in the header. */
export function showComing(name: string): void {
  byId("model-name").textContent = name;
  byId("model-note").textContent = t("model.loading");
}

/** Where answers come from: the chip, the line under the box, and what that costs here. */
export function showDevice(engine: EngineInfo | null, model: ChatModel | null): void {
  const { chip, kind } = model?.where ?? TAB;
  byId("where").textContent = chip;
  byId("private").classList.toggle("remote", kind === "elsewhere");
  byId("private-icon").className = kind === "elsewhere" ? "i i-warn" : "i i-safe";
  showRequests(engine?.requests.length ?? 0, false);
  showStatus(model?.status ?? (engine ? deviceName(engine.device) : t("device.none")));
  byId("status").title = model?.details ?? engine?.adapter ?? "";
  byId("held").textContent = model?.heldBytes ? t("held", { size: bytes(model.heldBytes) }) : "";
}

export async function showStorage(): Promise<void> {
  const none: StorageEstimate = {};
  const estimate = navigator.storage?.estimate().catch(() => none) ?? none;
  const { quota, usage = 0 } = await estimate;
  byId("storage").hidden = !quota;
  if (!quota) return;
  byId("storage-text").textContent = t("storage", { used: bytes(usage), all: bytes(quota) });
  const bar = byId<HTMLProgressElement>("storage-bar");
  bar.max = quota;
  bar.value = usage;
}
