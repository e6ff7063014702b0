import { copyText } from "./clipboard.js";
import { el, icon } from "./dom.js";
import type { FileRef, Message } from "./history/types.js";
import { t, tn } from "./i18n/index.js";
import { menuButton, type MenuItem } from "./menu.js";

/** How a new version is asked for; with `looser` the rest of an answer that ran in a circle. */
export type Way = "again" | "careful" | "varied" | "looser" | "shorter" | "model";

/** What can be done with a message; the session does it. */
export interface MessageActions {
  edit(id: string, text: string): void;
  newVersion(id: string, way: Way): void;
  /** Answers the last message. */
  answer(): void;
  /** Writes on where a stopped answer ends; `trim`: without the oldest messages. */
  goOn(id: string, trim?: boolean): void;
  branch(id: string): void;
  remove(id: string): void;
  /** Shows another version. */
  show(id: string): void;
  openFile(file: FileRef): void;
  /** Asks in which form the model is talked to; null where that is not this page's to say. */
  chooseTemplate(): (() => void) | null;
}

/** A button with an icon and no words; `label` is its name and its tooltip. */
export function iconButton(name: string, label: string, onclick: () => void, ui?: string) {
  return el(
    "button",
    {
      class: "b b-bare b-icon b-sm",
      type: "button",
      "aria-label": label,
      title: label,
      "data-ui": ui,
      onclick,
    },
    icon(name),
  );
}

/** "Copy" with the answer in its place. */
export function copyButton(label: string, text: () => string): HTMLElement {
  const said = el("span", { class: "sr" });
  const button = iconButton("copy", label, () => void copyText(text(), said, button));
  button.append(said);
  return button;
}

/** `‹ 1 of 2 ›`; nothing for a message with one version. */
export function versionSwitch(
  versions: Message[],
  id: string,
  show: (id: string) => void,
): Node[] {
  const at = versions.findIndex((version) => version.id === id);
  if (versions.length < 2) return [];
  const step = (by: -1 | 1) => {
    const next = versions[at + by];
    const name = by < 0 ? t("version.earlier") : t("version.later");
    const button = iconButton(by < 0 ? "prev" : "next", name, () => next && show(next.id));
    button.disabled = next === undefined;
    button.dataset["step"] = by < 0 ? "[" : "]";
    return button;
  };
  const group = { class: "vers num", role: "group", "aria-label": t("versions") };
  const place = el("span", {}, t("version.of", { a: at + 1, b: versions.length }));
  return [el("span", group, step(-1), place, step(1))];
}

/** A message of the person, with its tools; it can become a box to edit it in. */
export class UserView {
  readonly node: HTMLElement;
  readonly #actions: MessageActions;
  readonly #acts = el("div", { class: "acts" });
  readonly #say = el("div", { class: "say", dir: "auto" });
  #message: Message;

  constructor(message: Message, actions: MessageActions) {
    this.#message = message;
    this.#actions = actions;
    this.node = el("article", { class: "msg me", "aria-label": t("you"), tabindex: -1 });
    this.node.dataset["id"] = message.id;
    this.#fill();
  }

  update(message: Message, versions: Message[]): void {
    this.#message = message;
    const edit = iconButton("edit", t("edit.mine"), () => this.edit(), "message.edit");
    edit.dataset["key"] = "e";
    const copy = copyButton(t("copy.mine"), () => message.text);
    copy.dataset["key"] = "c";
    const more = menuButton(t("more.mine"), () => this.#items());
    const { show } = this.#actions;
    this.#acts.replaceChildren(edit, copy, more, ...versionSwitch(versions, message.id, show));
  }

  /** Turns the bubble into a box with Save and Cancel. */
  edit(): void {
    const box = el("textarea", { rows: 3, dir: "auto", "aria-label": t("edit.mine") });
    box.value = this.#message.text;
    const back = () => {
      this.#fill();
      this.node.focus();
    };
    const save = () => {
      back();
      if (box.value.trim() !== "") this.#actions.edit(this.#message.id, box.value.trim());
    };
    editor(this.node, box, save, back);
  }

  #fill(): void {
    const files = this.#message.files.map((file) =>
      el(
        "button",
        { class: "file num", type: "button", onclick: () => this.#actions.openFile(file) },
        icon("file"),
        el("bdi", {}, file.name),
        file.tokens === null ? "" : ` · ${tn("tokens", file.tokens)}`,
      ),
    );
    const { text } = this.#message;
    this.#say.textContent = text;
    const list = files.length > 0 ? [el("div", { class: "files" }, ...files)] : [];
    const say = text === "" ? [] : [this.#say];
    this.node.replaceChildren(el("div", { class: "mine" }, ...list, ...say), this.#acts);
  }

  #items(): MenuItem[] {
    const { id } = this.#message;
    return [
      { label: t("branch"), run: () => this.#actions.branch(id) },
      { label: t("delete.message"), run: () => this.#actions.remove(id), danger: true },
    ];
  }
}

/** Shows a box with Save and Cancel in place of what `node` held. */
export function editor(
  node: HTMLElement,
  box: HTMLTextAreaElement,
  save: () => void,
  cancel: () => void,
): void {
  const button = (label: string, kind: string, onclick: () => void) =>
    el("button", { class: `b b-sm ${kind}`, type: "button", onclick }, label);
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      cancel();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
  });
  const buttons = [button(t("save"), "b-main", save), button(t("cancel"), "b-bare", cancel)];
  node.replaceChildren(
    el("div", { class: "editor" }, box, el("div", { class: "do" }, ...buttons)),
  );
  box.focus();
}
