import type { EngineInfo } from "@ingle/engine";

import { byId, el, openDialog } from "./dom.js";
import { bytes } from "./format.js";
import { type Key, t, tn, when } from "./i18n/index.js";
import { isSealed } from "./offline/register.js";
import type { Client } from "./server/client.js";

/**
 * Requests after the start: of the page itself (parts of it that were not wanted before), of the
 * worker, and to the page's server.
 */
const ofPage: Omit<Entry, "reason">[] = [];
let ofWorker = 0;
let counted = false;
let fetching = false;
let pulling = false;
let server: Client | null = null;
/** Requests to the server that belong to the start. */
let before = 0;
/** Requests of this worker that belong to the start, the demo model's among them. */
let workerBefore = 0;
/** What earlier workers asked for; a worker knows only its own. */
let earlier = 0;
/** The first and the last request for the demo model. */
let demoRange: readonly [number, number] = [0, 0];

/** Starts counting; everything before this is the page loading itself, and what others asked. */
export function countRequests(ofServer: Client | null, ofEngine: number): void {
  server = ofServer;
  workerBefore = ofWorker = ofEngine;
  if (server) {
    before = server.asked.length;
    server.onAsked = show;
  }
  if (!PerformanceObserver.supportedEntryTypes.includes("resource")) return;
  counted = true;
  const api = new URL("/api/", location.origin).href;
  new PerformanceObserver((entries) => {
    // The server's are counted when they are made, and not when they end.
    const isOther = ({ name }: PerformanceEntry) => !server || !name.startsWith(api);
    ofPage.push(...entries.getEntries().filter(isOther).map(made));
    show();
  }).observe({ type: "resource", buffered: false });
}

function made(entry: PerformanceEntry): Omit<Entry, "reason"> {
  const { name, startTime, transferSize } = entry as PerformanceResourceTiming;
  return { at: performance.timeOrigin + startTime, host: new URL(name).host, bytes: transferSize };
}

/** The chip in the header: a number that was counted, not promised. */
export function showRequests(workers: number, isFetching: boolean): void {
  if (workers < ofWorker) {
    earlier += Math.max(0, ofWorker - workerBefore);
    workerBefore = 0;
  }
  ofWorker = workers;
  fetching = isFetching;
  show();
}

/** Whether models are on their way into this browser, whose requests are counted when they end. */
export function showPulls(isRunning: boolean): void {
  pulling = isRunning;
  show();
}

/** The demo model came with the start; the worker had made this many requests when it was here. */
export function demoCame(workers: number): void {
  demoRange = [workerBefore, workers];
  workerBefore = workers;
  showRequests(workers, false);
}

function show(): void {
  byId("requests").textContent = isSealed()
    ? ` · ${t("requests.sealed")}`
    : !counted
      ? ` · ${t("requests.uncounted")}`
      : pulling || (fetching && ofWorker > workerBefore)
        ? ` · ${t("requests.download")}`
        : ` · ${tn("requests", total())}`;
}

function total(): number {
  const now = Math.max(0, ofWorker - workerBefore);
  return ofPage.length + earlier + now + (server ? server.asked.length - before : 0);
}

/** One line of the ledger. */
export interface Entry {
  readonly at: number;
  readonly host: string;
  readonly bytes: number;
  readonly reason: string;
}

/** Requests of the worker. */
let seen: Entry[] = [];
/** Those of workers that are gone. */
const past: Entry[] = [];

/** Every request since the start, the oldest first. */
export function entries(info: EngineInfo | null): Entry[] {
  const requests = info?.requests ?? [];
  if (requests.length < seen.length) {
    past.push(...seen);
    seen = [];
  }
  seen = requests.map(({ at, host, bytes: size }, i) => {
    const isDemo = i >= demoRange[0] && i < demoRange[1];
    return { at, host, bytes: size, reason: t(isDemo ? "reason.demo" : "reason.model") };
  });
  const asked = (server?.asked ?? []).map(({ reason, bytes: size, at }) => ({
    at,
    host: server?.host ?? "",
    bytes: size,
    reason: t(`reason.${reason}` as Key),
  }));
  const parts = ofPage.map((entry) => ({ ...entry, reason: t("reason.page") }));
  return [...past, ...seen, ...asked, ...parts].sort((a, b) => a.at - b.at);
}

/** The chip's dialog: one paragraph, then the ledger, and the way to the page about it. */
export function openLedger(info: EngineInfo | null): void {
  const link = el("a", { href: "#/privacy" }, t("privacy.more"));
  const dialog = openDialog(t("privacy"), ...ledger(info), el("p", {}, link));
  link.addEventListener("click", () => dialog.close());
}

/** What was asked of whom, in words and as a table. */
export function ledger(info: EngineInfo | null): HTMLElement[] {
  const note = (text: string) => el("p", { class: "facts" }, text);
  const rows = sums(entries(info)).map(({ at, host, bytes: size, reason, n }) =>
    el(
      "tr",
      {},
      el("td", { class: "num" }, when(at, { timeStyle: "medium" })),
      el("td", {}, host),
      el("td", { class: "num" }, bytes(size)),
      el("td", {}, `${reason}, ${tn("requests", n)}`),
    ),
  );
  const names: Key[] = ["ledger.time", "ledger.host", "ledger.size", "ledger.reason"];
  const head = el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, t(name))));
  const table = el("table", { class: "ledger" }, el("thead", {}, head), el("tbody", {}, ...rows));
  const server = toServer();
  return [
    note(server === null ? t("ledger.tab") : t("ledger.tab.server")),
    ...(server === null ? [] : [note(server)]),
    note(t("ledger.since", { requests: tn("requests", total()), start: atStart() })),
    ...(rows.length === 0 ? [] : [table]),
    note(t("ledger.shared")),
  ];
}

function atStart(): string {
  return before === 0 ? "" : t("ledger.start", { n: before });
}

function toServer(): string | null {
  if (!server) return null;
  const sent = server.asked.some(({ reason }) => reason === "answer");
  return t(sent ? "ledger.sent" : "ledger.unsent", { host: server.host });
}

interface Sum extends Entry {
  readonly n: number;
}

/** Requests to one host for one reason are one line, with the time of the first. */
function sums(all: readonly Entry[]): Sum[] {
  const found = new Map<string, Sum>();
  for (const entry of all) {
    const key = `${entry.host} ${entry.reason}`;
    const sum = found.get(key);
    if (!sum) found.set(key, { ...entry, n: 1 });
    else found.set(key, { ...sum, bytes: sum.bytes + entry.bytes, n: sum.n + 1 });
  }
  return [...found.values()];
}
