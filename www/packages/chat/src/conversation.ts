import { AnswerView } from "./answer.js";
import { byId, el } from "./dom.js";
import type { Message } from "./history/types.js";
import { t } from "./i18n/index.js";
import { type MessageActions, UserView } from "./message.js";
import { prefs } from "./settings.js";

/** Below this the reader counts as being at the end. */
const AT_END_PX = 4;
/** A scroll up by this much means that the reader wants to stay. */
const STAY_PX = 3;
/** The sent message stands this far below the header. */
const TOP_GAP_PX = 16;
/** A long chat opens with this many messages, and gets as many more when the reader comes near. */
const AT_FIRST = 24;

interface Shown {
  readonly path: readonly Message[];
  readonly versions: (id: string) => Message[];
}

/**
 * The list of turns. Reading first: after a message is sent, the view moves once, so that the
 * message is at the top, and then stays where it is while the answer grows under it, unless the
 * reader asks to follow (End, or "More below").
 */
const ADDRESS = '[data-ui="model.address"]';

export class Conversation {
  readonly #log = byId("log");
  readonly #col = byId("col");
  readonly #more = byId("more");
  readonly #actions: MessageActions;
  #views = new Map<string, UserView | AnswerView>();
  #turns = new Map<string, HTMLElement>();
  /** Cards on the page of a new chat. */
  #startCards: HTMLElement[] = [];
  #cards: { after: string | null; node: HTMLElement }[] = [];
  #path: readonly Message[] = [];
  #versions: Shown["versions"] = () => [];
  #nShown = AT_FIRST;
  #isEmpty = true;
  #follow = false;
  #lastTop = 0;

