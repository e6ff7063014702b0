import type {
  JudgeProgress,
  Models,
  Perplexity,
  StoredModel,
  Validation,
} from "@ingle/engine";

import { announce } from "../announce.js";
import { button, el } from "../dom.js";
import { nameShown, percent, timeLeft } from "../format.js";
import { number, t } from "../i18n/index.js";
import { doWork } from "../work-card.js";
import { perplexityPart, save, validationPart } from "./report.js";
import type { Wish } from "./wish.js";

/** Measurements of models: a card each, which stays when the page is left and seen again. */
export class Judgings {
  readonly node = el("div", { id: "judging" });
  readonly #library: () => Promise<Models>;

  constructor(library: () => Promise<Models>) {
    this.#library = library;
  }

  /** Compares a model that was made with its source. */
  compare(baseline: StoredModel, model: StoredModel): void {
    void this.start({ model, baseline });
  }

  /** Measures, and shows how far it is. */
  async start(wish: Wish): Promise<void> {
    const title = titleOf(wish);
    await doWork(this.node, {
      ui: "judge",
      heading: title,
      label: title,
      starting: t("judge.starting"),
      stop: t("judge.stop"),
      failed: t("judge.failed"),
      run: (onProgress: (progress: JudgeProgress) => void, signal) =>
        this.#measure(wish, onProgress, signal),
      far: (progress) => ({
        share: progress.loaded / Math.max(progress.total, Number.MIN_VALUE),
        words: words(progress),
      }),
      done: (result) => this.#done(title, result),
    });
  }

  async #measure(
    { model, baseline, chunks }: Wish,
    onProgress: (progress: JudgeProgress) => void,
    signal: AbortSignal,
  ): Promise<Perplexity | Validation> {
    const library = await this.#library();
    const options = { ...(chunks !== undefined && { chunks }), onProgress, signal };
    if (!baseline) return library.perplexity(model.name, options);
    return library.validate(baseline.name, model.name, options);
  }

  #done(title: string, result: Perplexity | Validation): HTMLElement {
    announce(t("judge.ready", { title }));
    const part = "quantized" in result ? validationPart(result) : perplexityPart(result);
    const card = el(
      "section",
      { class: "card judged", "aria-label": title, "data-ui": "judge.done" },
      el("h3", {}, title),
      ...part,
      el(
        "div",
        { class: "do" },
        button(t("judge.save"), () => save(result), "", "judge.save"),
        button(t("close"), () => card.remove(), "b-bare"),
      ),
    );
    return card;
  }
}

function titleOf({ model, baseline }: Wish): string {
  const name = nameShown(model.name);
  if (!baseline) return t("judge.alone.of", { name });
  return t("judge.with.of", { name, baseline: nameShown(baseline.name) });
}

/** "llama-F16 reads: 3 of 16 pieces · about 2 minutes left". */
function words({ phase, model, loaded, total, secondsLeft }: JudgeProgress): string {
  const [n, m] = [number(Math.floor(loaded)), number(total)];
  const values = { name: nameShown(model), share: percent(loaded, total), n, m };
  const so = t(`judge.${phase}`, values);
  return secondsLeft === null ? so : `${so} · ${timeLeft(secondsLeft)}`;
}
