import { byId, el } from "./dom.js";

const DRAFT_KEY = "ingle.draft";
/** A draft is kept this long after the last key. */
const DRAFT_MS = 300;

interface Handlers {
  send(text: string): boolean;
  stop(): void;
}

/**
 * The message box. It stays usable whatever the model does: while an answer is written, Enter
 * queues the message, and the round button stops the answer. The draft survives a reload.
 */
export class Composer {
  readonly #box = byId<HTMLTextAreaElement>("ask");
  readonly #button = byId<HTMLButtonElement>("send");
  readonly #queuedLine = byId("queued");
  readonly #handlers: Handlers;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing = false;
  #queued: string | null = null;

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
    this.#box.value = this.#box.value || (readDraft() ?? "");
    this.#box.addEventListener("input", () => this.#saveSoon());
    addEventListener("pagehide", () => this.#save());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#writing) this.#handlers.stop();
      else this.submit();
    });
    if (matchMedia("(pointer:fine)").matches) this.#box.focus();
  }

  /** Sends what is in the box, or queues it while an answer is written. */
  submit(): void {
    const text = this.#box.value.trim();
    if (text === "") return;
    if (this.#writing) return this.#queue(text);
    if (this.#handlers.send(text)) this.#clear();
  }

  /** Sends `text` as if it had been typed. */
  sendText(text: string): void {
    if (!this.#handlers.send(text)) this.#box.value = text;
  }

  /** Send and Stop are one button, so that it keeps its place and the focus. */
  setWriting(writing: boolean): void {
    this.#writing = writing;
    this.#button.setAttribute("aria-label", writing ? "Stop writing" : "Send");
    this.#button.firstElementChild?.setAttribute("class", writing ? "i i-stop" : "i i-send");
    if (writing || this.#queued === null) return;
    const text = this.#queued;
    this.#dequeue();
    this.sendText(text);
  }

  focus(): void {
    this.#box.focus();
  }

  #queue(text: string): void {
    this.#queued = this.#queued === null ? text : `${this.#queued}\n${text}`;
    this.#clear();
    const now = el(
      "button",
      { class: "b b-sm", type: "button", onclick: () => this.#handlers.stop() },
      "Send now and stop this answer",
    );
    const back = el(
      "button",
      { class: "b b-sm b-bare", type: "button", onclick: () => this.#takeBack() },
      "Take back",
    );
    this.#queuedLine.replaceChildren("Sends when this answer is done.", now, back);
    this.#queuedLine.hidden = false;
  }

  #takeBack(): void {
    this.#box.value = this.#queued ?? "";
    this.#dequeue();
    this.#box.focus();
  }

  #dequeue(): void {
    this.#queued = null;
    this.#queuedLine.hidden = true;
    this.#queuedLine.replaceChildren();
  }

  #key(event: KeyboardEvent): void {
    // Enter that confirms a composition (Japanese, Chinese, Korean) is not a send; 229 is how older
    // browsers report it.
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    if (event.shiftKey && !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.submit();
  }

  #clear(): void {
    this.#box.value = "";
    this.#save();
  }

  #saveSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), DRAFT_MS);
  }

  #save(): void {
    clearTimeout(this.#timer);
    try {
      localStorage.setItem(DRAFT_KEY, this.#box.value);
    } catch {
      // A private window: the draft holds until the tab closes.
    }
  }
}

function readDraft(): string | null {
  try {
    return localStorage.getItem(DRAFT_KEY);
  } catch {
    return null;
  }
}
