import type { BenchRow } from "@ingle/engine";

import type { Report } from "./report.js";

/** What was measured here before, newest first: kept in this browser, and never sent. */

const KEY = "ingle.bench";
/** Reports that are kept: half a year of one a week, and a hundredth of what a page may keep. */
const MAX_REPORTS = 26;

export function reports(): Report[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? (kept as Report[]).filter(({ rows }) => Array.isArray(rows)) : [];
  } catch {
    return [];
  }
}

/** A private window keeps it until it is closed, or not at all. */
function keep(all: readonly Report[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(all.slice(0, MAX_REPORTS)));
  } catch {
    // Full, or not allowed: the report on the screen can still be saved.
  }
}

export function keepReport(report: Report): void {
  keep([report, ...reports()]);
}

export function dropReport(at: number): void {
  keep(reports().filter((report) => report.at !== at));
}

/** The same test of the same file on the same device. */
const isSame = (a: BenchRow, b: BenchRow): boolean =>
  a.test === b.test && a.file === b.file && a.name === b.name && a.kv_type === b.kv_type;

/** Changes below this are how much two runs of the same thing differ anyway. */
const MIN_CHANGE = 0.1;

/** Rows faster or slower than the last steady ones of their kind: 1.2 is a fifth faster. */
export function changes(rows: readonly BenchRow[]): { row: BenchRow; ratio: number }[] {
  const before = reports().flatMap(({ rows, problems }) => (problems.length > 0 ? [] : rows));
  return rows.flatMap((row) => {
    const last = before.find((old) => isSame(old, row) && old.is_steady);
    const ratio = (row.avg_ts ?? 0) / (last?.avg_ts ?? 0);
    const isNews = row.is_steady && ratio > 0 && Math.abs(ratio - 1) > MIN_CHANGE;
    return isNews && Number.isFinite(ratio) ? [{ row, ratio }] : [];
  });
}

/**
 * Seconds that tests of these files would take, from what they took before; null for a file or a
 * test that was never measured here.
 */
export function secondsOf(
  files: readonly string[],
  tests: readonly string[],
  runs: number,
): number | null {
  const rows = reports().flatMap(({ rows }) => rows);
  let sum = 0;
  for (const file of files)
    for (const test of tests) {
      const row = rows.find((row) => row.file === file && row.test === test && row.avg_ts);
      if (!row?.avg_ts) return null;
      const filling = row.n_depth / row.avg_ts;
      sum += ((row.n_prompt + row.n_gen) / row.avg_ts) * (runs + row.n_warmup) + filling;
    }
  return sum;
}

/** A bench whose numbers may be laid beside others: nothing disturbed it. */
export function isComparable({ rows, problems }: Pick<Report, "rows" | "problems">): boolean {
  const isGood = ({ is_steady, outcome }: BenchRow) => is_steady && outcome === "done";
  return problems.length === 0 && rows.every(isGood);
}
