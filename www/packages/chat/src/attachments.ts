import { announce } from "./announce.js";
import { byId, el, icon } from "./dom.js";
import { asSent, beginning, sayTooLong, SPARE_TOKENS } from "./file-room.js";
import { bytes, percent } from "./format.js";
import type { StoredFile } from "./history/types.js";
import { t, tn } from "./i18n/index.js";
import { newId } from "./ids.js";

/** A file with more bytes than this is longer than any context here. */
const FILE_BYTES_MAX = 4 << 20;
/** A file with a zero byte in its first part is not text. */
const LOOK_BYTES = 8192;

interface Chip {
  file: StoredFile;
  readonly node: HTMLElement;
  readonly words: HTMLElement;
  tokens: number | null;
  /** That there is no room for it. */
  card: HTMLElement | null;
}

interface Handlers {
  /** Tokens of a text, if a model can count them. */
  count(text: string): Promise<number | null>;
  /** Tokens of context, 0 if there is no model yet. */
  room(): number;
  /** Tokens that are free for a file of so many that is attached; null where nobody knows. */
  roomFor(tokens: number): Promise<number | null>;
  changed(): void;
}

/** Text files that go with the next message, as chips above the box. */
export class Attachments {
  readonly #list = byId("files");
  readonly #handlers: Handlers;
  #chips: Chip[] = [];

  constructor(handlers: Handlers) {
    this.#handlers = handlers;
  }

  get files(): StoredFile[] {
    return this.#chips.map(({ file }) => file);
  }

  get counts(): (number | null)[] {
    return this.#chips.map(({ tokens }) => tokens);
  }

  get text(): string {
    return this.#chips.map(({ file }) => file.text).join("\n");
  }

  clear(): void {
    for (const { node, card } of this.#chips) {
      node.remove();
      card?.remove();
    }
    this.#chips = [];
    this.#list.hidden = true;
  }

  /** Adds files that a person has chosen; says why one is not taken. */
  async addFiles(files: readonly File[]): Promise<void> {
    for (const file of files) {
      const problem = await this.#problem(file);
      if (problem !== null) announce(problem, "urgent");
      if (problem !== null) this.#refuse(problem);
      else this.add(file.name, await file.text());
    }
  }

  /** Adds text under a name, with a way to put it into the box instead. */
  add(name: string, text: string, intoBox?: (text: string) => void): void {
    const file: StoredFile = { id: newId(), chat: "", name, text };
    const words = el("span", { class: "num" }, ` · ${t("file.counting")}`);
    const away = () => this.#remove(chip);
    const remove = el(
      "button",
      {
        class: "b b-bare b-icon b-sm",
        type: "button",
        "aria-label": t("file.remove", { name }),
        onclick: away,
      },
      icon("x"),
    );
    const instead = el("button", { class: "b b-bare b-sm", type: "button" }, t("file.into"));
    instead.addEventListener("click", () => {
      away();
      intoBox?.(text);
    });
    const node = el("span", { class: "file" }, icon("file"), el("bdi", {}, name), words);
    node.append(...(intoBox ? [instead] : []), remove);
    const chip: Chip = { file, node, words, tokens: null, card: null };
    this.#chips.push(chip);
    this.#list.append(node);
    this.#list.hidden = false;
    void this.#count(chip);
    this.#handlers.changed();
  }

  /** Another model counts anew. */
  recount(): void {
    for (const chip of this.#chips) void this.#count(chip);
  }

  async #count(chip: Chip): Promise<void> {
    const tokens = await this.#handlers.count(chip.file.text).catch(() => null);
    chip.tokens = tokens;
    const room = this.#handlers.room();
    const share = tokens !== null && room > 0 ? ` · ${percent(tokens, room)}` : "";
    const size = bytes(chip.file.text.length);
    chip.words.textContent = ` · ${tokens === null ? size : tn("tokens", tokens)}${share}`;
    this.#handlers.changed();
    if (tokens !== null) await this.#fits(chip, tokens);
  }

  /** A file for which there is no room: a person says what of it is sent, before anything is. */
  async #fits(chip: Chip, tokens: number): Promise<void> {
    chip.card?.remove();
    chip.card = null;
    const { name, text } = chip.file;
    const around = ((await this.#handlers.count(asSent(name, ""))) ?? 0) + SPARE_TOKENS;
    const room = await this.#handlers.roomFor(tokens);
    if (room === null || tokens <= room - around || !this.#chips.includes(chip)) return;
    const free = Math.max(0, room - around);
    const cut = async () => {
      const first = await beginning(text, tokens, free, this.#handlers.count);
      chip.file = { ...chip.file, text: first };
      await this.#count(chip);
    };
    const remove = () => this.#remove(chip);
    chip.card = sayTooLong({ name, tokens, free, cut: () => void cut(), remove });
  }

  #remove(chip: Chip): void {
    chip.node.remove();
    chip.card?.remove();
    this.#chips = this.#chips.filter((other) => other !== chip);
    this.#list.hidden = this.#chips.length === 0;
    byId("ask").focus();
    this.#handlers.changed();
  }

  async #problem(file: File): Promise<string | null> {
    if (file.type.startsWith("image/")) return t("file.picture", { name: file.name });
    if (file.size > FILE_BYTES_MAX)
      return t("file.large", {
        name: file.name,
        size: bytes(file.size),
        max: bytes(FILE_BYTES_MAX),
      });
    const start = new Uint8Array(await file.slice(0, LOOK_BYTES).arrayBuffer());
    return start.includes(0) ? t("file.binary", { name: file.name }) : null;
  }

  #refuse(problem: string): void {
    const line = el("p", { class: "queued", role: "presentation" }, problem);
    this.#list.before(line);
    setTimeout(() => line.remove(), 8_000);
  }
}
