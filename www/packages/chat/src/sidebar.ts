import { byId, el } from "./dom.js";
import type { History } from "./history/history.js";
import type { Chat } from "./history/types.js";
import { t, when } from "./i18n/index.js";
import { menuButton } from "./menu.js";

const DAY_MS = 86_400_000;

export interface ChatActions {
  rename(chat: Chat, title: string): void;
  remove(chat: Chat): void;
  save(chat: Chat, form: "markdown" | "json"): void;
}

/** The list of chats in the sidebar, in groups by their age. */
export class Sidebar {
  readonly #list = byId("chats");
  readonly #history: History;
  readonly #actions: ChatActions;
  #current: string | null = null;
  /** The list has changed while a title was edited. */
  #isOld = false;

  constructor(history: History, actions: ChatActions) {
    this.#history = history;
    this.#actions = actions;
    this.#list.addEventListener("keydown", (event) => this.#key(event));
  }

  show(current: string | null): void {
    this.#current = current;
    // Nobody's box is taken away while they write in it.
    this.#isOld = this.#list.querySelector(".rename") !== null;
    if (this.#isOld) return;
    const { chats } = this.#history;
    byId("chats-none").hidden = chats.length > 0;
    const focused = (document.activeElement as HTMLElement | null)?.dataset["chat"];
    const nodes: Node[] = [];
    let group = "";
    let list: HTMLElement | null = null;
    for (const chat of chats) {
      const name = groupOf(chat.updatedAt);
      if (name !== group || !list) {
        group = name;
        list = el("ul");
        nodes.push(el("h2", {}, name), list);
      }
      list.append(this.#row(chat));
    }
    this.#list.replaceChildren(...nodes);
    if (focused) this.#link(focused)?.focus();
  }

  #row(chat: Chat): HTMLElement {
    const link = el(
      "a",
      {
        href: `#/c/${chat.id}`,
        "aria-current": chat.id === this.#current && "page",
        dir: "auto",
      },
      chat.title || t("chat.untitled"),
    );
    link.dataset["chat"] = chat.id;
    const label = t("chat.actions.of", { title: chat.title });
    const more = menuButton(label, () => [
      { label: t("chat.rename"), run: () => this.rename(chat) },
      { label: t("chat.save.md"), run: () => this.#actions.save(chat, "markdown") },
      { label: t("chat.save.json"), run: () => this.#actions.save(chat, "json") },
      { label: t("chat.delete"), run: () => this.#remove(chat), danger: true },
    ]);
    return el("li", {}, link, more);
  }

  /** The title becomes a box; Enter keeps it, Esc does not. */
  rename(chat: Chat): void {
    const link = this.#link(chat.id);
    if (!link) return;
    const box = el("input", {
      class: "rename",
      value: chat.title,
      "aria-label": t("chat.rename"),
    });
    let ended = false;
    const end = (keep: boolean) => {
      if (ended) return;
      ended = true; // taking the box away blurs it, which would end it once more
      const title = box.value.trim();
      box.replaceWith(link);
      link.focus();
      if (this.#isOld) this.show(this.#current);
      if (keep && title !== "" && title !== chat.title) this.#actions.rename(chat, title);
    };
    box.addEventListener("blur", () => end(true));
    box.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !event.isComposing) end(true);
      else if (event.key === "Escape") end(false);
    });
    link.replaceWith(box);
    box.select();
  }

  #remove(chat: Chat): void {
    const links = [...this.#list.querySelectorAll<HTMLElement>("[data-chat]")];
    const at = links.findIndex((link) => link.dataset["chat"] === chat.id);
    const next = (links[at + 1] ?? links[at - 1])?.dataset["chat"];
    this.#actions.remove(chat);
    if (next !== undefined) this.#link(next)?.focus();
    else byId("new-chat").focus();
  }

  #link(id: string): HTMLElement | null {
    return this.#list.querySelector<HTMLElement>(`[data-chat="${CSS.escape(id)}"]`);
  }

  #key(event: KeyboardEvent): void {
    const id = (event.target as HTMLElement).dataset["chat"];
    const chat = id === undefined ? null : this.#history.chat(id);
    if (!chat) return;
    if (event.key === "F2") this.rename(chat);
    else if (event.key === "Delete") this.#remove(chat);
    else return;
    event.preventDefault();
  }
}

/** "Today", "Yesterday", "Last 7 days", or the month. */
function groupOf(at: number): string {
  const today = new Date().setHours(0, 0, 0, 0);
  if (at >= today) return t("group.today");
  if (at >= today - DAY_MS) return t("group.yesterday");
  if (at >= today - 6 * DAY_MS) return t("group.week");
  return when(at, { month: "long", year: "numeric" });
}
