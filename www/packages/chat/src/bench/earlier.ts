import { el, icon } from "../dom.js";
import { t, when } from "../i18n/index.js";
import { dropReport, isComparable, reports } from "./history.js";
import { label, measured, rate } from "./plots.js";
import type { Report } from "./report.js";

/** The list of earlier benches; one of them can be shown, saved and copied like a new one. */
export function earlierPart(show: (report: Report) => void, changed: () => void): HTMLElement[] {
  const all = reports();
  if (all.length === 0) return [];
  const rows = all.map((report) => {
    const at = when(report.at, { dateStyle: "medium", timeStyle: "short" });
    const open = el(
      "button",
      {
        class: "b b-sm",
        type: "button",
        "aria-label": t("bench.history.show.of", { when: at }),
        onclick: () => show(report),
      },
      t("bench.history.show"),
    );
    const remove = el(
      "button",
      {
        class: "b b-bare b-icon b-sm",
        type: "button",
        "aria-label": t("bench.history.delete.of", { when: at }),
        onclick: () => {
          dropReport(report.at);
          changed();
        },
      },
      icon("trash"),
    );
    const words = [el("br"), el("span", { class: "muted" }, t("bench.incomparable"))];
    const note = isComparable(report) ? [] : words;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, at, ...note),
      el("td", {}, speeds(report)),
      el("td", {}, el("div", { class: "head" }, open, remove)),
    );
  });
  const head = [t("bench.history.when"), t("bench.history.speeds"), ""].map((words) =>
    words === "" ? el("td") : el("th", { scope: "col" }, words),
  );
  return [
    el("h2", {}, t("bench.history")),
    el(
      "table",
      { class: "ledger num", "data-ui": "bench.history" },
      el("thead", {}, el("tr", {}, ...head)),
      el("tbody", {}, ...rows),
    ),
  ];
}

/** "SmolLM2 135M, Q4_0: 61.3". */
function speeds({ rows }: Report): string {
  const written = measured(rows).filter(({ n_gen, n_depth }) => n_gen > 0 && n_depth === 0);
  return written.map((row) => `${label(row)}: ${rate(row.avg_ts ?? 0)}`).join(" · ") || "–";
}
