import { Attachments } from "./attachments.js";
import { byId, el } from "./dom.js";
import type { StoredFile } from "./history/types.js";
import { t } from "./i18n/index.js";
import { prefs } from "./settings.js";

const DRAFT_KEY = "ingle.draft";
/** A draft is kept this long after the last key. */
const DRAFT_MS = 300;
/** Pasted text that is longer becomes a file. */
const PASTE_CHARACTERS_MAX = 4_000;

/** What is sent: words, and files with their tokens. */
export interface Outgoing {
  readonly text: string;
  readonly files: readonly StoredFile[];
  readonly counts: readonly (number | null)[];
}

interface Handlers {
  /** Whether it was taken. */
  send(message: Outgoing): boolean;
  stop(): void;
  /** The box or its files are different now. */
  changed(): void;
  /** A line that begins with "/". True if it was a command. */
  command(line: string): boolean;
  /** The up arrow in an empty box. */
  editLast(): void;
  count(text: string): Promise<number | null>;
  room(): number;
  roomFor(tokens: number): Promise<number | null>;
}

/**
 * The message box. It stays usable whatever the model does: while an answer is written, Enter
 * queues the message, and the round button stops the answer. Each chat has its own draft, which
 * survives a reload.
 */
export class Composer {
  readonly attachments: Attachments;
  readonly #box = byId<HTMLTextAreaElement>("ask");
  readonly #button = byId<HTMLButtonElement>("send");
  readonly #queuedLine = byId("queued");
  readonly #handlers: Handlers;
  #key = DRAFT_KEY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing = false;
  #queued: Outgoing | null = null;
  /** The page ends, and with it the answer; nothing is sent any more. */
  #isLeaving = false;

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
    this.attachments = new Attachments(handlers);
    this.#box.value = this.#box.value || readDraft(this.#key);
    this.#save(); // what was typed before this script ran
    this.#box.addEventListener("input", () => this.#typed());
    addEventListener("pagehide", () => this.#leave(true));
    addEventListener("pageshow", () => this.#leave(false));
    this.#box.addEventListener("keydown", (event) => this.#keyDown(event));
    this.#box.addEventListener("paste", (event) => this.#paste(event));
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#writing) this.#handlers.stop();
      else this.submit();
    });
    const input = byId<HTMLInputElement>("attachment");
    byId("attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      void this.attachments.addFiles([...(input.files ?? [])]);
      input.value = "";
    });
    if (matchMedia("(pointer:fine)").matches) this.#box.focus();
  }

  get text(): string {
    return this.#box.value;
  }

  /** The draft of another chat, or of a new one. */
  open(chat: string | null): void {
    const key = chat === null ? DRAFT_KEY : `${DRAFT_KEY}.${chat}`;
    if (key === this.#key) return;
    this.#save();
    this.#dequeue();
    this.#key = key;
    this.#box.value = readDraft(key);
    this.attachments.clear();
    this.#handlers.changed();
  }

  /** A new chat got its name: its draft is kept under that from now on. */
  adopt(chat: string): void {
    if (this.#key !== DRAFT_KEY) return;
    this.#key = `${DRAFT_KEY}.${chat}`;
    save(DRAFT_KEY, "");
    this.#save();
  }

  /** Sends what is in the box, or queues it while an answer is written. */
  submit(): void {
    const text = this.#box.value.trim();
    if (text.startsWith("/") && this.#handlers.command(text)) return this.#clear();
    const { files, counts } = this.attachments;
    if (text === "" && files.length === 0) return;
    const message = { text, files, counts };
    if (this.#writing) return this.#queue(message);
    if (this.#handlers.send(message)) this.#clear();
  }

  /** Sends `text` as if it had been typed. */
  sendText(text: string): void {
    this.#sendOr({ text, files: [], counts: [] });
  }

  /** Send and Stop are one button, so that it keeps its place and the focus. */
  setWriting(writing: boolean): void {
    this.#writing = writing;
    this.#button.setAttribute("aria-label", writing ? t("stop") : t("send"));
    this.#button.title = writing ? `${t("stop")} (Esc)` : `${t("send")} (Enter)`;
    this.#button.firstElementChild?.setAttribute("class", writing ? "i i-stop" : "i i-send");
    if (writing || this.#queued === null || this.#isLeaving) return;
    const message = this.#queued;
    this.#dequeue();
    this.#save();
    this.#sendOr(message);
  }

  focus(): void {
    this.#box.focus();
  }

  #sendOr(message: Outgoing): void {
    if (!this.#handlers.send(message)) this.#putBack(message);
  }

  #queue(message: Outgoing): void {
    const before = this.#queued;
    this.#queued = before
      ? {
          text: `${before.text}\n${message.text}`,
          files: [...before.files, ...message.files],
          counts: [...before.counts, ...message.counts],
        }
      : message;
    this.#clear();
    const button = (label: string, kind: string, onclick: () => void) =>
      el("button", { class: `b b-sm ${kind}`, type: "button", onclick }, label);
    this.#queuedLine.replaceChildren(
      t("queued"),
      button(t("queued.now"), "", () => this.#handlers.stop()),
      button(t("queued.back"), "b-bare", () => {
        this.takeBack();
        this.#box.focus();
      }),
    );
    this.#queuedLine.hidden = false;
    this.#box.setAttribute("aria-describedby", "queued");
  }

  /** What is queued goes back into the box. */
  takeBack(): void {
    const message = this.#queued;
    if (message === null) return;
    this.#dequeue();
    this.#putBack(message);
  }

  /** Before what was typed since. */
  #putBack({ text, files }: Outgoing): void {
    this.#box.value = both(text, this.#box.value);
    for (const { name, text } of files) this.attachments.add(name, text);
    this.#save();
  }

  #dequeue(): void {
    this.#queued = null;
    this.#queuedLine.hidden = true;
    this.#queuedLine.replaceChildren();
    this.#box.removeAttribute("aria-describedby");
  }

  #keyDown(event: KeyboardEvent): void {
    if (event.key === "ArrowUp" && this.#box.value === "" && !event.altKey) {
      event.preventDefault();
      return this.#handlers.editLast();
    }
    // Enter that confirms a composition (Japanese, Chinese, Korean) is not a send; 229 is how older
    // browsers report it.
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    const mod = event.ctrlKey || event.metaKey;
    const sends = mod || event.shiftKey === (prefs.enter === "newline");
    if (!sends) return;
    event.preventDefault();
    this.submit();
  }

  /** A long text becomes a file, and typing never waits for it. */
  #paste(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])];
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (files.length > 0) void this.attachments.addFiles(files);
    else if (text.length > PASTE_CHARACTERS_MAX)
      this.attachments.add(t("file.pasted"), text, (text) => this.#insert(text));
    else return;
    event.preventDefault();
  }

  #insert(text: string): void {
    this.#box.setRangeText(text, this.#box.selectionStart, this.#box.selectionEnd, "end");
    this.#box.focus();
    this.#typed();
  }

  #clear(): void {
    this.#box.value = "";
    this.attachments.clear();
    this.#save();
    this.#handlers.changed();
  }

  #typed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#save();
      this.#handlers.changed();
    }, DRAFT_MS);
  }

  #leave(is: boolean): void {
    this.#isLeaving = is;
    if (is) this.#save();
    else if (!this.#writing) this.setWriting(false); // back from the browser's cache of pages
  }

  #save(): void {
    clearTimeout(this.#timer);
    save(this.#key, both(this.#queued?.text ?? "", this.#box.value));
  }
}

function both(first: string, second: string): string {
  return [first, second].filter((text) => text !== "").join("\n");
}

function save(key: string, text: string): void {
  try {
    if (text === "") localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch {
    // A private window: the draft holds until the tab closes.
  }
}

function readDraft(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}
