import type { Models, QuantizeProgress, StoredModel } from "@ingle/engine";

import { announce } from "../announce.js";
import { button, el } from "../dom.js";
import { bytes, nameShown, percent, timeLeft } from "../format.js";
import { t } from "../i18n/index.js";
import { doWork } from "../work-card.js";
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
  /** Measures what was lost. */
  compare(source: StoredModel, made: StoredModel): void;
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
  async start({ source, type, requantize, elements }: Wish): Promise<void> {
    const name = nameShown(source.name);
    await doWork(this.node, {
      ui: "smaller",
      heading: name,
      label: t("smaller.of", { name }),
      starting: t("smaller.starting"),
      stop: t("smaller.stop"),
      failed: t("smaller.failed"),
      hint: t("smaller.hint"),
      run: async (onProgress: (step: QuantizeProgress) => void, signal) => {
        const start = performance.now();
        const options = { requantize, onProgress, signal };
        const made = await (await this.#library()).quantize(source.name, type, options);
        keepRate(elements, (performance.now() - start) / 1000);
        this.#actions.made();
        return made;
      },
      far: (step) => ({ share: step.loaded / step.total, words: words(type, step) }),
      done: (made) => this.#done(source, made, type),
    });
  }

  #done(source: StoredModel, made: StoredModel, type: string): HTMLElement {
    const name = nameShown(made.name);
    announce(t("smaller.ready", { name }));
    const values = { name, word: t(qualityWord(type)), size: bytes(made.size) };
    const chat = () => {
      card.remove();
      this.#actions.chat(made.name);
    };
    const compare = () => {
      comparing.remove();
      this.#actions.compare(source, made);
    };
    const label = t("judge.compare", { name: nameShown(source.name) });
    const comparing = button(label, compare, "", "smaller.compare");
    const card = el(
      "section",
      { class: "card", "aria-label": name, "data-ui": "smaller.done" },
      el("h3", {}, t("smaller.done", values)),
      el(
        "div",
        { class: "do" },
        button(t("chat.with"), chat, "b-main", "smaller.chat"),
        comparing,
        button(t("close"), () => card.remove(), "b-bare"),
      ),
    );
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
