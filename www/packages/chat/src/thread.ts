import type { Message as Turn } from "@ingle/engine";

import { asSent } from "./file-room.js";
import { titleOf } from "./history/exchange.js";
import type { History } from "./history/history.js";
import { Tree } from "./history/tree.js";
import type { Change, Chat, FileRef, Message, Setup, StoredFile } from "./history/types.js";
import { newId } from "./ids.js";
import { defaultSetup } from "./settings.js";

/** Shows the messages of a branch. */
export interface Screen {
  clear(): void;
  show(shown: { path: readonly Message[]; versions: (id: string) => Message[] }): void;
}

/** One chat as data: its record, its tree and its files, on the screen and in the history alike. */
export class Thread {
  readonly history: History;
  readonly #screen: Screen;
  chat: Chat | null = null;
  tree = new Tree([], null);
  #setup: Partial<Setup> = {};
  /** Texts of attached files, as they are sent. */
  readonly #texts = new Map<string, string>();

  constructor(history: History, screen: Screen) {
    this.history = history;
    this.#screen = screen;
  }

  get path(): Message[] {
    return this.tree.path();
  }

  /** Defaults, with what this chat changes. */
  get setup(): Setup {
    return { ...defaultSetup(), ...this.#setup };
  }

  set setup(setup: Setup) {
    const defaults = defaultSetup() as unknown as Record<string, unknown>;
    this.#setup = Object.fromEntries(
      Object.entries(setup).filter(
        ([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name]),
      ),
    );
    if (this.chat) this.put({ ...this.chat, setup: this.#setup });
  }

  /** An empty chat, which is kept from its first message on. */
  clear(): void {
    this.chat = null;
    this.tree = new Tree([], null);
    this.#setup = {};
    this.#screen.clear();
  }

  /** Shows a stored chat. */
  open(chat: Chat, messages: readonly Message[]): void {
    this.chat = chat;
    this.tree = new Tree(messages, chat.leaf);
    this.#setup = chat.setup;
    this.show();
  }

  /** Adds a message of the person; begins a chat with the first one. True if it did. */
  say(text: string, files: readonly StoredFile[], counts: readonly (number | null)[]): boolean {
    const refs = files.map((file, i) => {
      this.#texts.set(file.id, file.text);
      const { id, name } = file;
      return { id, name, bytes: file.text.length, tokens: counts[i] ?? null };
    });
    const isFirst = this.chat === null;
    const title = titleOf(text || (files[0]?.name ?? ""));
    const chat = this.chat ?? newChat(title, this.#setup);
    this.chat = chat;
    const kept = files.map((file): Change => ({ op: "file", file: { ...file, chat: chat.id } }));
    this.add(this.message("user", this.tree.leaf, { text, files: refs }), kept);
    return isFirst;
  }

  /** A message of this chat that is not in it yet. */
  message(role: Message["role"], parent: string | null, more: Partial<Message>): Message {
    return {
      id: newId(),
      chat: this.chat?.id ?? "",
      parent,
      role,
      at: Date.now(),
      text: "",
      thought: "",
      state: role === "user" ? "whole" : "writing",
      files: [],
      ...more,
    };
  }

  /** Puts a message into the tree, shows it, and keeps it; `leaf` is the end of what is shown. */
  add(message: Message, more: readonly Change[] = [], leaf: string | null = message.id): void {
    if (!this.chat) return;
    this.tree.put(message);
    if (!message.deleted) this.tree.leaf = leaf;
    this.chat = { ...this.chat, leaf: this.tree.leaf, updatedAt: Date.now() };
    this.show();
    const { chat } = this;
    void this.history.commit([{ op: "chat", chat }, ...more, { op: "message", message }]);
  }

  /** Keeps a changed record. */
  put(chat: Chat): void {
    this.chat = chat;
    void this.history.commit([{ op: "chat", chat }]);
  }

  show(): void {
    this.#screen.show({ path: this.path, versions: (id) => this.tree.versions(id) });
  }

  /** What is sent for the branch that is shown, up to a message. */
  async turns(to: string | null = this.tree.leaf): Promise<Turn[]> {
    const { instructions } = this.setup;
    const turns: Turn[] = [];
    if (instructions.trim() !== "") turns.push({ role: "system", content: instructions.trim() });
    for (const { role, text, files } of this.tree.path(to)) {
      const parts = await Promise.all(files.map((file) => this.#attached(file)));
      turns.push({ role, content: [...parts, text].filter(Boolean).join("\n\n") });
    }
    return turns;
  }

  async #attached({ id, name }: FileRef): Promise<string> {
    const known = this.#texts.get(id);
    const text = known ?? (await this.history.file(id))?.text ?? "";
    this.#texts.set(id, text);
    return text === "" ? "" : asSent(name, text);
  }
}

export function newChat(title: string, setup: Partial<Setup>): Chat {
  const now = Date.now();
  return { id: newId(), title, createdAt: now, updatedAt: now, leaf: null, setup };
}
