import { byId, el } from "./dom.js";
import { t, type Key } from "./i18n/index.js";

/** A page that is not a conversation. It fills its node when it is shown. */
export interface Page {
  readonly title: Key;
  /** Its `main`; made by the router where the static page has none. */
  show(node: HTMLElement): void;
  hide?(): void;
}

/**
 * Which page the address names. Addresses are `#/` for a new chat, `#/c/ID` for a chat and `#/NAME`
 * for a page: hashes, so that the app can be served from any folder.
 */
export class Router {
  readonly #pages: Readonly<Record<string, Page>>;
  readonly #openChat: (id: string | null) => void;
  #current: string | null = null;
  #chatTitle = "";

  constructor(pages: Readonly<Record<string, Page>>, openChat: (id: string | null) => void) {
    this.#pages = pages;
    this.#openChat = openChat;
    addEventListener("hashchange", () => this.route());
  }

  /** Name of the page, or null for the conversation. */
  get page(): string | null {
    return this.#current;
  }

  /** The tab's title while the conversation is shown. */
  set chatTitle(title: string) {
    this.#chatTitle = `${title} – ingle`;
    if (this.#current === null) document.title = this.#chatTitle;
  }

  /** Shows what the address names. */
  route(): void {
    const [, name = "", rest = ""] = location.hash.split("/");
    const page = this.#pages[name] ?? null;
    const before = this.#current;
    if (before !== null && before !== name) {
      this.#pages[before]?.hide?.();
      this.#node(before).hidden = true;
    }
    this.#current = page ? name : null;
    for (const id of ["log", "foot", "model", "chat-more"]) byId(id).hidden = page !== null;
    byId("page-name").hidden = page === null;
    for (const link of document.querySelectorAll("#pages a"))
      if (link.getAttribute("href") === `#/${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    byId("skip").textContent = t(page ? "skip.page" : "skip.box");
    if (!page) {
      document.title = this.#chatTitle;
      return this.#openChat(name === "c" ? decodeURIComponent(rest) : null);
    }
    const title = t(page.title);
    byId("page-name").textContent = title;
    document.title = `${title} – ingle`;
    const node = this.#node(name);
    node.hidden = false;
    page.show(node);
    if (before !== name) focusHeading(node);
  }

  #node(name: string): HTMLElement {
    const known = document.getElementById(name);
    if (known) return known;
    const node = el("main", { class: "page", id: name, tabindex: -1, hidden: true });
    byId("bench").after(node);
    return node;
  }
}

/** A page change moves the focus to its heading, so that a screen reader begins there. */
function focusHeading(node: HTMLElement): void {
  const heading = node.querySelector<HTMLElement>("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus();
}
