import type { EngineError, Progress } from "@ingle/engine";

import { announce } from "./announce.js";
import { el, icon } from "./dom.js";
import { bytes, bytesOf, percent, Rate, timeLeft } from "./format.js";
import { type Key, t } from "./i18n/index.js";

/** Figures on a progress card change at most this often. */
const FIGURES_EVERY_MS = 500;

export interface Action {
  readonly label: string;
  readonly run: () => void;
}

/** Codes of errors whose title is in the tables, under `title.CODE`. */
const TITLED = new Set([
  "engine.old",
  "engine.insecure",
  "engine.crash",
  "engine.killed",
  "engine.module",
  "gpu.lost",
  "gpu.memory",
  "model.toobig",
  "model.unsupported",
  "model.damaged",
  "model.missing",
  "model.nan",
  "file.type",
  "file.gone",
  "net.offline",
  "net.stalled",
  "net.http",
  "net.cors",
  "net.refused",
  "net.cut",
  "net.mismatch",
  "net.changed",
  "server.gone",
  "server.busy",
  "server.token",
  "server.missing",
  "server.error",
  "store.full",
  "store.locked",
  "ctx.full",
  "gen.schema",
]);

/** The title of an error, or what was tried. */
function titleOf(code: string, fallback: string): string {
  return TITLED.has(code) ? t(`title.${code}` as Key) : fallback;
}

/** What happened, what is safe, and one way on. Also handed to the announcer. */
export function errorCard(
  error: EngineError,
  fallbackTitle: string,
  actions: Action[],
): HTMLElement {
  const title = titleOf(error.code, fallbackTitle);
  announce(`${title}. ${error.message}`, "urgent");
  const code = el("code", { title: error.detail }, error.code);
  return el(
    "section",
    { class: "alert a-bad", "data-ui": `alert.${error.code}` },
    icon("warn"),
    el("h3", {}, title),
    el("p", { class: "num" }, error.message),
    el("div", { class: "do" }, ...buttons(actions), code),
  );
}

function buttons(actions: readonly Action[]): HTMLElement[] {
  return actions.map(({ label, run }, i) =>
    el(
      "button",
      { class: `b b-sm ${i === 0 ? "b-main" : "b-bare"}`, type: "button", onclick: run },
      label,
    ),
  );
}

/** A card that asks for a choice; nothing is done until one is made. */
export function choiceCard(
  code: string,
  title: string,
  text: string,
  actions: readonly Action[],
): HTMLElement {
  announce(`${title}. ${text}`, "urgent");
  return el(
    "section",
    { class: "alert a-warn", "data-ui": `alert.${code}` },
    icon("warn"),
    el("h3", {}, title),
    el("p", { class: "num" }, text),
    el("div", { class: "do" }, ...buttons(actions)),
  );
}

/** The engine is lost and on its way back; nothing is to be done. */
export function lossCard(title: string, text: string): HTMLElement {
  announce(`${title} ${text}`, "urgent");
  return el(
    "section",
    { class: "alert a-warn", "data-ui": "alert.recovering" },
    icon("warn"),
    el("h3", {}, title),
    el("p", { class: "num" }, text),
  );
}

/** A quiet note, such as that there is no WebGPU here. */
export function noteCard(title: string, text: string): HTMLElement {
  return el(
    "section",
    { class: "alert a-note" },
    icon("file"),
    el("h3", {}, title),
    el("p", {}, text),
  );
}

/** The card of a model on its way: bytes, speed, time left, and a way to stop. */
export class ProgressCard {
  readonly node: HTMLElement;
  readonly #title = el("h2", { class: "h3" });
  readonly #bar = el("progress", {
    class: "bar bar-live",
    "data-ui": "pull.bar",
    "aria-label": t("progress"),
  });
  readonly #figures = el("p", { class: "facts num", "data-ui": "pull.eta" }, "\u00a0");
  #rate = new Rate();
  #phase = "";
  #shownAt = 0;
  #spoken = 0;

  constructor(name: string, onCancel: () => void, title = t("load.getting", { name })) {
    this.#title.textContent = title;
    this.node = el(
      "section",
      { class: "card", "aria-label": t("load.name", { name }), "data-ui": "model.progress" },
      el("div", { class: "head" }, this.#title),
      this.#bar,
      this.#figures,
      el(
        "div",
        { class: "do" },
        el(
          "button",
          { class: "b", type: "button", "data-ui": "pull.cancel", onclick: onCancel },
          t("cancel"),
        ),
      ),
    );
    this.#bar.removeAttribute("value");
  }

  /** Shows a step and returns its short form for the line under the box. */
  update({ phase, name, loaded, total }: Progress, device: string): string {
    if (phase === "prepare") return this.#prepare(name);
    const share = total === null ? bytes(loaded) : percent(loaded, total);
    const short = t(phase === "transfer" ? "copying" : "loading", { name, share });
    const now = performance.now();
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#rate = new Rate();
      this.#shownAt = 0;
      this.#spoken = 0;
      const into = device === "gpu" ? t("load.gpu", { name }) : t("load.memory", { name });
      this.#title.textContent = phase === "transfer" ? t("load.copy", { name }) : into;
    }
    this.#rate.add(now, loaded);
    if (total !== null) {
      this.#bar.max = Math.max(1, total);
      this.#bar.value = loaded;
      this.#say(loaded / Math.max(1, total));
    }
    if (now - this.#shownAt >= FIGURES_EVERY_MS || loaded === total) {
      this.#shownAt = now;
      this.#figures.textContent = this.#words(loaded, total);
    }
    return short;
  }

  /** The browser compiles the kernels and does not say how far it is. */
  #prepare(name: string): string {
    this.#title.textContent = t("load.prepare", { name });
    this.#bar.removeAttribute("value");
    this.#figures.textContent = t("load.prepare.text");
    return t("load.prepare", { name });
  }

  #words(loaded: number, total: number | null): string {
    const words = [total === null ? bytes(loaded) : bytesOf(loaded, total)];
    const rate = this.#rate.perSecond();
    if (rate !== null) words.push(`${bytes(rate)}/s`);
    const left = total === null || loaded === total ? null : this.#rate.secondsLeft(total);
    if (left !== null) words.push(timeLeft(left));
    return words.join(" · ");
  }

  /** Says a quarter when it is reached, and not more. */
  #say(share: number): void {
    const quarter = Math.floor(share * 4);
    if (quarter <= this.#spoken || quarter === 4) return;
    this.#spoken = quarter;
    announce(t("say.percent", { n: quarter * 25 }));
  }
}
