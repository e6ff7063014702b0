import { button, el, icon } from "./dom.js";
import type { Message } from "./history/types.js";
import { t } from "./i18n/index.js";
import { block, blocks } from "./markdown.js";
import { menuButton, type MenuItem } from "./menu.js";
import { copyButton, editor, iconButton, type MessageActions, versionSwitch } from "./message.js";
import { Speaker } from "./speaker.js";

/** At most 20 paints a second: the graphics chip is busy with the model. */
const PAINT_MS = 50;

/** States in which there is more to write. */
const CAN_GO_ON = new Set(["stopped", "length", "context", "failed", "writing"]);

/** An answer, growing or done: finished blocks are never touched again, only the last one is. */
export class AnswerView {
  readonly node: HTMLElement;
  readonly #actions: MessageActions;
  readonly #name = el("div", { class: "by" });
  readonly #body = el("div", { class: "msg-body" });
  readonly #line = el("span", { class: "stat num", "data-ui": "turn.line" });
  readonly #acts = el("div", { class: "acts" }, this.#line);
  readonly #caret = el("span", { class: "caret", "aria-hidden": "true" });
  readonly #speaker = new Speaker();
  #thoughts: HTMLDetailsElement | null = null;
  #raws: string[] = [];
  #text = "";
  #thought = "";
  #message: Message | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(name: string, actions: MessageActions) {
    this.#actions = actions;
    this.#name.hidden = true;
    this.node = el(
      "article",
      { class: "msg", "aria-label": name || t("answer"), tabindex: -1 },
      this.#name,
      this.#body,
      this.#acts,
    );
  }

  get text(): string {
    return this.#text;
  }

  /** Begins to grow, from the start or behind what is there. */
  start(): void {
    this.node.setAttribute("aria-busy", "true");
    this.#acts.replaceChildren(this.#line);
    // Nothing to show yet, but the place where it will grow.
    if (this.#text === "") this.#body.replaceChildren();
  }

  append(text: string, thought: string): void {
    this.#text += text;
    this.#thought += thought;
    if (text === "" && thought === "") return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#paint(true);
      this.#speaker.grown(this.#text);
    }, PAINT_MS);
  }

  /** The line under the answer: what is happening, then what happened. */
  line(text: string): void {
    if (this.#line.textContent !== text) this.#line.textContent = text;
  }

  /** Shows a stored answer, or one that is done; `by` names the model where it changed. */
  update(message: Message, versions: Message[], by: string | null): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#message = message;
    this.node.dataset["id"] = message.id;
    this.node.removeAttribute("aria-busy");
    this.#text = message.text;
    this.#thought = message.thought;
    this.#paint(false);
    this.#name.textContent = by ?? "";
    this.#name.hidden = by === null;
    this.line(lineOf(message));
    this.#acts.replaceChildren(...this.#tools(message, versions));
  }

  /** What a screen reader is told when the answer is done. */
  announce(): void {
    this.#speaker.done(this.#text);
  }

  #tools(message: Message, versions: Message[]): Node[] {
    const { id, text, state } = message;
    const again = iconButton("redo", t("version.new"), () =>
      this.#actions.newVersion(id, "again"),
    );
    again.dataset["key"] = "r";
    const copy = copyButton(t("copy.answer"), () => this.#copied());
    copy.dataset["key"] = "c";
    const more = menuButton(t("more.answer"), () => this.#items(message));
    const versionNodes = versionSwitch(versions, id, this.#actions.show);
    const tools = text === "" ? [again, more] : [copy, again, more];
    return [...tools, ...versionNodes, this.#line, ...this.#wayOn(id, text, state)];
  }

  /** The one button behind the line: how it goes on. */
  #wayOn(id: string, text: string, state: Message["state"]): Node[] {
    const { goOn } = this.#actions;
    if (state === "whole") return text === "" ? this.#afterNothing(id) : [];
    if (!CAN_GO_ON.has(state)) return [];
    const isFull = state === "context";
    const label = isFull ? t("way.trim") : t("go.on");
    return [button(label, () => goOn(id, isFull), "", "turn.go-on")];
  }

  /** An answer without a word: asked for again, perhaps in another form. */
  #afterNothing(id: string): Node[] {
    const { newVersion, chooseTemplate } = this.#actions;
    const choose = chooseTemplate();
    const again = button(t("again"), () => newVersion(id, "again"));
    return choose ? [again, button(t("template.choose"), choose)] : [again];
  }

  /** Thoughts are copied only where they are open. */
  #copied(): string {
    return this.#thoughts?.open ? `${this.#thought.trim()}\n\n${this.#text}` : this.#text;
  }

  #items(message: Message): MenuItem[] {
    const { id } = message;
    const { newVersion, branch, remove } = this.#actions;
    return [
      { label: t("version.model"), run: () => newVersion(id, "model") },
      { label: t("version.careful"), run: () => newVersion(id, "careful") },
      { label: t("version.varied"), run: () => newVersion(id, "varied") },
      { label: t("version.shorter"), run: () => newVersion(id, "shorter") },
      { label: t("edit.answer"), run: () => this.edit() },
      { label: t("branch"), run: () => branch(id) },
      { label: t("delete.message"), run: () => remove(id), danger: true },
    ];
  }

  edit(): void {
    const message = this.#message;
    if (!message) return;
    const box = el("textarea", { rows: 8, dir: "auto", "aria-label": t("edit.answer") });
    box.value = message.text;
    const place = el("div");
    this.#body.replaceWith(place);
    const back = () => {
      place.replaceWith(this.#body);
      this.node.focus();
    };
    const save = () => {
      back();
      this.#actions.edit(message.id, box.value);
    };
    editor(place, box, save, back);
  }

  #paint(growing: boolean): void {
    this.#caret.remove();
    this.#paintThoughts(growing);
    const tokens = blocks(this.#text);
    let same = 0;
    while (same < tokens.length && tokens[same]?.raw === this.#raws[same]) same += 1;
    while (this.#body.childNodes.length > same) this.#body.lastChild?.remove();
    this.#body.append(...tokens.slice(same).map((token) => block(token, growing)));
    this.#raws = tokens.map((token) => token.raw);
    if (!growing) return;
    const last = this.#body.lastElementChild;
    (last && /^(P|H\d)$/.test(last.tagName) ? last : this.#body).append(this.#caret);
    this.#raws.length = Math.max(0, this.#raws.length - 1); // the last block held the caret
  }

  /** Folded, one line, as plain text. */
  #paintThoughts(growing: boolean): void {
    if (this.#thought.trim() === "") {
      this.#thoughts?.remove();
      this.#thoughts = null;
      return;
    }
    if (!this.#thoughts) {
      const summary = el("summary", {}, icon("down"), el("span"));
      this.#thoughts = el("details", { class: "thoughts" }, summary, el("p", { dir: "auto" }));
      this.#body.before(this.#thoughts);
    }
    const [summary, text] = this.#thoughts.children;
    const words = growing && this.#text === "" ? t("thinking") : t("thoughts");
    if (summary?.lastElementChild) summary.lastElementChild.textContent = words;
    if (text) text.textContent = this.#thought.trim();
  }
}

function lineOf({ state, line, edited, text }: Message): string {
  // The tab was ended while the answer was written; what there was is kept.
  const words = state === "writing" ? t("line.ended") : (line ?? "");
  if (text === "" && state === "whole") return `${t("gen.empty")} ${t("text.gen.empty")}`;
  return edited ? [words, t("edited")].filter(Boolean).join(" · ") : words;
}
