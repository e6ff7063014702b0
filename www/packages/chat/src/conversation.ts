import { announce } from "./announce.js";
import { byId, el, icon } from "./dom.js";
import { block, blocks, copyText } from "./markdown.js";

/** Below this the reader counts as being at the end. */
const AT_END_PX = 4;
/** A scroll up by this much means that the reader wants to stay. */
const STAY_PX = 3;
/** The sent message stands this far below the header. */
const TOP_GAP_PX = 16;
/** At most 20 paints a second: the graphics chip is busy with the model. */
const PAINT_MS = 50;

/**
 * The list of turns. Reading first: after a message is sent, the view moves once, so that the
 * message is at the top, and then stays where it is while the answer grows under it, unless the
 * reader asks to follow (End, or "More below").
 */
export class Conversation {
  readonly #log = byId("log");
  readonly #col = byId("col");
  readonly #more = byId("more");
  #turn: HTMLElement | null = null;
  #follow = false;
  #lastTop = 0;

  constructor() {
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    byId("more-below").addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#grown()).observe(this.#col);
  }

  get isEmpty(): boolean {
    return this.#turn === null;
  }

  /** Replaces everything by `view`, the page of a new chat. */
  show(view: HTMLElement): void {
    this.#turn = null;
    this.#follow = false;
    view.classList.add("start");
    this.#col.className = "col";
    this.#col.replaceChildren(view);
    this.#more.hidden = true;
  }

  /** A message of the person: starts a turn and moves it to the top. */
  addMessage(text: string): HTMLElement {
    if (this.#turn === null) this.#col.replaceChildren();
    this.#turn?.style.removeProperty("min-block-size");
    const label = el("span", { class: "sr" }, "Copy");
    const copy = el(
      "button",
      {
        class: "b b-bare b-icon b-sm",
        type: "button",
        "aria-label": "Copy your message",
        onclick: () => void copyText(text, label),
      },
      icon("copy"),
      label,
    );
    const message = el(
      "article",
      { class: "msg me", "aria-label": "You", tabindex: -1 },
      el("div", { class: "say", dir: "auto" }, text),
      el("div", { class: "acts" }, copy),
    );
    const turn = el("div", { class: "turn" }, message);
    this.#turn = turn;
    this.#col.append(turn);
    turn.style.minBlockSize = `${Math.max(0, this.#log.clientHeight - 2 * TOP_GAP_PX - 8)}px`;
    this.#follow = false;
    this.#log.scrollTop = turn.offsetTop - this.#log.offsetTop - TOP_GAP_PX;
    this.#lastTop = this.#log.scrollTop;
    return message;
  }

  /** An answer that will grow in the running turn. */
  addAnswer(name: string): Answer {
    const answer = new Answer(name);
    this.#turn?.append(answer.node);
    return answer;
  }

  /** A card in the running turn, or alone on the page. */
  addCard(card: HTMLElement): void {
    if (this.#turn) this.#turn.append(card);
    else (this.#col.firstElementChild ?? this.#col).append(card);
  }

  toEnd(): void {
    this.#follow = true;
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Moves the focus one message up or down. */
  focusMessage(step: -1 | 1): void {
    const messages = [...this.#col.querySelectorAll<HTMLElement>(".msg")];
    const at = messages.findIndex((message) => message.contains(document.activeElement));
    const next =
      at < 0 ? messages.length - 1 : Math.min(messages.length - 1, Math.max(0, at + step));
    messages[next]?.focus();
  }

  #scrolled(): void {
    const top = this.#log.scrollTop;
    if (top < this.#lastTop - STAY_PX) this.#follow = false;
    this.#lastTop = top;
    byId("top").classList.toggle("scrolled", top > 0);
    this.#updateMore();
  }

  #grown(): void {
    if (this.#follow) this.#log.scrollTop = this.#log.scrollHeight;
    this.#updateMore();
  }

  #updateMore(): void {
    const end = this.#turn?.lastElementChild?.getBoundingClientRect().bottom ?? 0;
    this.#more.hidden = end <= this.#log.getBoundingClientRect().bottom + AT_END_PX;
  }
}

/** A growing answer: finished blocks are never touched again, only the last one is rebuilt. */
export class Answer {
  readonly node: HTMLElement;
  readonly #body = el("div", { class: "msg-body" });
  readonly #line = el("span", { class: "stat num", "data-ui": "turn.line" });
  readonly #acts = el("div", { class: "acts" }, this.#line);
  readonly #caret = el("span", { class: "caret", "aria-hidden": "true" });
  #raws: string[] = [];
  #text = "";
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(name: string) {
    this.node = el(
      "article",
      { class: "msg", "aria-label": name, "aria-busy": "true", tabindex: -1 },
      this.#body,
      this.#acts,
    );
  }

  get text(): string {
    return this.#text;
  }

  append(text: string): void {
    this.#text += text;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#paint(true);
    }, PAINT_MS);
  }

  /** The line under the answer: what is happening, then what happened. */
  line(text: string): void {
    if (this.#line.textContent !== text) this.#line.textContent = text;
  }

  /** No more text comes. */
  finish(line: string): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#paint(false);
    this.node.removeAttribute("aria-busy");
    this.line(line);
    if (this.#text === "") return;
    const label = el("span", { class: "sr" }, "Copy");
    this.#acts.prepend(
      el(
        "button",
        {
          class: "b b-bare b-icon b-sm",
          type: "button",
          "aria-label": "Copy answer",
          onclick: () => void copyText(this.#text, label),
        },
        icon("copy"),
        label,
      ),
    );
  }

  /** What a screen reader is told when the answer is done. */
  announce(): void {
    const words = this.#text.trim();
    if (words.length <= 600) return announce(words || "The model gave no answer.");
    const first = words.split(/\n\s*\n/, 1)[0] ?? "";
    const rest = words.slice(first.length).split(/\s+/).length;
    announce(`${first} ${rest} more words. Alt and up arrow to read.`);
  }

  #paint(growing: boolean): void {
    this.#caret.remove();
    const tokens = blocks(this.#text);
    let same = 0;
    while (same < tokens.length && tokens[same]?.raw === this.#raws[same]) same += 1;
    while (this.#body.childNodes.length > same) this.#body.lastChild?.remove();
    this.#body.append(...tokens.slice(same).map(block));
    this.#raws = tokens.map((token) => token.raw);
    if (!growing) return;
    const last = this.#body.lastElementChild;
    (last && /^(P|H\d)$/.test(last.tagName) ? last : this.#body).append(this.#caret);
    this.#raws.length = Math.max(0, this.#raws.length - 1); // the last block held the caret
  }
}
