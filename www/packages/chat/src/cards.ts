import type { EngineError, Progress } from "@ingle/engine";

import { announce } from "./announce.js";
import { el, icon } from "./dom.js";
import { bytes, bytesOf, percent, Rate, timeLeft } from "./format.js";
import { isKey, t } from "./i18n/index.js";
import { said } from "./i18n/said.js";

/** Figures on a progress card change at most this often. */
const FIGURES_EVERY_MS = 500;

export interface Action {
  readonly label: string;
  readonly run: () => void;
}

/** The title of a code, else what was tried. */
function titleOf(code: string, fallback: string): string {
  const name = `title.${code}`;
  return isKey(name) ? t(name) : fallback;
}

/**
 * What happened, what is safe, and one way on. Also handed to the announcer. `ownTitle`: the code
 * means something else here than where its title is from.
 */
export function errorCard(
  error: EngineError,
  fallbackTitle: string,
  actions: readonly Action[],
  ownTitle: string | null = null,
): HTMLElement {
  const title = ownTitle ?? titleOf(error.code, fallbackTitle);
  const text = said(error.code, error.message);
  announce(`${title}. ${text}`, "urgent");
  const whole = text === error.message ? [] : [error.message];
  const code = el("code", { title: [...whole, error.detail].join("\n") }, error.code);
  return el(
    "section",
    { class: "alert a-bad", "data-ui": `alert.${error.code}` },
    icon("warn"),
    el("h3", {}, title),
    el("p", { class: "num" }, text),
    el("div", { class: "do" }, ...buttons(actions), code),
  );
}

/** The first one is the main way on, which a quiet card need not say so loudly. */
function buttons(actions: readonly Action[], main = "b-main"): HTMLElement[] {
  return actions.map(({ label, run }, i) =>
    el(
      "button",
      { class: `b b-sm ${i === 0 ? main : "b-bare"}`, type: "button", onclick: run },
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

/** A quiet note, such as that there is no WebGPU here; one with a code is also said, politely. */
export function noteCard(
  title: string,
  text: string,
  { code, actions = [] }: { code?: string; actions?: readonly Action[] } = {},
): HTMLElement {
  if (code !== undefined) announce(`${title}. ${text}`);
  return el(
    "section",
    { class: "alert a-note", "data-ui": code === undefined ? undefined : `alert.${code}` },
    icon("file"),
    el("h3", {}, title),
    el("p", { class: "num" }, text),
    ...(actions.length > 0 ? [el("div", { class: "do" }, ...buttons(actions, ""))] : []),
  );
}

/** The note of a code, under its title. */
export function codeNote(code: string, text: string, actions: readonly Action[] = []) {
  return noteCard(titleOf(code, code), said(code, text), { code, actions });
}

/** A way on that is a page of the app. */
export function toPage(label: string, page: string): Action {
  return { label, run: () => (location.hash = `#/${page}`) };
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
