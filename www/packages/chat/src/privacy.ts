import type { EngineInfo } from "@ingle/engine";

import { byId, el, openDialog } from "./dom.js";
import { bytes } from "./format.js";
import { type Key, t, tn, when } from "./i18n/index.js";
import { isSealed } from "./offline/register.js";
import type { Client } from "./server/client.js";

/** Requests after the start: of the page itself, of the worker, and to the page's server. */
let ofPage = 0;
let ofWorker = 0;
let counted = false;
let fetching = false;
let server: Client | null = null;
/** Requests to the server that belong to the start. */
let before = 0;

/** Starts counting; everything before this is the page loading itself. */
export function countRequests(ofServer: Client | null): void {
  server = ofServer;
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
    ofPage += entries.getEntries().filter(isOther).length;
    show();
  }).observe({ type: "resource", buffered: false });
}

/** The chip in the header: a number that was counted, not promised. */
export function showRequests(workers: number, isFetching: boolean): void {
  ofWorker = workers;
  fetching = isFetching;
  show();
}

function show(): void {
  byId("requests").textContent = isSealed()
    ? ` · ${t("requests.sealed")}`
    : !counted
      ? ` · ${t("requests.uncounted")}`
      : fetching && ofWorker > 0
        ? ` · ${t("requests.download")}`
        : ` · ${tn("requests", total())}`;
}

function total(): number {
  return ofPage + ofWorker + (server ? server.asked.length - before : 0);
}

/** One line of the ledger. */
export interface Entry {
  readonly at: number | null;
  readonly host: string;
  readonly bytes: number;
  readonly reason: string;
}

/** When a request of the worker was first seen here; the worker does not say. */
const seen: number[] = [];

/** Every request since the start, the oldest first. */
export function entries(info: EngineInfo | null): Entry[] {
  const requests = info?.requests ?? [];
  while (seen.length < requests.length) seen.push(Date.now());
  const models = requests.map(({ host, bytes: size }, i) => ({
    at: seen[i] ?? null,
    host,
    bytes: size,
    reason: t("reason.model"),
  }));
  const asked = (server?.asked ?? []).map(({ reason, bytes: size, at }) => ({
    at,
    host: server?.host ?? "",
    bytes: size,
    reason: t(`reason.${reason}` as Key),
  }));
  return [...models, ...asked].sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
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
      el("td", { class: "num" }, at === null ? "" : when(at, { timeStyle: "medium" })),
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

/** Requests to one host for one reason are one line. */
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
