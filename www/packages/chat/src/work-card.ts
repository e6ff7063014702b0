/**
 * Long work on a model as a card: how far it is and a way to stop, then what came of it in the same
 * place. It stays when the page is left and seen again.
 */

import { EngineError } from "@ingle/engine";

import { errorCard } from "./cards.js";
import { button, el } from "./dom.js";
import { t } from "./i18n/index.js";

export interface Work<Progress, Result> {
  /** What parts of the card are called for tests: "judge". */
  readonly ui: string;
  readonly heading: string;
  /** What the card and its bar are called, where the heading alone is too little. */
  readonly label: string;
  /** Words before the first progress, on the button that stops, and over an error. */
  readonly starting: string;
  readonly stop: string;
  readonly failed: string;
  /** Beside the button. */
  readonly hint?: string;
  run(onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Result>;
  /** How far it is: a share from 0 to 1, and words. */
  far(progress: Progress): { readonly share: number; readonly words: string };
  /** The card of what came of it. */
  done(result: Result): HTMLElement;
}

/** Does it, with its card in `place`; a failure can be tried again there. */
export async function doWork<Progress, Result>(
  place: HTMLElement,
  work: Work<Progress, Result>,
): Promise<void> {
  const { ui, heading, label, starting, stop, hint } = work;
  const stopping = new AbortController();
  const bar = el("progress", { class: "bar bar-live", max: 1, "data-ui": `${ui}.bar` });
  bar.setAttribute("aria-label", label);
  const facts = el("p", { class: "facts num" }, starting);
  const halt = button(stop, () => stopping.abort(), "", `${ui}.stop`);
  const beside = hint === undefined ? [] : [el("span", { class: "muted" }, hint)];
  const card = el(
    "section",
    { class: "card", "aria-label": label, "data-ui": `${ui}.card` },
    el("h3", {}, heading),
    ...[bar, facts, el("div", { class: "do" }, halt, ...beside)],
  );
  place.append(card);
  halt.focus();
  const onProgress = (progress: Progress) => {
    const { share, words } = work.far(progress);
    bar.value = share;
    facts.textContent = words;
  };
  try {
    card.replaceWith(work.done(await work.run(onProgress, stopping.signal)));
  } catch (thrown) {
    const error = EngineError.from(thrown);
    if (error.code === "aborted") card.remove();
    else card.replaceWith(failedCard(error, place, work));
  }
}

function failedCard<Progress, Result>(
  error: EngineError,
  place: HTMLElement,
  work: Work<Progress, Result>,
): HTMLElement {
  const again = () => {
    card.remove();
    void doWork(place, work);
  };
  const card = errorCard(error, work.failed, [
    { label: t("again"), run: again },
    { label: t("close"), run: () => card.remove() },
  ]);
  return card;
}
