import type { EngineInfo } from "@ingle/engine";

import { byId, el, openDialog } from "./dom.js";
import { bytes } from "./format.js";

/** Requests of the page itself after its start; the worker counts its own. */
let ofPage = 0;
let counted = false;

/** Starts counting; everything before this is the page loading itself. */
export function countRequests(): void {
  if (!PerformanceObserver.supportedEntryTypes.includes("resource")) return;
  counted = true;
  new PerformanceObserver((entries) => {
    ofPage += entries.getEntries().length;
  }).observe({ type: "resource", buffered: false });
}

/** The chip in the header: a number that was counted, not promised. */
export function showRequests(ofWorker: number, fetching: boolean): void {
  const n = ofPage + ofWorker;
  byId("requests").textContent = !counted
    ? " · requests not counted"
    : fetching && ofWorker > 0
      ? " · 1 download"
      : ` · ${plural(n)}`;
}

/** What was asked of whom, as a table. */
export function openLedger(info: EngineInfo | null): void {
  const requests = info?.requests ?? [];
  const note = (text: string) => el("p", { class: "facts" }, text);
  const cells = (tag: "th" | "td", ...texts: string[]) =>
    el("tr", {}, ...texts.map((text) => el(tag, {}, text)));
  const rows = requests.map(({ host, bytes: n }) => cells("td", host, bytes(n), "model file"));
  const head = el("thead", {}, cells("th", "Host", "Size", "Reason"));
  openDialog(
    "Privacy",
    note("The model runs in this tab. Messages and answers are not in any request."),
    note(`Since its start this page made ${plural(ofPage + requests.length)}.`),
    ...(rows.length === 0
      ? []
      : [el("table", { class: "ledger" }, head, el("tbody", {}, ...rows))]),
    note(
      "Anyone who can use this browser profile can see the models kept here. The browser's maker " +
        "and extensions can see this page.",
    ),
  );
}

function plural(n: number): string {
  return `${n} ${n === 1 ? "request" : "requests"}`;
}
