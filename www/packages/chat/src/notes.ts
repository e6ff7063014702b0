import type { Notice } from "@ingle/engine";

import { isMemorySaid } from "./bars.js";
import { type Action, codeNote, noteCard, toPage } from "./cards.js";
import { t } from "./i18n/index.js";
import type { ChatModel } from "./model.js";

/** What is not as it could be, as cards on the page of a new chat: each is said once. */
export class Notes {
  readonly #said = new Set<string>();
  readonly #chooseTemplate: (done: () => void) => void;

  /** `chooseTemplate`: of the model in use; `done` when that has come of it. */
  constructor(chooseTemplate: (done: () => void) => void) {
    this.#chooseTemplate = chooseTemplate;
  }

  /** `notices`: what the engine has to say, which may be more after each load. */
  of(model: ChatModel, notices: readonly Notice[]): HTMLElement[] {
    // What the browser lacks is of no concern to a model elsewhere.
    if (model.where.kind !== "tab") return [];
    const fresh = notices.filter(({ code, message }) => !this.#said.has(code + message));
    for (const { code, message } of fresh) this.#said.add(code + message);
    const cards = fresh
      .filter(({ code }) => code in WAYS && !(code === "store.memory" && isMemorySaid()))
      .map(({ code, message }) => {
        // What was wrong in which kernel is the doctor's to say.
        const text = code === "gpu.wrong" ? t("text.gpu.wrong") : message;
        return codeNote(code, text, WAYS[code]?.() ?? []);
      });
    const template = model.templateNote;
    if (template === null) return cards;
    const code = "model.notemplate";
    const run = () => this.#chooseTemplate(() => note.remove());
    const actions = [{ label: t("template.choose"), run }];
    const note = noteCard(t("model.notemplate"), t("text.model.notemplate"), { code, actions });
    note.title = template; // which of its reasons it is
    return [...cards, note];
  }
}

/** Notices that are shown here, with their ways on; the others have places of their own. */
const WAYS: Readonly<Record<string, () => Action[]>> = {
  "gpu.missing": () => [toPage(t("way.what"), "doctor")],
  "gpu.wrong": () => [toPage(t("details"), "doctor")],
  "gpu.tuning": () => [],
  "store.memory": () => [],
  "store.adopted": () => [],
};

/** The chip went away so often that the engine computes on the processor now. */
export function chipGivenUp(): HTMLElement {
  const ways = [toPage(t("smaller.model"), "models"), toPage(t("doctor"), "doctor")];
  const code = "gpu.lost.often";
  return noteCard(t("title.gpu.lost"), t("gpu.given.up"), { code, actions: ways });
}
