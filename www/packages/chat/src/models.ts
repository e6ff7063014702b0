import type { StoredModel } from "@ingle/engine";

import type { ChatDesk } from "./desk.js";
import { byId, el, icon, openDialog, refill } from "./dom.js";
import { bytes, nameShown } from "./format.js";
import type { AnySource } from "./host.js";
import { t } from "./i18n/index.js";
import { keyOfFile, TAB } from "./model.js";
import { servedPart, type ServedList } from "./server/list.js";

export interface ModelActions {
  load(source: AnySource): void;
  remove(model: StoredModel): Promise<void>;
}

/** What can be chosen. */
export interface Choices {
  readonly stored: readonly StoredModel[];
  /** Null where the page came from no `ingle serve`. */
  readonly served: ServedList | null;
  /** Key of the model in use. */
  readonly current: string | null;
}

/** Opens the file picker. */
export function pickFile(): void {
  byId<HTMLInputElement>("file").click();
}

/** Takes files from the picker; several files are the parts of one model. */
export function acceptPicks(actions: ModelActions): void {
  const input = byId<HTMLInputElement>("file");
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // so that the same file can be chosen again
    if (files.length > 0) actions.load({ file: files });
  });
}

/** The two ways to bring a model, used by the start page and by the dialog. */
export function addModelForm(
  actions: ModelActions,
  { onChosen = () => undefined, names = false }: { onChosen?: () => void; names?: boolean } = {},
): HTMLElement[] {
  const pick = el(
    "button",
    {
      class: "b b-main",
      type: "button",
      "data-ui": "model.pick",
      onclick: () => {
        onChosen();
        pickFile();
      },
    },
    t("file.use"),
  );
  const address = el("input", {
    type: names ? "text" : "url",
    required: true,
    placeholder: names ? "llama3.2:1b, hf.co/…, https://…" : "https://…/model.gguf",
    "aria-label": names ? t("model.name.or") : t("model.address"),
    "data-ui": "model.address",
    autocomplete: "off",
    spellcheck: "false",
  });
  const form = el(
    "form",
    {
      class: "address",
      onsubmit: (event) => {
        event.preventDefault();
        onChosen();
        actions.load({ url: address.value });
      },
    },
    address,
    el("button", { class: "b", "data-ui": "model.get" }, t("model.get")),
  );
  return [el("div", { class: "do" }, pick), form];
}

/** The page of a new chat while there is no model. */
export function noModelView(choices: Choices, actions: ModelActions): HTMLElement {
  const isElsewhere = choices.served?.server.where.kind === "elsewhere";
  const mine = el("div", { class: "mine-models" }, ...storedPart(choices, actions));
  return el(
    "div",
    {},
    el("h1", {}, isElsewhere ? t("start.promise.both") : TAB.promise),
    el("p", { class: "lead" }, isElsewhere ? t("start.lead.both") : TAB.lead),
    el("div", { class: "served" }, ...servedPart(choices, actions, "card")),
    mine,
    el(
      "section",
      { class: "card", "aria-labelledby": "bring" },
      el("h2", { class: "h3", id: "bring" }, t("model.bring")),
      el("p", { class: "facts" }, t("model.bring.text")),
      ...addModelForm(actions),
    ),
  );
}

/** A card with what this browser has already. */
function storedPart(choices: Choices, actions: ModelActions): HTMLElement[] {
  if (choices.stored.length === 0) return [];
  const rows = choices.stored.map((model) => storedRow(model, choices, actions));
  return [
    el(
      "section",
      { class: "card", "aria-labelledby": "mine" },
      el("h2", { class: "h3", id: "mine" }, t("models.stored")),
      el("ul", { class: "stored", "aria-labelledby": "mine" }, ...rows),
    ),
  ];
}

/**
 * The model switcher: what is here, and the ways to bring another. What it returns shows a newer
 * list of the server's models.
 */
