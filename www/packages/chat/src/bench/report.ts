import type { BenchRow } from "@ingle/engine";

import { el } from "../dom.js";
import { type Key, language, t } from "../i18n/index.js";
import { said } from "../i18n/said.js";
import { barPlot, depthPlot, figures, label, measured, rate } from "./plots.js";
import plotStyle from "./plots.css?raw";
import savedStyle from "./saved.css?raw";

/** Everything a bench gave, in the three forms it can leave the page in: seen, saved, copied. */
export interface Report {
  readonly rows: readonly BenchRow[];
  readonly headline: string;
  /** What to know before comparing, as sentences. */
  readonly problems: readonly string[];
  /** How it compares with earlier ones, as sentences. */
  readonly changes: readonly string[];
  /** ISO date and time. */
  readonly date: string;
  /** The same in milliseconds since 1970; no two reports share one. */
  readonly at: number;
}

function barNote(rows: readonly BenchRow[]): string {
  const hasLimit = rows.some((row) => row.limit_ts !== null);
  return t("bench.note.bars") + (hasLimit ? ` ${t("bench.note.limit")}` : "");
}

export const what = ({ n_prompt, n_gen, n_depth }: BenchRow): string => {
  const parts = [
    n_prompt > 0 ? t("bench.test.read", { n: n_prompt }) : "",
    n_gen > 0 ? t("bench.test.write", { n: n_gen }) : "",
  ];
  const test = parts.filter(Boolean).join(", ");
  return n_depth > 0 ? t("bench.test.after", { test, n: n_depth }) : test;
};

/** Plots of what there is, then every row. */
export function reportNodes({ rows, problems, changes }: Report): HTMLElement[] {
  const good = measured(rows);
  const written = good.filter((row) => row.n_gen > 0 && row.n_prompt === 0);
  const read = good.filter((row) => row.n_prompt > 0 && row.n_gen === 0);
  const models = new Set(good.map(label)).size;
  const withTest = (row: BenchRow) => 
    models > 1 ? label(row) : t("bench.tokens", { n: row.n_prompt });
  const nodes: HTMLElement[] = [];
  const start = written.filter((row) => row.n_depth === 0);
  if (start.length > 0)
    nodes.push(barPlot(t("bench.plot.write"), barNote(start), start, label));
  // One length of prompt when models are compared, all lengths of a single one.
  const longest = Math.max(...read.map((row) => row.n_prompt));
  const shown = models > 1 ? read.filter((row) => row.n_prompt === longest) : read;
  if (shown.length > 0) {
    const title = models > 1 ? t("bench.plot.read.of", { n: longest }) : t("bench.plot.read");
    nodes.push(barPlot(title, barNote(shown), shown, withTest));
  }
  if (new Set(written.map((row) => row.n_depth)).size > 1) {
    nodes.push(depthPlot(t("bench.plot.depth"), t("bench.note.depth"), written));
  }
  nodes.push(table(rows));
  const notes = [...problems, ...changes, ...rows.flatMap(remarks)];
  if (notes.length > 0)
    nodes.push(el("ul", { class: "remarks" }, ...notes.map((note) => el("li", {}, note))));
  return nodes;
}

function remarks(row: BenchRow): string[] {
  const all = row.error === null ? row.notes : [row.error, ...row.notes];
  return all.map((note) => `${label(row)}, ${what(row)}: ${said("bench.note", note)}`);
}

const HEAD = ["model", "test", "mean", "sd", "median", "first", "limit", "share"] as const;
const heads = (): string[] => HEAD.map((name) => t(`bench.col.${name}` satisfies Key));

function cells(row: BenchRow): string[] {
  const number = (value: number | null) => (value === null ? "–" : rate(value));
  return [
    label(row),
    what(row),
    number(row.avg_ts),
    number(row.stddev_ts),
    number(row.median_ts),
    row.first_token_ms === null ? "–" : `${rate(row.first_token_ms)}\u00a0ms`,
    number(row.limit_ts),
    row.limit_share === null ? "–" : `${Math.round(row.limit_share * 100)}%`,
  ];
}

function table(rows: readonly BenchRow[]): HTMLElement {
  return el(
    "section",
    { class: "card plot", "aria-labelledby": "all-rows" },
    el("h3", { id: "all-rows" }, t("bench.table.all")),
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "all-rows" },
      figures(heads(), rows.map(cells)),
    ),
  );
}

/** Aligned columns for a message or a note. */
export function asText({ rows, headline, problems, changes, date }: Report): string {
  const plain = (cell: string) => cell.replace(/\s/g, " ");
  const table = [heads(), ...rows.map(cells)].map((row) => row.map(plain));
  const widths = HEAD.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  const notes = [...problems, ...changes, ...rows.flatMap(remarks)];
  return [`ingle bench, ${date}`, headline, "", ...lines, ...notes.map((n) => `* ${n}`), ""].join(
    "\n",
  );
}

/** Colors and fonts of the page that the plots use. */
const TOKENS =
  "bg surface border outline text text2 text3 accent-text c1 c2 c3 c4 c5 c6 ui r3 focus".split(" ");

/** The tokens' values in one theme: the page's own style sheet is asked, in both. */
function tokens(theme: "light" | "dark"): string {
  const root = document.documentElement;
  const before = root.dataset["theme"];
  root.dataset["theme"] = theme;
  const style = getComputedStyle(root);
  const values = TOKENS.map((name) => `--${name}:${style.getPropertyValue(`--${name}`)}`);
  if (before === undefined) delete root.dataset["theme"];
  else root.dataset["theme"] = before;
  return `:root{${values.join("; ")}}`;
}

/** One file that needs no script, no network and no other file, in light and dark. */
export function asHtml(report: Report): string {
  const nodes = reportNodes(report);
  for (const node of nodes)
    for (const details of node.querySelectorAll("details")) details.open = true;
  const main = el(
    "main",
    {},
    el("h1", {}, t("bench")),
    el("p", { class: "lead" }, report.headline),
    ...nodes,
    el("p", {}, t("bench.measured", { date: report.date })),
  );
  const dark = `@media screen and (prefers-color-scheme:dark){${tokens("dark")}}`;
  // The frame is text: this page's policy refuses a style element, even for another document.
  // What comes from a model file is in the nodes, where it was set as text.
  return `<!doctype html>
<html lang="${language()}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${t("bench")} – ingle</title>
<style>
:root{color-scheme:light dark}
${tokens("light")}
${dark}
${savedStyle}
${plotStyle}</style>
</head>
<body>${main.outerHTML}</body>
</html>
`;
}
