import type { ModelDetails, Models } from "@ingle/engine";

import { announce } from "../announce.js";
import { el, openDialog } from "../dom.js";
import { nameShown } from "../format.js";
import { t } from "../i18n/index.js";
import { saidOf } from "../i18n/said.js";
import { type Format, FORMATS } from "./formats.js";
import "./templates.css";

/** Of the file, in its header. */
const KEY = "tokenizer.chat_template";
const OWN = "own";
const OTHER = "other";

/**
 * Asks in which form a model is talked to: its file's own template, one of the known formats, or
 * one that a person writes. It is kept as the model's, and counts from the next answer on.
 */
export async function openTemplates(
  library: Models,
  name: string,
  done: () => void = () => undefined,
): Promise<void> {
  const title = t("template.of", { name: nameShown(name) });
  const body = el("div", { class: "templates", "data-ui": "template" });
  const dialog = openDialog(title, body);
  try {
    const asking = new Asking(await library.show(name), async (choice) => {
      const { template, stop } = choice;
      await library.create(name, { from: name, template, parameters: { stop } });
      dialog.close();
      announce(t("template.kept", { name: nameShown(name), template: choice.name }));
      done();
    });
    body.replaceChildren(...asking.nodes);
  } catch (thrown) {
    body.replaceChildren(el("p", { role: "status" }, saidOf(thrown)));
  }
}

/** The forms to choose from, with the text of the chosen one. */
class Asking {
  readonly nodes: HTMLElement[];
  readonly #choices: readonly Format[];
  readonly #text = el("textarea", {
    class: "mono",
    rows: 6,
    spellcheck: false,
    dir: "ltr",
    "data-ui": "template.text",
    "aria-label": t("template.text"),
  });
  readonly #problem = el("p", { class: "facts", role: "status" });
  readonly #keep: HTMLButtonElement;
  #chosen: Format;

  constructor(about: ModelDetails, keep: (choice: Format) => Promise<void>) {
    const own = about.metadata[KEY];
    const file = { id: OWN, name: t("template.own"), template: String(own ?? ""), stop: [] };
    const other = { id: OTHER, name: t("template.other"), template: "", stop: [] };
    this.#choices = [...(own ? [file] : []), ...FORMATS, other];
    const isUsed = ({ template }: Format) => template === about.template;
    this.#chosen = this.#choices.find(isUsed) ?? (about.template ? other : FORMATS[0] ?? other);
    const attributes = { class: "b b-main", type: "button", "data-ui": "template.keep" };
    const onclick = () => void this.#save(keep);
    this.#keep = el("button", { ...attributes, onclick }, t("template.keep"));
    this.#show(about.template ?? "");
    this.nodes = [
      el("p", { class: "facts" }, t("template.lead")),
      el(
        "fieldset",
        { class: "choices" },
        el("legend", {}, t("template.forms")),
        ...this.#choices.map((choice) => this.#row(choice)),
      ),
      el("div", { class: "field" }, this.#text),
      this.#problem,
      el("div", { class: "do" }, this.#keep),
    ];
  }

  #row(choice: Format): HTMLElement {
    const box = el("input", {
      type: "radio",
      name: "template-form",
      value: choice.id,
      onchange: () => {
        this.#chosen = choice;
        this.#show(this.#text.value);
      },
    });
    box.checked = choice === this.#chosen;
    return el("label", {}, box, " ", choice.name);
  }

  /** The text of the chosen form; one's own begins with what stands there. */
  #show(before: string): void {
    const { id, template } = this.#chosen;
    this.#text.value = id === OTHER ? before : template;
    this.#text.readOnly = id !== OTHER;
    this.#problem.textContent = "";
  }

  async #save(keep: (choice: Format) => Promise<void>): Promise<void> {
    const template = this.#text.value;
    if (template.trim() === "") {
      this.#problem.textContent = t("template.empty");
      return this.#text.focus();
    }
    this.#keep.disabled = true;
    try {
      await keep({ ...this.#chosen, template });
    } catch (thrown) {
      this.#problem.textContent = saidOf(thrown);
      this.#keep.disabled = false;
    }
  }
}