export function openSwitcher(
  choices: Choices,
  actions: ModelActions,
): (choices: Choices) => void {
  const close = () => dialog.close();
  const closing: ModelActions = {
    load: (source) => {
      close();
      actions.load(source);
    },
    remove: actions.remove,
  };
  const { stored } = choices;
  const rows = stored.map((model) => storedRow(model, choices, closing, close));
  const list = el("ul", { class: "stored", "aria-label": t("models.stored") }, ...rows);
  const heading = choices.served ? [el("h3", {}, t("models.here"))] : [];
  const served = el("div", { class: "part" }, ...servedPart(choices, closing, "dialog"));
  const dialog = openDialog(
    t("model.choose"),
    served,
    ...(stored.length > 0 ? [...heading, list] : []),
    ...addModelForm(actions, { onChosen: close }),
  );
  return (newer) => refill(served, servedPart(newer, closing, "dialog"));
}

/** Fills the lists on the page of a new chat. */
export function showChoices(choices: Choices, actions: ModelActions): void {
  const fill = (selector: string, nodes: HTMLElement[]) => {
    const place = byId("col").querySelector(selector);
    if (place) refill(place, nodes);
  };
  fill(".served", servedPart(choices, actions, "card"));
  fill(".mine-models", storedPart(choices, actions));
}

/** A stored model: pressing it uses it, and it can be deleted. */
export function storedRow(
  model: StoredModel,
  { current }: Choices,
  actions: ModelActions,
  close = () => {},
): HTMLElement {
  const title = nameShown(model.name.replace(/\.gguf$/i, ""));
  const inUse = keyOfFile(model.name) === current;
  const load = () => actions.load({ name: model.name });
  const use = useButton(title, model.name, bytes(model.size), inUse, load);
  const remove = el(
    "button",
    {
      class: "b b-bare b-icon b-sm",
      type: "button",
      "aria-label": t("model.delete.name", { name: title, size: bytes(model.size) }),
      onclick: () => {
        close();
        confirmDelete(model, actions);
      },
    },
    icon("trash"),
  );
  return el("li", {}, use, remove);
}

/** A model in a list: pressing it uses it. */
export function useButton(
  title: string,
  name: string,
  note: string,
  inUse: boolean,
  use: () => void,
): HTMLElement {
  return el(
    "button",
    {
      class: "b b-bare use",
      type: "button",
      "aria-current": inUse && "true",
      title: name,
      onclick: () => {
        if (!inUse) use();
      },
    },
    el(
      "span",
      {},
      el("b", {}, title),
      el("small", { class: "num" }, inUse ? `${note} · ${t("model.inuse")}` : note),
    ),
  );
}

export function confirmDelete(model: StoredModel, actions: ModelActions): void {
  const close = () => dialog.close();
  const keep = el(
    "button",
    { class: "b", type: "button", autofocus: true, onclick: close },
    t("keep"),
  );
  const remove = el(
    "button",
    {
      class: "b b-main",
      type: "button",
      onclick: () => {
        close();
        void actions.remove(model);
      },
    },
    t("model.delete", { size: bytes(model.size) }),
  );
  const dialog = openDialog(
    t("model.delete.ask", { name: nameShown(model.name) }),
    el("p", { class: "facts" }, t("model.delete.text", { size: bytes(model.size) })),
    el("div", { class: "do" }, remove, keep),
  );
}

/**
 * Lets files be dropped anywhere on the page: models are loaded, chats are imported, and any other
 * text goes with the next message.
 */
export function acceptDrops(actions: ModelActions, desk: ChatDesk): void {
  const root = document.body;
  root.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    root.dataset["drop"] = t("drop");
    root.classList.add("dropping");
  });
  root.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) root.classList.remove("dropping");
  });
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("dropping");
    const files = [...(event.dataTransfer?.files ?? [])];
    const models = files.filter(({ name }) => /\.gguf$/i.test(name));
    if (models.length > 0) actions.load({ file: models });
    else void desk.composer.attachments.addFiles(files);
  });
}
