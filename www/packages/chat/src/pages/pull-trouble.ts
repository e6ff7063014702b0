import { EngineError } from "@ingle/engine";

import { type Action, errorCard } from "../cards.js";
import { byId } from "../dom.js";
import { t } from "../i18n/index.js";
import { said } from "../i18n/said.js";
import { worded } from "../load-ways.js";
import { pickFile } from "../models.js";
import { keepsBytes, type Pull } from "../pulls.js";

interface Ways {
  start(): void;
  drop(): void;
}

/** The card of a download that failed or waits for a network; `so`: what of it is here. */
export function pullTrouble(pull: Pull, so: string, ways: Ways): HTMLElement {
  const found = pull.error ?? EngineError.from("a download without a reason");
  const isWaiting = pull.state === "waiting";
  const { code, message, detail } = isWaiting
    ? new EngineError("net.wait", t("text.net.wait"), found.message)
    : worded(found);
  const facts = factsOf(pull, found, so);
  // What happened is the title, and there is no more to the engine's sentence.
  const isTold = /^net\.(cut|stalled)$/.test(code) && facts.length > 0;
  const text = [...(isTold ? [] : [said(code, message)]), ...facts].join(" ");
  const told = text === message ? detail : [message, detail].filter(Boolean).join("\n");
  return errorCard(new EngineError(code, text, told), t("load.failed"), waysOn(code, ways));
}

/** What came is of no use, and deleted. */
export function isWasted({ error }: Pull): boolean {
  return error !== null && !keepsBytes(error);
}

/** How much is here, and how often the server was asked in vain: as sentences. */
function factsOf({ state, step }: Pull, error: EngineError, so: string): string[] {
  const isKept = keepsBytes(error) && step !== null && step.loaded > 0;
  // The try that was told last is the one that failed.
  const n = state === "failed" ? step?.retry?.attempt : undefined;
  return [
    ...(isKept ? [t("kept.so", { so })] : []),
    ...(n === undefined ? [] : [t("tried.so", { n })]),
  ];
}

function waysOn(code: string, { start, drop }: Ways): Action[] {
  const again: Action = { label: t("again"), run: start };
  const stop: Action = { label: t("cancel"), run: drop };
  const mine: Action = { label: t("file.use"), run: pickFile };
  const free: Action = {
    label: t("free.space"),
    run: () => byId("stored").scrollIntoView({ block: "start" }),
  };
  const known: Readonly<Record<string, readonly Action[]>> = {
    "net.wait": [mine, stop],
    "net.cors": [mine, stop],
    "net.auth": [mine, again, stop],
    "net.changed": [{ ...again, label: t("way.anew") }, stop],
    "net.http": [again, { label: t("other.file"), run: pickFile }, stop],
    "store.full": [free, again, { ...stop, label: t("way.stop") }],
  };
  return [...(known[code] ?? [again, stop])];
}
