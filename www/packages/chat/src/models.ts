import type { Source, StoredModel } from "@ingle/engine";

import { byId, el, icon, openDialog } from "./dom.js";
import { bytes } from "./format.js";

export interface ModelActions {
  load(source: Source): void;
  remove(model: StoredModel): void;
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

const LEAD =
  "ingle runs a language model inside this tab. What you type is not sent anywhere, and it " +
  "works without a connection.";

/** The page of a new chat while there is no model. */
export function noModelView(actions: ModelActions): HTMLElement {
  return el(
    "div",
    {},
    el("h1", {}, "Ask something. It stays on this device."),
    el("p", { class: "lead" }, LEAD),
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

const THINGS_TO_TRY = [
  "Tell a short story about a lighthouse",
  "Explain rainbows to a ten-year-old",
  "Write three names for a small bakery",
];

/** The page of a new chat with a model. */
export function readyView(send: (text: string) => void): HTMLElement {
  return el(
    "div",
    {},
    el("h1", {}, "Ask something. It stays on this device."),
    el("p", { class: "lead" }, LEAD),
    el(
      "div",
      { class: "try", role: "group", "aria-label": "Things to try" },
      ...THINGS_TO_TRY.map((text) =>
        el("button", { class: "b", type: "button", onclick: () => send(text) }, text),
      ),
    ),
  );
}

/** The model switcher: what is here, and the ways to bring another. */
export function openSwitcher(
  models: readonly StoredModel[],
  current: string | null,
  actions: ModelActions,
): void {
  const close = () => dialog.close();
  const stored =
    models.length === 0
      ? []
      : [
          el(
            "ul",
            { class: "stored", "aria-label": "Models in this browser" },
            ...models.map((model) => row(model, current, actions, close)),
          ),
        ];
  const dialog = openDialog("Choose a model", ...stored, ...addModelForm(actions, close));
}

/** Fills the list in the sidebar. */
export function showStored(
  models: readonly StoredModel[],
  current: string | null,
  actions: ModelActions,
): void {
  byId("stored").replaceChildren(...models.map((model) => row(model, current, actions)));
  byId("stored-none").hidden = models.length > 0;
}

function row(
  model: StoredModel,
  current: string | null,
  actions: ModelActions,
  close = () => {},
): HTMLElement {
  const inUse = model.name === current;
  return el(
    "li",
    {},
    el(
      "button",
      {
        class: "b b-bare use",
        type: "button",
        "aria-current": inUse && "true",
        title: model.name,
        onclick: () => {
          close();
          if (!inUse) actions.load({ name: model.name });
        },
      },
      el(
        "span",
        {},
        el("b", {}, model.name.replace(/\.gguf$/i, "")),
        el(
          "small",
          { class: "num" },
          inUse ? `${bytes(model.bytes)} · in use` : bytes(model.bytes),
        ),
      ),
    ),
    el(
      "button",
      {
        class: "b b-bare b-icon b-sm",
        type: "button",
        "aria-label": `Delete ${model.name}, frees ${bytes(model.bytes)}`,
        onclick: () => {
          close();
          confirmDelete(model, actions);
        },
      },
      icon("trash"),
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
    `Delete, free ${bytes(model.bytes)}`,
  );
  const dialog = openDialog(
    `Delete ${model.name} from this browser?`,
    el("p", { class: "facts" }, `This frees ${bytes(model.bytes)}. Your chat stays.`),
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
