import type { EngineError } from "@ingle/engine";

import { el, openDialog } from "../dom.js";
import { nameShown } from "../format.js";
import { t } from "../i18n/index.js";
import { type Choices, type ModelActions, useButton } from "../models.js";
import { keyOfServed, noteOf, type Served } from "./model.js";
import type { Server } from "./server.js";

/** The server's models as they are known now. */
export interface ServedList {
  readonly server: Server;
  /** Null until the first answer. */
  readonly models: readonly Served[] | null;
  /** Why there is no list. */
  readonly error: EngineError | null;
  /** Asks again. */
  readonly refresh: () => void;
}

/** What the server has, for the start, the page of models (which has its title) or a dialog. */
export function servedPart(
  choices: Choices,
  actions: ModelActions,
  form: "card" | "page" | "dialog",
): HTMLElement[] {
  const { served, current } = choices;
  if (!served) return [];
  const { title } = served.server;
  const rows = (served.models ?? []).map((model) =>
    el(
      "li",
      {},
      useButton(
        nameShown(model.name),
        model.name,
        noteOf(model),
        keyOfServed(model.name) === current,
        () => actions.load({ served: model }),
      ),
    ),
  );
  const list =
    rows.length > 0 ? [el("ul", { class: "stored", "aria-label": title }, ...rows)] : [];
  const parts = [...list, ...remark(served)];
  if (form === "dialog") return [el("h3", {}, title), ...parts];
  const heading = form === "card" ? [el("h2", { class: "h3" }, title)] : [];
  return [el("section", { class: "card", "aria-label": title }, ...heading, ...parts)];
}

/** Why the list is empty, and the way on. */
function remark({ server, models, error, refresh }: ServedList): HTMLElement[] {
  const facts = (text: string) => el("p", { class: "facts" }, text);
  const button = (label: string, onclick: () => void) =>
    el("div", { class: "do" }, el("button", { class: "b b-sm", type: "button", onclick }, label));
  if (error?.code === "server.token") {
    const ask = () => askForToken(server, refresh);
    return [facts(t("server.token.asks")), button(t("server.token.give"), ask)];
  }
  if (error) return [facts(error.message), button(t("again"), refresh)];
  if (models === null || models.length > 0) return [];
  return [facts(t("server.empty"))];
}

/** A server with `INGLE_TOKEN` answers only to those who know it. */
export function askForToken(server: Server, then: () => void): void {
  const token = el("input", {
    type: "password",
    required: true,
    autocomplete: "off",
    "data-ui": "server.token",
  });
  const form = el(
    "form",
    {
      class: "address",
      onsubmit: (event) => {
        event.preventDefault();
        dialog.close();
        server.client.token = token.value.trim();
        then();
      },
    },
    el("label", { class: "field grow" }, t("server.token.label"), token),
    el("button", { class: "b b-main" }, t("use")),
  );
  const dialog = openDialog(
    t("server.token.title"),
    el("p", { class: "facts" }, t("server.token.kept")),
    form,
  );
}
