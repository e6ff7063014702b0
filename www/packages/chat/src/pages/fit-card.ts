import type { Fit } from "@ingle/engine";

import { el, icon } from "../dom.js";
import { bytes } from "../format.js";
import { type Key, t } from "../i18n/index.js";
import { fitSentence, type Word, wordOf } from "./fit-words.js";

const CHIPS: Readonly<Record<Word, { kind: string; icon: string; word: Key }>> = {
  well: { kind: "ok", icon: "ok", word: "fit.well" },
  tight: { kind: "mid", icon: "warn", word: "fit.tight" },
  less: { kind: "mid", icon: "warn", word: "fit.less" },
  processor: { kind: "note", icon: "cube", word: "fit.processor" },
  storage: { kind: "no", icon: "x", word: "fit.storage" },
  no: { kind: "no", icon: "x", word: "fit.no" },
};

const SVG = "http://www.w3.org/2000/svg";
/** The bar's width, in its own units. */
const WIDTH = 1000;

/** Whether a model fits: the verdict, the bar and the sum. */
export function fitPart(fit: Fit): Element[] {
  return [chipOf(fit), bar(fit), el("p", { class: "facts num" }, fitSentence(fit))];
}

/** The verdict and the sum in one line: "Qwen3 1.7B needs 1.9 of about 4.0 GB." */
export function fitLine(name: string, fit: Fit): HTMLElement[] {
  const room = fit.device === "gpu" ? fit.has.device : fit.has.memory;
  const need = bytes(fit.needs.total);
  const words = room === null ? fit.sentence : t("fit.line", { name, need, have: bytes(room) });
  return [chipOf(fit), el("p", { class: "facts num" }, words)];
}

function chipOf(fit: Fit): HTMLElement {
  const { kind, icon: name, word } = CHIPS[wordOf(fit)];
  const attributes = { class: `chip ${kind}`, "data-ui": "model.verdict" };
  return el("span", attributes, icon(name), t(word));
}

/** Weights, context and working space, with a line at what there is. */
function bar({ needs, has, device }: Fit): Element {
  const limit = (device === "gpu" ? has.device : has.memory) ?? needs.total;
  const whole = Math.max(needs.total, limit) * 1.05 || 1;
  const scale = (n: number) => Math.round((n / whole) * WIDTH);
  const svg = node("svg", {
    class: "fit",
    viewBox: `0 0 ${WIDTH} 10`,
    preserveAspectRatio: "none",
  });
  svg.setAttribute("role", "img");
  const label = t("fit.bar", { need: bytes(needs.total), have: bytes(limit) });
  svg.setAttribute("aria-label", label);
  let x = 0;
  for (const part of [needs.weights, needs.context, needs.scratch]) {
    svg.append(node("rect", { x, width: scale(part), height: 10 }));
    x += scale(part);
  }
  const at = scale(limit);
  svg.append(
    node("line", { x1: at, x2: at, y1: 0, y2: 10, "vector-effect": "non-scaling-stroke" }),
  );
  return svg;
}

function node(name: string, attributes: Readonly<Record<string, string | number>>): Element {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
