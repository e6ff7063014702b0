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
      : ` · ${n} ${n === 1 ? "request" : "requests"}`;
}

export function openLedger(info: EngineInfo | null): void {
  const requests = info?.requests ?? [];
  const rows = requests.map(({ host, bytes: n }) =>
    el(
      "tr",
      {},
      el("td", {}, host),
      el("td", { class: "num" }, bytes(n)),
      el("td", {}, "model file"),
    ),
  );
  openDialog(
    "Privacy",
    el(
      "p",
      { class: "facts" },
      "The model runs in this tab. Messages and answers are not in any request. Since its start this " +
        `page made ${ofPage + requests.length} ${ofPage + requests.length === 1 ? "request" : "requests"}:`,
    ),
    rows.length === 0
      ? el("p", { class: "facts" }, "None.")
      : el(
          "table",
          { class: "ledger" },
          el(
            "thead",
            {},
            el("tr", {}, el("th", {}, "Host"), el("th", {}, "Size"), el("th", {}, "Reason")),
          ),
          el("tbody", {}, ...rows),
        ),
    el(
      "p",
      { class: "facts" },
      "Anyone who can use this browser profile can see the models kept here. The browser's maker and " +
        "extensions can see this page.",
    ),
  );
}