  constructor(actions: MessageActions) {
    this.#actions = actions;
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    byId("more-below").addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#grown()).observe(this.#col);
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /**
   * Replaces everything by `view`, the page of a new chat. Where that looks as before nothing is
   * touched, since a press on what is redrawn is lost; an address that was typed is kept.
   */
  showStart(view: HTMLElement): void {
    const before = this.#isEmpty ? this.#col.querySelector<HTMLElement>(":scope > .start") : null;
    const cards = this.#startCards.filter((card) => this.#col.contains(card));
    view.classList.add("start");
    const html = view.innerHTML + cards.map((card) => card.outerHTML).join("");
    if (before?.innerHTML === html) return;
    const typed = before?.querySelector<HTMLInputElement>(ADDRESS);
    const hasFocus = typed === document.activeElement;
    this.clear();
    view.append(...cards);
    this.#startCards = cards;
    this.#col.className = "col";
    this.#col.replaceChildren(view);
    const box = view.querySelector<HTMLInputElement>(ADDRESS);
    if (!typed || !box) return;
    box.value = typed.value;
    if (hasFocus) box.focus();
  }

  clear(): void {
    this.#views.clear();
    this.#turns.clear();
    this.#cards = [];
    this.#startCards = [];
    this.#path = [];
    this.#nShown = AT_FIRST;
    this.#isEmpty = true;
    this.#follow = false;
    this.#more.hidden = true;
    this.#col.replaceChildren();
  }

  /** Shows the messages of a branch; what is on the screen already keeps its nodes. */
  show({ path, versions }: Shown): void {
    this.#isEmpty = path.length === 0;
    this.#path = path;
    this.#versions = versions;
    this.#render();
  }

  view(id: string): AnswerView | null {
    const view = this.#views.get(id);
    return view instanceof AnswerView ? view : null;
  }

  /** Gives a message the focus, and moves nothing. */
  focus(id: string): void {
    this.#views.get(id)?.node.focus({ preventScroll: true });
  }

  /** Opens the editor of a message. */
  edit(id: string): void {
    this.#views.get(id)?.edit();
  }

  /** After a message was sent: it goes to the top, and there is room under it to grow into. */
  placeLast(): void {
    const turn = [...this.#turns.values()].at(-1);
    if (!turn) return;
    for (const other of this.#turns.values()) other.style.removeProperty("min-block-size");
    turn.style.minBlockSize = `${Math.max(0, this.#log.clientHeight - 2 * TOP_GAP_PX - 8)}px`;
    this.#follow = prefs.follow;
    this.#log.scrollTop = this.#follow
      ? this.#log.scrollHeight
      : turn.offsetTop - this.#log.offsetTop - TOP_GAP_PX;
    this.#lastTop = this.#log.scrollTop;
  }

  /** A card at the end of the running turn, or alone on the page. */
  addCard(node: HTMLElement): void {
    if (this.#isEmpty) {
      this.#startCards.push(node);
      return (this.#col.firstElementChild ?? this.#col).append(node);
    }
    this.#cards.push({ after: this.#path.at(-1)?.id ?? null, node });
    [...this.#turns.values()].at(-1)?.append(node);
  }

  removeCard(node: HTMLElement): void {
    this.#cards = this.#cards.filter((card) => card.node !== node);
    node.remove();
  }

  toEnd(): void {
    this.#follow = true;
    this.#follows();
  }

  toStart(): void {
    this.#nShown = this.#path.length;
    this.#render();
    this.#log.scrollTop = 0;
    this.#col.querySelector<HTMLElement>(".msg")?.focus();
  }

  /** Brings a message into view, with the focus on it. */
  toMessage(id: string): void {
    const at = this.#path.findIndex((message) => message.id === id);
    if (at < 0) return;
    this.#nShown = Math.max(this.#nShown, this.#path.length - at + 2);
    this.#render();
    const node = this.#views.get(id)?.node;
    node?.scrollIntoView({ block: "start" });
    node?.focus({ preventScroll: true });
  }

  /** Moves the focus one message up or down. */
  focusMessage(step: -1 | 1): void {
    const messages = [...this.#col.querySelectorAll<HTMLElement>(".msg")];
    const at = messages.findIndex((message) => message.contains(document.activeElement));
    const next =
      at < 0 ? messages.length - 1 : Math.min(messages.length - 1, Math.max(0, at + step));
    messages[next]?.focus();
    if (next < 3) this.#showEarlier();
  }

  #render(): void {
    const had = this.#focused();
    this.#place();
    // What had the focus is gone: what stands in its place gets it.
    if (had < 0 || this.#focused() >= 0) return;
    const messages = this.#col.querySelectorAll<HTMLElement>(".msg");
    messages[Math.min(had, messages.length - 1)]?.focus({ preventScroll: true });
  }

  /** Which message on the screen holds the focus; -1: none. */
  #focused(): number {
    const messages = [...this.#col.querySelectorAll(".msg")];
    return messages.findIndex((message) => message.contains(document.activeElement));
  }

  #place(): void {
    const path = this.#path.slice(-this.#nShown);
    const turns: HTMLElement[] = [];
    const kept = new Map<HTMLElement, Node[]>();
    let by: string | undefined;
    let turn: HTMLElement | null = null;
    const { from } = this.#path.findLast((message) => message.from !== undefined) ?? {};
    for (const message of path) {
      const view = this.#viewOf(message, by);
      if (message.role === "assistant") by = message.model ?? by;
      if (message.role === "user" || turn === null) {
        turn = this.#turnOf(message.id);
        turns.push(turn);
        kept.set(turn, message.id === from ? [seenLine()] : []);
      }
      const cards = this.#cards.filter(({ after }) => after === message.id);
      kept.get(turn)?.push(view.node, ...cards.map(({ node }) => node));
    }
    const last = path.at(-1);
    if (turn && last?.role === "user" && !last.deleted) kept.get(turn)?.push(this.#unanswered());
    for (const [node, children] of kept) fill(node, children);
    this.#turns = new Map(turns.map((node) => [node.dataset["turn"] ?? "", node]));
    fill(this.#col, turns);
    this.#col.className = "col";
  }

  #viewOf(message: Message, by: string | undefined): UserView | AnswerView {
    const { id, role, model } = message;
    const known = this.#views.get(id);
    const versions = this.#versions(id);
    if (known instanceof AnswerView) {
      if (!known.node.hasAttribute("aria-busy"))
        known.update(
          message,
          versions,
          model !== by && by !== undefined ? (model ?? null) : null,
        );
      return known;
    }
    if (known) {
      known.update(message, versions);
      return known;
    }
    const view =
      role === "user"
        ? new UserView(message, this.#actions)
        : new AnswerView(model ?? "", this.#actions);
    if (view instanceof AnswerView)
      view.update(message, versions, model !== by && by !== undefined ? (model ?? null) : null);
    else view.update(message, versions);
    view.node.addEventListener("message-key", (event) => {
      const key = (event as CustomEvent<string>).detail;
      if (key === "b") this.#actions.branch(id);
      else if (key === "e") view.edit();
      else this.#actions.remove(id);
    });
    this.#views.set(id, view);
    return view;
  }

  /** The tab was ended before the answer began, or an answer was deleted. */
  #unanswered(): HTMLElement {
    const onclick = () => this.#actions.answer();
    const button = el("button", { class: "b b-sm", type: "button", onclick }, t("answer.write"));
    return el("div", { class: "do", "data-ui": "turn.answer" }, button);
  }

  #turnOf(id: string): HTMLElement {
    const known = this.#turns.get(id);
    if (known) return known;
    const turn = el("div", { class: "turn" });
    turn.dataset["turn"] = id;
    return turn;
  }

  #showEarlier(): void {
    if (this.#nShown >= this.#path.length) return;
    this.#nShown += AT_FIRST;
    const { scrollHeight, scrollTop } = this.#log;
    this.#render();
    // What the reader sees stays where it is.
    this.#log.scrollTop = scrollTop + this.#log.scrollHeight - scrollHeight;
    this.#lastTop = this.#log.scrollTop;
  }

  #scrolled(): void {
    const top = this.#log.scrollTop;
    if (top < this.#lastTop - STAY_PX) this.#follow = false;
    this.#lastTop = top;
    byId("top").classList.toggle("scrolled", top > 0);
    if (top < this.#log.clientHeight) this.#showEarlier();
    this.#updateMore();
  }

  #grown(): void {
    // The reader may have scrolled up a moment ago, and its event is still to come.
    if (this.#log.scrollTop < this.#lastTop - STAY_PX) this.#follow = false;
    if (this.#follow) this.#follows();
    this.#updateMore();
  }

  #follows(): void {
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#lastTop = this.#log.scrollTop;
  }

  #updateMore(): void {
    const turn = [...this.#turns.values()].at(-1);
    const end = turn?.lastElementChild?.getBoundingClientRect().bottom ?? 0;
    this.#more.hidden = end <= this.#log.getBoundingClientRect().bottom + AT_END_PX;
  }
}

/** Gives `node` these children; those it has in this order already are not touched. */
function fill(node: HTMLElement, children: readonly Node[]): void {
  children.forEach((child, i) => {
    const there = node.childNodes[i] ?? null;
    if (there !== child) node.insertBefore(child, there);
  });
  while (node.childNodes.length > children.length) node.lastChild?.remove();
}

function seenLine(): HTMLElement {
  return el("p", { class: "line", "data-ui": "ctx.left" }, t("ctx.left"));
}
