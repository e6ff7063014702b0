import type { BenchRow } from "@ingle/engine";

import { el } from "../dom.js";
import { count } from "../format.js";
import { number, t } from "../i18n/index.js";
import { line, svg, text, ticks } from "./svg.js";

/**
 * Plots of a bench. Designed at 640 units wide; a narrow window scrolls them sideways instead of
 * shrinking the words. Every plot has the same figures as a table under it.
 */

const WIDTH = 640;
/** Colors and dashes there are; more models than that share them, and have labels anyway. */
const N_SERIES = 6;
/** Labels at the ends of lines are pushed this far apart. */
const LABEL_GAP = 14;
/** Most characters of a label that fit beside the bars. */
const LABEL_CHARS = 22;

export const rate = (value: number): string =>
  number(value, value < 10 ? 2 : value < 1000 ? 1 : 0);

/** "SmolLM2 135M, Q4_0"; the file's name where the model has none. */
export function label({ model, type, file }: BenchRow): string {
  const name = model || file.replace(/\.gguf$/i, "");
  return type && !name.includes(type) ? `${name}, ${type}` : name;
}

/** Rows that have numbers. */
export const measured = (rows: readonly BenchRow[]): BenchRow[] =>
  rows.filter((row) => row.avg_ts !== null && row.outcome !== "failed");

/** Bars from fast to slow: mean, one standard deviation, and what the device's peaks allow. */
export function barPlot(
  title: string,
  note: string,
  rows: readonly BenchRow[],
  name: (row: BenchRow) => string,
): HTMLElement {
  const [left, right, top, step] = [150, 50, 6, 42];
  const sorted = [...rows].sort((a, b) => (b.avg_ts ?? 0) - (a.avg_ts ?? 0));
  const tops = sorted.map((row) =>
    Math.max((row.avg_ts ?? 0) + (row.stddev_ts ?? 0), row.limit_ts ?? 0),
  );
  const marks = ticks(Math.max(...tops));
  const scale = (WIDTH - left - right) / (marks[marks.length - 1] ?? 1);
  const bottom = top + step * sorted.length + 4;
  const x = (value: number) => round(left + value * scale);
  const parts: SVGElement[] = marks.flatMap((mark) => [
    line("grid", x(mark), top, x(mark), bottom),
    text(x(mark), bottom + 16, count(mark), "mid"),
  ]);
  sorted.forEach((row, i) => {
    const [mean, sd, y] = [row.avg_ts ?? 0, row.stddev_ts ?? 0, top + 10 + i * step];
    parts.push(
      text(left - 10, y + 15, short(name(row)), "end"),
      svg("rect", { class: "p1", x: left, y, width: round(mean * scale), height: 22, rx: 3 }),
    );
    const ends = [Math.max(0, mean - sd), mean + sd].map(x);
    const [a, b] = [ends[0] ?? 0, ends[1] ?? 0];
    const caps = `M${a} ${y + 11}H${b}M${a} ${y + 7}v8M${b} ${y + 7}v8`;
    if (b - a > 1) parts.push(svg("path", { class: "whisker", d: caps }));
    parts.push(text(Math.max(b, x(mean)) + 8, y + 15, rate(mean), "value"));
    if (row.limit_ts !== null)
      parts.push(line("limit", x(row.limit_ts), y - 4, x(row.limit_ts), y + 26));
  });
  parts.push(line("axis", left, top, left, bottom));
  const words = sorted.map((row) =>
    t("bench.speed.of", { name: name(row), n: rate(row.avg_ts ?? 0) }),
  );
  const table = figures(
    [
      t("bench.col.model"),
      t("bench.col.mean"),
      t("bench.col.sd"),
      t("bench.col.limit"),
      t("bench.col.share"),
    ],
    sorted.map((row) => [
      name(row),
      rate(row.avg_ts ?? 0),
      row.stddev_ts === null ? "–" : rate(row.stddev_ts),
      row.limit_ts === null ? "–" : rate(row.limit_ts),
      row.limit_share === null ? "–" : `${Math.round(row.limit_share * 100)}%`,
    ]),
  );
  return figure(title, note, `${words.join("; ")}.`, bottom + 24, parts, table);
}

