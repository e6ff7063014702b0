import { announce } from "./announce.js";
import { el } from "./dom.js";
import { UNDO_MS } from "./history/history.js";
import { t } from "./i18n/index.js";

let current: { bar: HTMLElement; undo: () => void; end: () => void } | null = null;

/**
 * Says what was deleted and offers to take it back for some seconds, by the button or Ctrl Z.
 * `done` runs when that time is over, or when something else is deleted.
 */
export function offerUndo(text: string, undo: () => void, done: () => void): void {
  current?.end();
  const timer = setTimeout(() => finish(done), UNDO_MS);
  const finish = (then: () => void) => {
    clearTimeout(timer);
    if (current?.bar !== bar) return;
    current = null;
    bar.remove();
    then();
  };
  const back = () => {
    finish(undo);
    announce(t("say.undone"));
  };
  const button = el("button", { class: "b b-sm", type: "button", onclick: back }, t("undo"));
  const bar = el("div", { class: "undo", role: "group", "aria-label": t("undo") }, text, button);
  bar.title = "Ctrl Z";
  document.body.append(bar);
  current = { bar, undo: back, end: () => finish(done) };
  announce(t("say.deleted"));
}

/** Ctrl Z: true if there was something to take back. */
export function undoLast(): boolean {
  if (!current) return false;
  current.undo();
  return true;
}
