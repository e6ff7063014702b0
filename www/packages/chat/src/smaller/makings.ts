import { EngineError, type Models, type QuantizeProgress, type StoredModel } from "@ingle/engine";

import { announce } from "../announce.js";
import { errorCard } from "../cards.js";
import { el } from "../dom.js";
import { bytes, percent, timeLeft } from "../format.js";
import { t } from "../i18n/index.js";
import { qualityWord } from "./quality.js";
import { keepRate } from "./rate.js";

/** What is to be made of a stored model. */
export interface Wish {
  readonly source: StoredModel;
  readonly type: string;
  readonly requantize: boolean;
  /** Weights of the model. */
  readonly elements: number;
}

interface Actions {
  /** The list of models has changed. */
  made(): void;
  chat(name: string): void;
}

/** Smaller models on their way: a card each, which stays when the page is left and seen again. */
export class Makings {
  readonly node = el("div", { id: "making" });
  readonly #library: () => Promise<Models>;
  readonly #actions: Actions;

  constructor(library: () => Promise<Models>, actions: Actions) {
    this.#library = library;
    this.#actions = actions;
  }

  /** Makes a model, and shows how far it is. */
  async start(wish: Wish): Promise<void> {
    const stop = new AbortController();
    const title = shown(wish.source.name);
    const bar = el("progress", { class: "bar bar-live", max: 1, "data-ui": "smaller.bar" });
    bar.setAttribute("aria-label", t("smaller.of", { name: title }));
    const facts = el("p", { class: "facts num" }, t("smaller.starting"));
    const halt = button(t("smaller.stop"), () => stop.abort(), "", "smaller.stop");
    const hint = el("span", { class: "muted" }, t("smaller.hint"));
    const card = el(
      "section",
      { class: "card", "aria-label": t("smaller.of", { name: title }), "data-ui": "smaller.card" },
      el("h3", {}, title),
      ...[bar, facts, el("div", { class: "do" }, halt, hint)],
    );
    this.node.append(card);
    halt.focus();
    const onProgress = (step: QuantizeProgress) => {
      bar.value = step.loaded / step.total;
      facts.textContent = words(wish.type, step);
    };
    const start = performance.now();
    try {
      const { source, type, requantize } = wish;
      const options = { requantize, onProgress, signal: stop.signal };
      const made = await (await this.#library()).quantize(source.name, type, options);
      keepRate(wish.elements, (performance.now() - start) / 1000);
      card.replaceWith(this.#done(made, type));
      this.#actions.made();
    } catch (thrown) {
      const error = EngineError.from(thrown);
      if (error.code === "aborted") card.remove();
      else card.replaceWith(this.#failed(error, wish));
    }
  }

  #done(made: StoredModel, type: string): HTMLElement {
    const name = shown(made.name);
    announce(t("smaller.ready", { name }));
    const values = { name, word: t(qualityWord(type)), size: bytes(made.size) };
    const chat = () => {
      card.remove();
      this.#actions.chat(made.name);
    };
    const card = el(
      "section",
      { class: "card", "aria-label": name, "data-ui": "smaller.done" },
      el("h3", {}, t("smaller.done", values)),
      el(
        "div",
        { class: "do" },
        button(t("chat.with"), chat, "b-main", "smaller.chat"),
        button(t("close"), () => card.remove(), "b-bare"),
      ),
    );
    return card;
  }

  #failed(error: EngineError, wish: Wish): HTMLElement {
    const again = () => {
      card.remove();
      void this.start(wish);
    };
    const card = errorCard(error, t("smaller.failed"), [
      { label: t("again"), run: again },
      { label: t("close"), run: () => card.remove() },
    ]);
    return card;
  }
}

/** "Making Q4_K_M: 118 of 290 parts · about 3 minutes left". */
function words(type: string, step: QuantizeProgress): string {
  if (step.phase === "check")
    return t("smaller.checking", { share: percent(step.loaded, step.total) });
  const so = t("smaller.making", { type, n: step.step, m: step.nSteps });
  return step.secondsLeft === null ? so : `${so} · ${timeLeft(step.secondsLeft)}`;
}

export function shown(name: string): string {
  return name.replace(/:latest$/, "");
}

export function button(label: string, onclick: () => void, kind = "", ui?: string): HTMLElement {
  return el("button", { class: `b b-sm ${kind}`, type: "button", onclick, "data-ui": ui }, label);
}