/** A line per model: writing speed by tokens already in the context, on a log axis. */
export function depthPlot(title: string, note: string, rows: readonly BenchRow[]): HTMLElement {
  const [left, right, top, bottom] = [60, 500, 20, 150];
  const depths = [...new Set(rows.map((row) => row.n_depth))].sort((a, b) => a - b);
  const models = [...new Set(rows.map(label))];
  const marks = ticks(Math.max(...rows.map((row) => row.avg_ts ?? 0)));
  const high = marks[marks.length - 1] ?? 1;
  // The empty context has no place on a log axis: it stands one step before the first.
  const place = (depth: number) => Math.log2(Math.max(depth, (depths[1] ?? 2) / 2));
  const [first, last] = [place(depths[0] ?? 0), place(depths[depths.length - 1] ?? 1)];
  const x = (depth: number) =>
    round(left + ((place(depth) - first) / Math.max(last - first, 1)) * (right - left));
  const y = (value: number) => round(bottom - (value / high) * (bottom - top));
  const parts: SVGElement[] = marks.flatMap((mark) => [
    line("grid", left, y(mark), right, y(mark)),
    text(left - 8, y(mark) + 4, count(mark), "end"),
  ]);
  for (const depth of depths) parts.push(text(x(depth), bottom + 18, count(depth), "mid"));
  parts.push(text(left, bottom + 34, t("bench.plot.axis")));
  const ends: { y: number; words: string }[] = [];
  models.forEach((model, i) => {
    const series = (i % N_SERIES) + 1;
    const points = rows
      .filter((row) => label(row) === model)
      .sort((a, b) => a.n_depth - b.n_depth)
      .map((row) => [x(row.n_depth), y(row.avg_ts ?? 0)] as const);
    parts.push(svg("polyline", { class: `l${series}`, points: points.join(" ") }));
    for (const [cx, cy] of points) parts.push(svg("circle", { class: `p${series}`, cx, cy, r: 3 }));
    ends.push({ y: points[points.length - 1]?.[1] ?? bottom, words: short(model) });
  });
  let below = -Infinity;
  for (const end of ends.sort((a, b) => a.y - b.y)) {
    below = Math.max(end.y + 4, below + LABEL_GAP);
    parts.push(text(right + 10, below, end.words, "value"));
  }
  const at = (model: string, depth: number) => {
    const row = rows.find((row) => label(row) === model && row.n_depth === depth);
    return row?.avg_ts == null ? "–" : rate(row.avg_ts);
  };
  const said = models.map(
    (model) => `${model}: ${depths.map((d) => speedAt(at(model, d), d)).join(", ")}`,
  );
  const table = figures(
    [t("bench.col.model"), ...depths.map((depth) => t("bench.col.at", { n: count(depth) }))],
    models.map((model) => [model, ...depths.map((depth) => at(model, depth))]),
  );
  return figure(title, note, `${said.join("; ")}.`, bottom + 42, parts, table);
}

const speedAt = (n: string, depth: number): string =>
  t("bench.speed.at", { n, depth: count(depth) });

function figure(
  title: string,
  note: string,
  said: string,
  height: number,
  parts: SVGElement[],
  table: HTMLElement,
): HTMLElement {
  const image = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, role: "img" },
    svg("title", {}, title),
    svg("desc", {}, said),
    ...parts,
  );
  const scroll = { class: "scroll", tabindex: 0, role: "group" };
  return el(
    "figure",
    { class: "card plot" },
    el("figcaption", {}, title),
    el("p", {}, note),
    el("div", { ...scroll, "aria-label": t("bench.plot.scroll", { title }) }, image),
    el(
      "details",
      {},
      el("summary", {}, t("bench.table.same")),
      el("div", { ...scroll, "aria-label": t("bench.table.scroll", { title }) }, table),
    ),
  );
}

/** A table whose first column names its rows. */
export function figures(head: string[], rows: string[][]): HTMLTableElement {
  const cells = rows.map(([first = "", ...rest]) =>
    el("tr", {}, el("th", { scope: "row" }, first), ...rest.map((cell) => el("td", {}, cell))),
  );
  return el(
    "table",
    { class: "figures num" },
    el("thead", {}, el("tr", {}, ...head.map((cell) => el("th", { scope: "col" }, cell)))),
    el("tbody", {}, ...cells),
  );
}

function short(words: string): string {
  return words.length <= LABEL_CHARS ? words : `${words.slice(0, LABEL_CHARS - 1)}…`;
}

const round = (n: number): number => Math.round(n * 10) / 10;
