import type { EngineError, Progress } from "@ingle/engine";

import { announce } from "./announce.js";
import { el, icon } from "./dom.js";
import { bytes, bytesOf, percent, Rate, timeLeft } from "./format.js";

/** Figures on a progress card change at most this often. */
const FIGURES_EVERY_MS = 500;

export interface Action {
  readonly label: string;
  readonly run: () => void;
}

/** Titles of the errors a person can meet; what is not listed is named after what was tried. */
const TITLES: Readonly<Record<string, string>> = {
  "engine.old": "This browser is too old for ingle",
  "engine.insecure": "This page cannot run models",
  "engine.crash": "The model stopped unexpectedly",
  "engine.killed": "The browser ended the model",
  "engine.module": "ingle was not loaded completely",
  "gpu.lost": "The graphics chip was reset",
  "gpu.memory": "The model does not fit into graphics memory",
  "model.toobig": "The model does not fit",
  "model.unsupported": "ingle cannot run this kind of model yet",
  "model.damaged": "This file is not a complete model",
  "model.missing": "The model is not in this browser",
  "model.nan": "The model gave no usable numbers",
  "file.type": "This is not a model file",
  "file.gone": "The file can no longer be read",
  "net.offline": "You are offline",
  "net.stalled": "The server stopped answering",
  "net.http": "The server refused the download",
  "net.cors": "The server does not allow browsers to download this",
  "net.refused": "The address cannot be reached",
  "net.cut": "The download broke off",
  "server.gone": "The server does not answer",
  "server.busy": "The server is busy",
  "server.token": "The server asks for a token",
  "server.missing": "The server does not have this model any more",
  "server.error": "The server could not do it",
  "store.full": "Not enough storage for this model",
  "store.locked": "The file is in use in another tab",
  "ctx.full": "This chat is longer than the model can read",
};

/** What happened, what is safe, and one way on. Also handed to the announcer. */
export function errorCard(
  error: EngineError,
  fallbackTitle: string,
  actions: Action[],
): HTMLElement {
  const title = TITLES[error.code] ?? fallbackTitle;
  announce(`${title}. ${error.message}`, "urgent");
  const buttons = actions.map(({ label, run }, i) =>
    el(
      "button",
      { class: `b b-sm ${i === 0 ? "b-main" : "b-bare"}`, type: "button", onclick: run },
      label,
    ),
  );
  return el(
    "section",
    { class: "alert a-bad", "data-ui": `alert.${error.code}` },
    icon("warn"),
    el("h3", {}, title),
    el("p", { class: "num" }, error.message),
    el("div", { class: "do" }, ...buttons, el("code", { title: error.detail }, error.code)),
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
    "aria-label": "Progress",
  });
  readonly #figures = el("p", { class: "facts num", "data-ui": "pull.eta" }, "\u00a0");
  #rate = new Rate();
  #phase = "";
  #shownAt = 0;
  #spoken = 0;

  constructor(name: string, onCancel: () => void, title = `Getting ${name}`) {
    this.#title.textContent = title;
    this.node = el(
      "section",
      { class: "card", "aria-label": `Loading ${name}`, "data-ui": "model.progress" },
      el("div", { class: "head" }, this.#title),
      this.#bar,
      this.#figures,
      el(
        "div",
        { class: "do" },
        el(
          "button",
          { class: "b", type: "button", "data-ui": "pull.cancel", onclick: onCancel },
          "Cancel",
        ),
      ),
    );
    this.#bar.removeAttribute("value");
  }

  /** Shows a step and returns its short form for the line under the box. */
  update({ phase, name, loaded, total }: Progress, device: string): string {
    if (phase === "prepare") return this.#prepare(name);
    const verb = phase === "transfer" ? "Copying" : "Loading";
    const short =
      total === null
        ? `${verb} ${name}: ${bytes(loaded)}`
        : `${verb} ${name}: ${percent(loaded, total)}`;
    const now = performance.now();
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#rate = new Rate();
      this.#shownAt = 0;
      this.#spoken = 0;
      const where = device === "gpu" ? "the graphics chip" : "memory";
      this.#title.textContent =
        phase === "transfer"
          ? `Copying ${name} into this browser`
          : `Loading ${name} into ${where}`;
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
    this.#title.textContent = `Preparing the graphics chip for ${name}`;
    this.#bar.removeAttribute("value");
    this.#figures.textContent = "This takes a few seconds, once for each model.";
    return `Preparing the graphics chip for ${name}`;
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
    announce(`${quarter * 25} percent.`);
  }
}
