import type { Use } from "./context.js";
import { byId, el, openDialog } from "./dom.js";
import { count } from "./format.js";
import { number, t, tn, type Key } from "./i18n/index.js";

/** From here on the bar is amber, and from there on the words too. */
const AMBER = 0.75;
const NEARLY_FULL = 0.9;
/** English prose: about three words in four tokens. */
const WORDS_PER_TOKEN = 0.75;

/** What the gauge under the box shows; null where nothing is known yet. */
export interface Gauge {
  readonly used: number;
  readonly total: number;
}

export function showGauge(gauge: Gauge | null): void {
  const hidden = gauge === null || gauge.total === 0 || gauge.used === 0;
  byId("gauge").hidden = hidden;
  byId("hint").hidden = !hidden;
  if (hidden) return;
  const { used, total } = gauge;
  const share = used / total;
  const bar = byId<HTMLProgressElement>("gauge-bar");
  bar.max = total;
  bar.value = Math.min(used, total);
  const words = t("gauge", { a: count(used), b: count(total) });
  const free = Math.max(0, Math.floor(((total - used) * WORDS_PER_TOKEN) / 10) * 10);
  byId("gauge-text").textContent =
    share >= NEARLY_FULL && share < 1 ? tn("gauge.full", free) : words;
  byId("gauge").setAttribute("aria-label", t("gauge.name", { words }));
  byId("gauge").dataset["level"] =
    share >= NEARLY_FULL ? "full" : share >= AMBER ? "amber" : "calm";
}

export interface GaugeChoice {
  readonly label: string;
  readonly run: () => void;
}

/** The split behind the gauge, and what can be done about it. */
export function openSplit(use: Use, total: number, answer: number, choices: GaugeChoice[]): void {
  const row = (name: Key, n: number) =>
    el("tr", {}, el("th", { scope: "row" }, t(name)), el("td", { class: "num" }, number(n)));
  const about = use.exact ? t("split.about") : t("split.guess");
  const dialog = openDialog(
    t("split.title"),
    el("p", { class: "facts num" }, t("gauge", { a: number(use.total), b: number(total) })),
    el(
      "table",
      { class: "ledger" },
      el(
        "tbody",
        {},
        row("split.instructions", use.instructions),
        row("split.messages", use.messages),
        row("split.draft", use.draft),
        row("split.answer", Math.max(0, Math.min(answer || total, total - use.total))),
      ),
    ),
    el("p", { class: "facts" }, about),
    el(
      "div",
      { class: "do" },
      ...choices.map(({ label, run }) => {
        const onclick = () => {
          dialog.close();
          run();
        };
        return el("button", { class: "b b-sm", type: "button", onclick }, label);
      }),
    ),
  );
}
