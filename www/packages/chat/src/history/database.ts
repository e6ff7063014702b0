import { type DBSchema, type IDBPDatabase, openDB } from "idb";

import type { Change, Chat, Message, StoredFile } from "./types.js";

const NAME = "ingle-chats";
const VERSION = 1;

interface Schema extends DBSchema {
  chats: { key: string; value: Chat };
  messages: { key: string; value: Message; indexes: { chat: string } };
  files: { key: string; value: StoredFile; indexes: { chat: string } };
}

/** Everything that belongs together, for a journal or an export. */
export interface All {
  readonly chats: Chat[];
  readonly messages: Message[];
  readonly files: StoredFile[];
}

/** Where chats are looked up: the browser's database, or memory where it keeps none. */
export interface Store {
  readonly kind: "browser" | "memory";
  apply(changes: readonly Change[]): Promise<void>;
  chats(): Promise<Chat[]>;
  messages(chat: string): Promise<Message[]>;
  file(id: string): Promise<StoredFile | undefined>;
  all(): Promise<All>;
}

/** Thrown for a database that a newer ingle has made; it is left as it is. */
export class NewerError extends Error {}

export async function openStore(): Promise<Store> {
  try {
    const db = await openDB<Schema>(NAME, VERSION, {
      upgrade(db) {
        db.createObjectStore("chats", { keyPath: "id" });
        db.createObjectStore("messages", { keyPath: "id" }).createIndex("chat", "chat");
        db.createObjectStore("files", { keyPath: "id" }).createIndex("chat", "chat");
      },
      // Another tab has a newer ingle and waits for this one to let go.
      blocking: (_old, _new, event) => (event.target as IDBDatabase).close(),
    });
    return new Database(db);
  } catch (error) {
    if ((error as DOMException).name === "VersionError") throw new NewerError();
    return new Memory();
  }
}

class Database implements Store {
  readonly kind = "browser";
  readonly #db: IDBPDatabase<Schema>;

  constructor(db: IDBPDatabase<Schema>) {
    this.#db = db;
  }

  /** All changes or none. */
  async apply(changes: readonly Change[]): Promise<void> {
    const tx = this.#db.transaction(["chats", "messages", "files"], "readwrite");
    const [chats, messages, files] = [
      tx.objectStore("chats"),
      tx.objectStore("messages"),
      tx.objectStore("files"),
    ];
    for (const change of changes) {
      // Puts are not waited for one by one: the transaction is done when all of them are.
      if (change.op === "chat") void chats.put(change.chat);
      else if (change.op === "message") void messages.put(change.message);
      else if (change.op === "file") void files.put(change.file);
      else if (change.op === "wipe")
        await Promise.all([chats.clear(), messages.clear(), files.clear()]);
      else if (change.op === "grow") {
        const message = await messages.get(change.id);
        if (message) void messages.put(grown(message, change));
      } else {
        void chats.delete(change.id);
        for (const store of [messages, files])
          for (const key of await store.index("chat").getAllKeys(change.id))
            void store.delete(key);
      }
    }
    await tx.done;
  }

  chats(): Promise<Chat[]> {
    return this.#db.getAll("chats");
  }

  messages(chat: string): Promise<Message[]> {
    return this.#db.getAllFromIndex("messages", "chat", chat);
  }

  file(id: string): Promise<StoredFile | undefined> {
    return this.#db.get("files", id);
  }

  async all(): Promise<All> {
    const tx = this.#db.transaction(["chats", "messages", "files"]);
    const [chats, messages, files] = await Promise.all([
      tx.objectStore("chats").getAll(),
      tx.objectStore("messages").getAll(),
      tx.objectStore("files").getAll(),
    ]);
    return { chats, messages, files };
  }
}

/** The same in memory: a private window, or storage that is switched off. */
class Memory implements Store {
  readonly kind = "memory";
  readonly #chats = new Map<string, Chat>();
  readonly #messages = new Map<string, Message>();
  readonly #files = new Map<string, StoredFile>();

  async apply(changes: readonly Change[]): Promise<void> {
    const stores = [this.#chats, this.#messages, this.#files];
    for (const change of changes) {
      if (change.op === "chat") this.#chats.set(change.chat.id, change.chat);
      else if (change.op === "message") this.#messages.set(change.message.id, change.message);
      else if (change.op === "file") this.#files.set(change.file.id, change.file);
      else if (change.op === "wipe") stores.forEach((store) => store.clear());
      else if (change.op === "grow") {
        const message = this.#messages.get(change.id);
        if (message) this.#messages.set(message.id, grown(message, change));
      } else {
        this.#chats.delete(change.id);
        for (const store of [this.#messages, this.#files])
          for (const { id, chat } of store.values()) if (chat === change.id) store.delete(id);
      }
    }
  }

  async chats(): Promise<Chat[]> {
    return [...this.#chats.values()];
  }

  async messages(chat: string): Promise<Message[]> {
    return [...this.#messages.values()].filter((message) => message.chat === chat);
  }

  async file(id: string): Promise<StoredFile | undefined> {
    return this.#files.get(id);
  }

  async all(): Promise<All> {
    const [chats, messages, files] = [this.#chats, this.#messages, this.#files];
    return {
      chats: [...chats.values()],
      messages: [...messages.values()],
      files: [...files.values()],
    };
  }
}

function grown(message: Message, more: Extract<Change, { op: "grow" }>): Message {
  const { begun } = message;
  const text = message.text + more.text;
  const thought = message.thought + more.thought;
  if (!begun) return { ...message, text, thought };
  const tokens = [...begun.tokens, ...(more.tokens ?? [])];
  const mark = more.mark ?? begun.mark;
  return { ...message, text, thought, begun: { ...begun, tokens, mark } };
}
