/** The panel's nodes. All are made by `createElement` and `textContent`; no HTML from text. */

import { block, blocks } from "../../../chat/src/markdown.js";
import { el } from "../../../chat/src/dom.js";
import type { Config } from "../types.js";
import { announce, sayIn } from "./say.js";
import { t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  close: "M5 5l10 10M15 5L5 15",
  fresh: "M10 4v12M4 10h12",
  send: "M10 16V4.500M5 9l5-5 5 5",
  stop: "M6 6h8v8H6z",
  safe: "M10 2.5l6 2.3v4.7c0 3.7-2.5 6.5-6 8-3.5-1.5-6-4.3-6-8V4.8zM7.3 10l2 2 3.6-4",
  warn: "M10 3l7.500 13.500h-15zM10 8v4M10 14.200v.1",
} as const;

export interface Action {
  readonly label: string;
  readonly run: () => void;
  readonly ui: string;
}

/** What the view asks for. */
export interface Wishes {
  send(text: string): boolean;
  stop(): void;
  clear(): void;
  close(): void;
}

export class View {
  readonly node: HTMLElement;
  wishes: Wishes | null = null;
  readonly #title: HTMLElement;
  readonly #chip = el("p", { class: "chip", "data-ui": "chip" });
  readonly #log: HTMLElement;
  readonly #load = el("div", { class: "load", hidden: true, "data-ui": "load" });
  readonly #bar = el("progress", { max: 1 });
  readonly #loadText = el("span");
  readonly #form: HTMLFormElement;
  readonly #input: HTMLTextAreaElement;
  readonly #send: HTMLButtonElement;
  readonly #gauge = el("span", { part: "gauge" });
  #card: HTMLElement | null = null;
  #writing = false;

  constructor(config: Config) {
    const [polite, urgent] = [
      el("div", { class: "sr", role: "status", "aria-live": "polite" }),
      el("div", { class: "sr", role: "alert" }),
    ];
    sayIn(polite, urgent);
    const title = config.heading || t("title");
    this.#title = el("h2", { tabindex: -1, part: "title" }, title);
    const label = { tabindex: 0, role: "group", "aria-label": t("conversation"), part: "log" };
    this.#log = el("div", { class: "log", ...label, "data-ui": "log" }, ...empty(config));
    const placeholder = config.placeholder || t("placeholder");
    this.#input = el("textarea", {
      rows: 1,
      dir: "auto",
      placeholder,
      "aria-label": t("message"),
      part: "input",
      "data-ui": "input",
    });
    this.#send = button("send", t("send"), () => this.#press(), "send", "send");
    this.#send.type = "submit";
    this.#form = el("form", { part: "composer" }, this.#input, this.#send);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
    });
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#bar.setAttribute("aria-label", t("preparing"));
    this.#load.append(this.#bar, this.#loadText);
    this.#sayWhereItRuns(config);
    this.node = el(
      "div",
      { class: "ingle" },
      el(
        "div",
        { class: "body", part: "panel" },
        this.#head(config),
        this.#log,
        this.#load,
        this.#form,
        el("div", { class: "foot" }, details(config), this.#gauge),
      ),
      polite,
      urgent,
      this.#chip,
    );
    this.node.addEventListener("keydown", (event) => {
      // In the page the element hears it itself; a frame has to say it.
      if (event.key === "Escape" && !event.isComposing) this.wishes?.close();
    });
  }

  #head(config: Config): HTMLElement {
    const fresh = button("fresh", t("clear"), () => this.wishes?.clear(), "clear");
    const parts: Node[] = [named("header", this.#title), fresh];
    if (!config.inline)
      parts.push(button("close", t("close"), () => this.wishes?.close(), "close"));
    return el("header", { class: "top", part: "header" }, ...parts);
  }

  /**
   * Without a part, outside of all parts, in a closed root and last, so that nothing lies above it:
   * no style of the page reaches it.
   */
  #sayWhereItRuns({ share, isolation }: Config): void {
    const shared = share === "text" || isolation === "shadow";
    this.#chip.className = shared ? "chip shared" : "chip";
    this.#chip.append(drawing(shared ? "warn" : "safe"), t(shared ? "shared" : "private"));
  }

  focus(touch: boolean): void {
    const card = this.#card?.querySelector<HTMLElement>("button");
    if (this.#form.hidden && card) card.focus();
    else (touch || this.#form.hidden ? this.#title : this.#input).focus();
  }

  /** Shows a card in the conversation in place of an earlier one; the first action is the main. */
  card(title: string, texts: readonly string[], actions: readonly Action[], code = ""): void {
    this.#card?.remove();
    const buttons = actions.map(({ label, run, ui }, i) => {
      const node = el("button", { class: i === 0 ? "b main" : "b", type: "button" }, label);
      node.dataset["ui"] = ui;
      node.addEventListener("click", run);
      return node;
    });
    const [first = "", ...rest] = texts;
    this.#card = el(
      "section",
      { class: "card", part: "alert", "data-ui": `card.${code}` },
      el("h3", {}, title),
      el("p", {}, first),
      ...rest.map((text) => el("small", {}, text)),
      el("div", { class: "do" }, ...buttons),
    );
    this.#log.append(this.#card);
    this.#end();
    if (code) announce(`${title}. ${texts.join(" ")}`, "urgent");
  }

  noCard(): void {
    this.#card?.remove();
    this.#card = null;
  }

  /** Asking: the question alone, without a box. */
  box(shown: boolean): void {
    this.#form.hidden = !shown;
  }

  loading(share: number | null, text: string | null): void {
    this.#load.hidden = text === null;
    if (share === null) this.#bar.removeAttribute("value");
    else this.#bar.value = share;
    this.#loadText.textContent = text;
  }

  writing(writing: boolean): void {
    this.#writing = writing;
    this.#send.replaceChildren(drawing(writing ? "stop" : "send"));
    this.#send.setAttribute("aria-label", t(writing ? "stop" : "send"));
    this.#send.setAttribute("part", writing ? "stop" : "send");
  }

  gauge(text: string): void {
    this.#gauge.textContent = text;
  }

  clear(config: Config): void {
    this.#card = null;
    this.#log.replaceChildren(...empty(config));
    this.gauge("");
  }

  mine(text: string): void {
    this.#log.querySelector("[data-ui=empty]")?.remove();
    const say = el("div", { dir: "auto" }, text);
    this.#log.append(el("article", { class: "me", "aria-label": t("you"), part: "message" }, say));
    this.#end();
  }

  answer(): AnswerView {
    const view = new AnswerView();
    this.#log.append(view.node);
    this.#end();
    return view;
  }

  /** Only what the visitor did moves the view; what the model writes does not. */
  #end(): void {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #press(): void {
    if (this.#writing) return this.wishes?.stop();
    const text = this.#input.value.trim();
    if (!text || !this.wishes?.send(text)) return;
    this.#input.value = "";
    this.#input.focus();
  }

  #key(event: KeyboardEvent): void {
    // Enter that ends a composition chooses a word and sends nothing.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229)
      return;
    event.preventDefault();
    if (!this.#writing) this.#press();
  }
}

