import type { Judged, Measured, Perplexity, Validation } from "@ingle/engine";

import { announce } from "../announce.js";
import { el } from "../dom.js";
import { saveFile } from "../exporting.js";
import { bytes, nameShown } from "../format.js";
import { type Key, number, t } from "../i18n/index.js";

/** How near one model's answers are to another's. */
export type Nearness = "nearly" | "very" | "balanced" | "small" | "tiny";

/**
 * Mean divergence in nats up to which each word is said: between what Q8_0, Q6_K and Q5_K, Q4_K,
 * Q3_K and Q2_K usually do to a model.
 */
const NEARNESS: readonly (readonly [number, Nearness])[] = [
  [0.002, "nearly"],
  [0.02, "very"],
  [0.08, "balanced"],
  [0.25, "small"],
];

const CHIPS: Readonly<Record<Nearness, string>> = {
  nearly: "ok",
  very: "ok",
  balanced: "ok",
  small: "mid",
  tiny: "no",
};

export function nearnessOf({ kl }: Pick<Validation, "kl">): Nearness {
  return NEARNESS.find(([most]) => kl.value <= most)?.[1] ?? "tiny";
}

/** What a comparison says: one word, one sentence, and the numbers. */
export function validationPart(result: Validation): HTMLElement[] {
  const { baseline, quantized, kl, ratio, sameTop, layers } = result;
  const nearness = nearnessOf(result);
  const chip = el("span", { class: `chip ${CHIPS[nearness]}`, "data-ui": "judge.verdict" });
  chip.textContent = t(`judge.${nearness}`);
  const worst = layers.reduce<(typeof layers)[number] | null>(
    (most, layer) => (most && most.error >= layer.error ? most : layer),
    null,
  );
  const sizes = { size: bytes(quantized.weightBytes), before: bytes(baseline.weightBytes) };
  const rows: [Key, string][] = [
    ["judge.row.same", share(sameTop, 1)],
    ["judge.row.kl", give(kl, 4)],
    ["judge.row.perplexity", give(quantized.perplexity, 3)],
    ["judge.row.before", give(baseline.perplexity, 3)],
    ["judge.row.ratio", give(ratio, 4)],
    ["judge.row.layer", worst ? percentOf(worst.error, 1) : ""],
    ["judge.row.size", t("judge.sizes", sizes)],
    ["judge.row.read", read(result)],
  ];
  const said = t("judge.says", { share: percentOf(sameTop.value, 0), n: number(result.tokens) });
  return [
    el("div", { class: "verdict" }, chip),
    el("p", { class: "num" }, said),
    table(rows),
    el("p", { class: "facts" }, t("judge.means")),
  ];
}

/** What a perplexity says. */
export function perplexityPart(result: Perplexity): HTMLElement[] {
  const { perplexity: value, error, nats, weightBytes } = result;
  const rows: [Key, string][] = [
    ["judge.row.perplexity", give({ value, error }, 3)],
    ["judge.row.nats", give(nats, 4)],
    ["judge.row.size", bytes(weightBytes)],
    ["judge.row.read", read(result)],
  ];
  return [
    el("p", { class: "num" }, t("judge.alone.says", { n: number(value, value < 10 ? 1 : 0) })),
    table(rows),
    el("p", { class: "facts" }, t("judge.alone.means")),
  ];
}

/** Saves a result with the date, as others can read it. */
export function save(result: Perplexity | Validation): void {
  const model = "quantized" in result ? result.quantized.model : result.model;
  const text = JSON.stringify({ date: new Date().toISOString(), ...result }, null, 2);
  const name = `quality-${nameShown(model).replace(/[^\w.-]+/g, "-")}.json`;
  saveFile(name, "application/json", text);
  announce(t("bench.saved"));
}

function table(rows: readonly [Key, string][]): HTMLElement {
  const nodes = rows
    .filter(([, value]) => value !== "")
    .map(([key, value]) =>
      el("tr", {}, el("th", { scope: "row" }, t(key)), el("td", { class: "num" }, value)),
    );
  return el("table", { class: "ledger" }, el("tbody", {}, ...nodes));
}

function read({ chunks, contextLength, seconds }: Judged): string {
  const values = { n: number(chunks), m: number(contextLength), s: number(seconds, 1) };
  return t("judge.read.all", values);
}

function give({ value, error }: Measured, digits: number): string {
  return `${number(value, digits)} ± ${number(error, digits)}`;
}

function share({ value, error }: Measured, digits: number): string {
  return `${percentOf(value, digits)} ± ${number(error * 100, digits)}`;
}

function percentOf(value: number, digits: number): string {
  return `${number(value * 100, digits)}%`;
}
