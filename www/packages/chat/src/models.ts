import type { StoredModel } from "@ingle/engine";

import { byId, el, icon, openDialog } from "./dom.js";
import { bytes } from "./format.js";
import type { AnySource } from "./host.js";
import { type ChatModel, keyOfFile, TAB } from "./model.js";
import { servedPart, type ServedList } from "./server/list.js";

export interface ModelActions {
  load(source: AnySource): void;
  remove(model: StoredModel): void;
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
  onChosen: () => void = () => undefined,
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
    "Use a file I have",
  );
  const address = el("input", {
    type: "url",
    required: true,
    placeholder: "https://…/model.gguf",
    "aria-label": "Address of a GGUF file",
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
    el("button", { class: "b", "data-ui": "model.get" }, "Get it"),
  );
  return [el("div", { class: "do" }, pick), form];
}

/** The page of a new chat while there is no model. */
export function noModelView(choices: Choices, actions: ModelActions): HTMLElement {
  const { promise, lead } = choices.served?.server.where.kind === "elsewhere" ? ELSEWHERE : TAB;
  return el(
    "div",
    {},
    el("h1", {}, promise),
    el("p", { class: "lead" }, lead),
    el("div", { class: "served" }, ...servedPart(choices, actions, "card")),
    el(
      "section",
      { class: "card", "aria-labelledby": "bring" },
      el("h2", { class: "h3", id: "bring" }, "Bring a model"),
      el(
        "p",
        { class: "facts" },
        "Choose a GGUF model file from this device, drop it anywhere on this page, or give its " +
          "address. It is copied into this browser once and stays there.",
      ),
      ...addModelForm(actions),
    ),
  );
}

/** Before a choice between this tab and another machine nothing can be promised for both. */
const ELSEWHERE = {
  promise: "Ask something.",
  lead:
    "A model of the server answers there, and what you type is sent to it. A model in this " +
    "browser runs in this tab, and nothing is sent.",
};

const THINGS_TO_TRY = [
  "Tell a short story about a lighthouse",
  "Explain rainbows to a ten-year-old",
  "Write three names for a small bakery",
];

/** The page of a new chat with a model. */
export function readyView(model: ChatModel, send: (text: string) => void): HTMLElement {
  return el(
    "div",
    {},
    el("h1", {}, model.where.promise),
    el("p", { class: "lead" }, model.where.lead),
    el(
      "div",
      { class: "try", role: "group", "aria-label": "Things to try" },
      ...THINGS_TO_TRY.map((text) =>
        el("button", { class: "b", type: "button", onclick: () => send(text) }, text),
      ),
    ),
  );
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
  const list = el("ul", { class: "stored", "aria-label": "Models in this browser" }, ...rows);
  const heading = choices.served ? [el("h3", {}, "In this browser")] : [];
  const served = el("div", { class: "part" }, ...servedPart(choices, closing, "dialog"));
  const dialog = openDialog(
    "Choose a model",
    served,
    ...(stored.length > 0 ? [...heading, list] : []),
    ...addModelForm(actions, close),
  );
  return (newer) => served.replaceChildren(...servedPart(newer, closing, "dialog"));
}

/** Fills the lists in the sidebar, and the one on the page of a new chat. */
export function showChoices(choices: Choices, actions: ModelActions): void {
  const { stored } = choices;
  byId("served").replaceChildren(...servedPart(choices, actions, "side"));
  const card = byId("col").querySelector(".served");
  card?.replaceChildren(...servedPart(choices, actions, "card"));
  byId("stored").replaceChildren(...stored.map((model) => storedRow(model, choices, actions)));
  byId("stored-none").hidden = stored.length > 0;
}

function storedRow(
  model: StoredModel,
  { current }: Choices,
  actions: ModelActions,
  close = () => {},
): HTMLElement {
  const title = model.name.replace(/\.gguf$/i, "");
  const inUse = keyOfFile(model.name) === current;
  const load = () => actions.load({ name: model.name });
  const use = useButton(title, model.name, bytes(model.size), inUse, load);
  const remove = el(
    "button",
    {
      class: "b b-bare b-icon b-sm",
      type: "button",
      "aria-label": `Delete ${model.name}, frees ${bytes(model.size)}`,
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
      el("small", { class: "num" }, inUse ? `${note} · in use` : note),
    ),
  );
}

function confirmDelete(model: StoredModel, actions: ModelActions): void {
  const close = () => dialog.close();
  const keep = el(
    "button",
    { class: "b", type: "button", autofocus: true, onclick: close },
    "Keep",
  );
  const remove = el(
    "button",
    {
      class: "b b-main",
      type: "button",
      onclick: () => {
        close();
        actions.remove(model);
      },
    },
    `Delete, free ${bytes(model.size)}`,
  );
  const dialog = openDialog(
    `Delete ${model.name} from this browser?`,
    el("p", { class: "facts" }, `This frees ${bytes(model.size)}. Your chat stays.`),
    el("div", { class: "do" }, remove, keep),
  );
}

/** Lets a file be dropped anywhere on the page. */
export function acceptDrops(actions: ModelActions): void {
  const root = document.body;
  root.dataset["drop"] = "Drop a GGUF model file to load it";
  root.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    root.classList.add("dropping");
  });
  root.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) root.classList.remove("dropping");
  });
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("dropping");
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) actions.load({ file: files });
  });
}