/** One answer; finished blocks stay as they are while it grows. */
export class AnswerView {
  readonly node: HTMLElement;
  readonly #text = el("div", { class: "answer", part: "answer" });
  readonly #line = el("p", { class: "line", "data-ui": "line" });
  #sources: string[] = [];

  constructor() {
    const label = { "aria-label": t("assistant"), "aria-busy": "true" };
    this.node = el("article", { ...label, part: "message" }, this.#text, this.#line);
  }

  show(text: string): void {
    const tokens = blocks(text);
    const same = tokens.findIndex((token, i) => token.raw !== this.#sources[i]);
    const from = same < 0 ? tokens.length : same;
    while (this.#text.childNodes.length > from) this.#text.lastChild?.remove();
    this.#text.append(...tokens.slice(from).map((token) => block(token)));
    this.#sources = tokens.map(({ raw }) => raw);
    for (const code of this.#text.querySelectorAll("pre, [part=answer] code"))
      code.setAttribute("part", "code");
  }

  line(text: string): void {
    this.#line.textContent = text;
  }

  done(): void {
    this.node.removeAttribute("aria-busy");
  }
}

function empty({ greeting }: Config): Node[] {
  const text = greeting ? [el("p", { dir: "auto" }, greeting)] : [];
  return [el("div", { "data-ui": "empty" }, named("empty", ...text))];
}

function details({ system, model }: Config): HTMLElement {
  const lines = [`${t("model")}: ${model.split(/[?#]/, 1)[0]?.split("/").pop() ?? ""}`];
  if (system) lines.push(`${t("instructions")}: ${system}`);
  const text = el("div", { dir: "auto" }, lines.join("\n"));
  return el("details", { "data-ui": "details" }, el("summary", {}, t("details")), text);
}

function named(name: string, ...children: Node[]): HTMLSlotElement {
  return el("slot", { name }, ...children);
}

function button(
  shape: keyof typeof SHAPES,
  name: string,
  run: () => void,
  ui: string,
  part?: string,
): HTMLButtonElement {
  const node = el(
    "button",
    { class: part ? `icon ${part}` : "icon", type: "button", part },
    drawing(shape),
  );
  node.setAttribute("aria-label", name);
  node.dataset["ui"] = ui;
  node.addEventListener("click", run);
  return node;
}

function drawing(shape: keyof typeof SHAPES): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[shape]);
  svg.append(path);
  return svg;
}
