import { snapshots } from "@ingle/engine";

import { newId } from "../ids.js";
import { forgetChat, forgetOthers } from "../remembered.js";
import type { Answers, Opened, Questions } from "./protocol.js";
import type { Change, Chat, Hit, Message, StoredFile } from "./types.js";

/** "Undo" is offered this long; then what was deleted is removed. */
export const UNDO_MS = 10_000;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** The page's side of the keeper of chats: the list, and calls that are answered in order. */
export class History {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), {
    type: "module",
    name: "ingle-history",
  });
  readonly #channel = new BroadcastChannel("ingle.chats");
  readonly #waiting = new Map<number, Waiting>();
  readonly #tab = newId();
  #next = 0;
  #chats: Chat[] = [];
  /** On their way to the worker. */
  readonly #unanswered = new Set<readonly Change[]>();
  /** The list has changed, here or in another tab. */
  onList: () => void = () => undefined;
  /** Another tab has changed something. */
  onElsewhere: () => void = () => undefined;
  /** Something could not be kept; the words stay on the screen. */
  onFull: (error: Error) => void = () => undefined;

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#answered(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.#waiting.values()) reject(new Error(event.message));
      this.#waiting.clear();
    };
    this.#channel.onmessage = ({ data }) => {
      if (data.tab !== this.#tab) void this.#refresh();
    };
  }

  /** Reads the list; a message may have been sent before it is there. */
  async open(): Promise<Opened> {
    const opened = await this.#ask("open", { tab: this.#tab });
    this.#list(opened.chats);
    void forgetOthers(this.#chats.map(({ id }) => id));
    // What was deleted before the tab ended.
    const late = opened.chats.filter(
      ({ deletedAt }) => deletedAt && Date.now() - deletedAt > UNDO_MS,
    );
    for (const { id } of late) void this.commit([{ op: "drop", id }]);
    this.onList();
    return opened;
  }

  /** Chats that are not deleted, the newest first. */
  get chats(): Chat[] {
    const listed = this.#chats.filter((chat) => !chat.deletedAt);
    return listed.sort((a, b) => b.updatedAt - a.updatedAt);
  }

  chat(id: string): Chat | null {
    return this.#chats.find((chat) => chat.id === id && !chat.deletedAt) ?? null;
  }

  messages(chat: string): Promise<Message[]> {
    return this.#ask("messages", { chat });
  }

  file(id: string): Promise<StoredFile | null> {
    return this.#ask("file", { id });
  }

  search(query: string, limit = 30): Promise<Hit[]> {
    return this.#ask("search", { query, limit });
  }

  export(files: boolean): Promise<string> {
    return this.#ask("export", { files });
  }

  async import(text: string): Promise<Answers["import"]> {
    const done = await this.#ask("import", { text });
    await this.#refresh();
    return done;
  }

  sizes(): Promise<Answers["sizes"]> {
    return this.#ask("sizes", null);
  }

  /** Keeps changes, in order. Resolves when they are safe, or after `onFull` was told. */
  async commit(changes: Change[]): Promise<void> {
    const before = this.#chats;
    for (const change of changes) this.#apply(change);
    if (this.#chats !== before) this.onList();
    for (const change of changes) forget(change);
    this.#unanswered.add(changes);
    try {
      await this.#ask("commit", { changes });
    } catch (error) {
      this.onFull(error as Error);
    } finally {
      this.#unanswered.delete(changes);
    }
  }

  /** Takes a list that was asked for before the changes that are on their way. */
  #list(chats: Chat[]): void {
    this.#chats = chats;
    for (const changes of this.#unanswered) for (const change of changes) this.#apply(change);
  }

  #apply(change: Change): void {
    if (change.op === "chat") {
      const others = this.#chats.filter(({ id }) => id !== change.chat.id);
      this.#chats = [...others, change.chat];
    } else if (change.op === "drop") {
      this.#chats = this.#chats.filter(({ id }) => id !== change.id);
    } else if (change.op === "wipe") this.#chats = [];
  }

  async #refresh(): Promise<void> {
    this.#list(await this.#ask("chats", null));
    this.onList();
    this.onElsewhere();
  }

  #ask<Q extends keyof Questions>(ask: Q, given: Questions[Q]): Promise<Answers[Q]> {
    const id = (this.#next += 1);
    return new Promise<Answers[Q]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ask, given });
    });
  }

  #answered(data: { id: number; answer?: never; error?: { name: string; message: string } }) {
    const waiting = this.#waiting.get(data.id);
    this.#waiting.delete(data.id);
    if (!waiting) return;
    if (!data.error) return waiting.resolve(data.answer as never);
    const error = new Error(data.error.message);
    error.name = data.error.name;
    waiting.reject(error);
  }
}

/** What the model knew of a chat goes with it. */
function forget(change: Change): void {
  if (change.op === "drop") forgetChat(change.id);
  if (change.op === "wipe") void snapshots.clear();
}
