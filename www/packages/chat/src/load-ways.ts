import { EngineError } from "@ingle/engine";

import { type Action, toPage } from "./cards.js";
import { waitsForNetwork } from "./connection.js";
import { bytes } from "./format.js";
import { hostOf } from "./hosts.js";
import type { AnySource } from "./host.js";
import { t } from "./i18n/index.js";
import { pickFile } from "./models.js";

/** What the page can do about a model that did not come; each loads or opens something. */
export interface LoadWays {
  again(): void;
  openSwitcher(): void;
  onCpu(): void;
  giveToken(): void;
}

/** The ways on of a load that failed, by its code; the first is the main one. */
export function loadWays({ code }: EngineError, source: AnySource, ways: LoadWays): Action[] {
  const again: Action = { label: t("again"), run: ways.again };
  const other: Action =
    "file" in source || "url" in source
      ? { label: t("other.file"), run: pickFile }
      : { label: t("other.model"), run: ways.openSwitcher };
  const mine: Action = { label: t("file.use"), run: pickFile };
  const known: Readonly<Record<string, readonly Action[]>> = {
    "net.cors": [mine, ...openAt(source)],
    "net.wait": [mine],
    "net.changed": [{ ...again, label: t("way.anew") }, other],
    "store.full": [toPage(t("free.space"), "models"), other],
    "model.toobig": [toPage(t("smaller.model"), "models"), other],
    "model.unsupported": [toPage(t("way.kinds"), "models"), other],
    "model.missing": [{ label: t("other.model"), run: ways.openSwitcher }],
    "gpu.memory": [{ label: t("use.cpu"), run: ways.onCpu }, toPage(t("smaller.model"), "models")],
    "file.part": [{ label: t("way.files"), run: pickFile }],
    "server.token": [{ label: t("server.token.give"), run: ways.giveToken }, other],
  };
  const found = known[code];
  if (found) return [...found];
  // A stored file that is not whole: its page checks it, and gets it again where that can be done.
  if (code === "model.damaged" && "name" in source) return [toPage(t("models.all"), "models")];
  return /^(net|gpu|engine|server)\./.test(code) ? [again, other] : [other];
}

/** The browser itself may get what a page may not. */
function openAt(source: AnySource): Action[] {
  if (!("url" in source)) return [];
  const address = String(source.url);
  const run = () => void window.open(address, "_blank", "noopener,noreferrer");
  return [{ label: t("way.open", { host: hostOf(address) }), run }];
}

/** What the page says in its own words: shorter than the engine, and in more languages. */
export function worded(error: EngineError): EngineError {
  const { code, message, detail } = error;
  const own = (code: string, text: string) =>
    new EngineError(code, text, [message, detail].filter(Boolean).join("\n"));
  if (waitsForNetwork(error)) return own("net.wait", t("text.net.wait"));
  if (code === "file.gone") return own(code, t("text.file.gone"));
  if (code === "net.cors") return own(code, t("text.net.cors"));
  if (code === "net.mismatch") return own(code, t("text.net.mismatch"));
  return NEED.test(message) ? own(code, needWords(message)) : error;
}

/** What a device lacks, in bytes; browsers that only say that there was too little say 0. */
const NEED = /^The .+ needs (\d+) bytes for .*but offers (\d+);/;

function needWords(message: string): string {
  const [, need = 0, have = 0] = (NEED.exec(message) ?? []).map(Number);
  const room = t("text.memory.room");
  if (need === 0) return room;
  return `${t("text.memory.need", { need: bytes(need), have: bytes(have) })} ${room}`;
}

/** Files of a split model that lack some of its parts: which part the first is, and of how many. */
export function missingParts(files: readonly File[]): { a: number; b: number } | null {
  const parts = files.map(({ name }) => /-(\d{5})-of-(\d{5})\.gguf$/i.exec(name));
  const [a, b] = parts[0]?.slice(1).map(Number) ?? [];
  if (a === undefined || b === undefined || files.length >= b) return null;
  return { a, b };
}
