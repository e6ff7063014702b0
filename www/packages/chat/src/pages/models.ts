import type { StoredModel } from "@ingle/engine";

import { el } from "../dom.js";
import { bytes } from "../format.js";
import type { AnySource, Host } from "../host.js";
import { t } from "../i18n/index.js";
import { addModelForm, type ModelActions, storedRow } from "../models.js";
import type { Page } from "../router.js";
import { servedPart } from "../server/list.js";
import type { Shelf } from "../shelf.js";

/** The page at `#/models`: what is here, what the server has, and ways to bring more. */
export class ModelsPage implements Page {
  readonly title = "models";
  readonly #host: Host;
  readonly #shelf: Shelf;
  readonly #actions: ModelActions;

  constructor(host: Host, shelf: Shelf, actions: ModelActions) {
    this.#host = host;
    this.#shelf = shelf;
    this.#actions = actions;
  }

  show(node: HTMLElement): void {
    this.#shelf.onChange = () => this.#fill(node);
    this.#fill(node);
  }

  hide(): void {
    this.#shelf.onChange = () => undefined;
  }

  #fill(node: HTMLElement): void {
    const { choices } = this.#shelf;
    const actions: ModelActions = {
      load: (source: AnySource) => {
        location.hash = "#/";
        this.#actions.load(source);
      },
      remove: (model: StoredModel) => this.#actions.remove(model),
    };
    const size = choices.stored.reduce((sum, model) => sum + model.bytes, 0);
    const rows = choices.stored.map((model) => storedRow(model, choices, actions));
    node.replaceChildren(
      el(
        "div",
        { class: "col" },
        el("h1", {}, t("models")),
        el("p", { class: "lead" }, this.#host.server ? t("models.lead.server") : t("models.lead")),
        el("h2", {}, t("models.stored")),
        ...(rows.length > 0
          ? [
              el("ul", { class: "stored", id: "stored", "aria-label": t("models.stored") }, ...rows),
              el("p", { class: "facts num" }, t("models.size", { size: bytes(size) })),
            ]
          : [el("p", { class: "facts" }, t("models.none"))]),
        el("div", { class: "served", id: "served" }, ...servedPart(choices, actions, "card")),
        el("h2", {}, t("model.bring")),
        el(
          "section",
          { class: "card", "aria-label": t("model.bring") },
          el("p", { class: "facts" }, t("model.bring.text")),
          ...addModelForm(actions),
        ),
      ),
    );
  }
}
