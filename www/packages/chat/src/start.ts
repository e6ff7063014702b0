import { el } from "./dom.js";
import { bytes } from "./format.js";
import { type Key, t } from "./i18n/index.js";
import { TAB, type Where } from "./model.js";
import { pickFile } from "./models.js";

/**
 * What the page of a new chat shows where a message can be sent: the promise, things to try, and
 * with the demo model what it is and what there is besides.
 */

const THINGS_TO_TRY: readonly Key[] = ["try.1", "try.2", "try.3"];
/** What the demo model was made for. */
const THINGS_FOR_DEMO: readonly Key[] = ["demo.try.1", "demo.try.2", "demo.try.3", "demo.try.4"];

type Send = (text: string) => void;

/** The page of a new chat with a model that computes there, or is to. */
export function readyView(where: Where, send: Send, isComing = false): HTMLElement {
  return view(where, THINGS_TO_TRY, send, isComing);
}

/** The same with the demo model, here or on its way; `card` says so. */
export function demoView(send: Send, card: HTMLElement, isComing: boolean): HTMLElement {
  const node = view(TAB, THINGS_FOR_DEMO, send, isComing);
  node.append(card);
  return node;
}

function view(
  { promise, lead }: Where,
  tries: readonly Key[],
  send: Send,
  isComing: boolean,
): HTMLElement {
  return el(
    "div",
    {},
    el("h1", {}, promise),
    el("p", { class: "lead" }, lead),
    el(
      "div",
      { class: isComing ? "try coming" : "try", role: "group", "aria-label": t("try") },
      ...tries.map((key) =>
        el("button", { class: "b", type: "button", onclick: () => send(t(key)) }, t(key)),
      ),
    ),
  );
}

/** What the demo model is, and the ways to a better one. */
export function demoCard(better: readonly HTMLElement[]): HTMLElement {
  return el(
    "section",
    { class: "card", "aria-labelledby": "demo-title", "data-ui": "demo.card" },
    el("h2", { class: "h3", id: "demo-title" }, t("demo.title")),
    el("p", { class: "facts" }, t("demo.text")),
    ...better,
  );
}

/** On a line that saves data nothing comes unasked. */
export function askCard(size: number, get: () => void): HTMLElement {
  return el(
    "section",
    { class: "card", "aria-labelledby": "demo-title", "data-ui": "demo.asks" },
    el("h2", { class: "h3", id: "demo-title" }, t("demo.asks")),
    el("p", { class: "facts num" }, t("demo.asks.text", { size: bytes(size) })),
    el(
      "div",
      { class: "do" },
      el("button", { class: "b b-main", type: "button", onclick: get }, t("model.get")),
      useFile(),
    ),
  );
}

/** The ways besides: the page of models, and a file. */
export function otherWays(): HTMLElement[] {
  return [el("a", { class: "b", href: "#/models" }, t("models.all")), useFile()];
}

function useFile(): HTMLElement {
  const attributes = { class: "b b-bare", type: "button", "data-ui": "model.pick" };
  return el("button", { ...attributes, onclick: pickFile }, t("file.use"));
}

/** Offered once, under the first answer of the demo model. */
const TOLD_KEY = "ingle.demo.told";

export function wasOffered(): boolean {
  try {
    return localStorage.getItem(TOLD_KEY) !== null;
  } catch {
    return true; // nobody would remember that it was closed
  }
}

export function rememberOffer(): void {
  localStorage.setItem(TOLD_KEY, "1");
}
