import type { EngineInfo } from "@ingle/engine";

import { byId, el, openDialog } from "./dom.js";
import { bytes } from "./format.js";
import type { Asked, Client } from "./server/client.js";

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
  byId("requests").textContent = !counted
    ? " · requests not counted"
    : fetching && ofWorker > 0
      ? " · 1 download"
      : ` · ${plural(total())}`;
}

function total(): number {
  return ofPage + ofWorker + (server ? server.asked.length - before : 0);
}

/** What was asked of whom, as a table. */
export function openLedger(info: EngineInfo | null): void {
  const requests = info?.requests ?? [];
  const note = (text: string) => el("p", { class: "facts" }, text);
  const cells = (tag: "th" | "td", ...texts: string[]) =>
    el("tr", {}, ...texts.map((text) => el(tag, {}, text)));
  const rows = requests.map(({ host, bytes: n }) => cells("td", host, bytes(n), "model file"));
  const head = el("thead", {}, cells("th", "Host", "Size", "Reason"));
  const asked = server ? byReason(server.asked) : [];
  for (const [reason, { n, size }] of asked)
    rows.push(cells("td", server?.host ?? "", bytes(size), `${reason}, ${plural(n)}`));
  openDialog(
    "Privacy",
    ...(server ? [note(WITH_SERVER), note(toServer(server.host, asked))] : [note(WITHOUT_SERVER)]),
    note(`Since its start this page made ${plural(total())}${atStart()}.`),
    ...(rows.length === 0
      ? []
      : [el("table", { class: "ledger" }, head, el("tbody", {}, ...rows))]),
    note(
      "Anyone who can use this browser profile can see the models kept here. The browser's maker " +
        "and extensions can see this page.",
    ),
  );
}

function atStart(): string {
  return before === 0 ? "" : `, and ${before} to the server while it started`;
}

const WITHOUT_SERVER =
  "The model runs in this tab. Messages and answers are not in any request.";
const WITH_SERVER =
  "Models in this browser run in this tab: their messages and answers are not in any request.";

function toServer(host: string, asked: readonly [string, unknown][]): string {
  const answers = asked.some(([reason]) => reason === "answer");
  const what = `Messages to the server's models go to ${host}, where this page came from. `;
  return what + (answers ? "Some were sent, as listed below." : "None has been sent.");
}

/** Requests and bytes for each reason, in the order in which reasons came up. */
function byReason(asked: readonly Asked[]): [string, { n: number; size: number }][] {
  const sums = new Map<string, { n: number; size: number }>();
  for (const { reason, bytes: size } of asked) {
    const sum = sums.get(reason) ?? { n: 0, size: 0 };
    sums.set(reason, { n: sum.n + 1, size: sum.size + size });
  }
  return [...sums];
}

function plural(n: number): string {
  return `${n} ${n === 1 ? "request" : "requests"}`;
}
