import type { Change, Chat, Hit, Message, StoredFile } from "./types.js";

/** What the page asks its keeper of chats, and what comes back. */
export interface Questions {
  open: { tab: string };
  chats: null;
  messages: { chat: string };
  file: { id: string };
  commit: { changes: Change[] };
  search: { query: string; limit: number };
  export: { files: boolean };
  import: { text: string };
  sizes: null;
}

export interface Answers {
  open: Opened;
  chats: Chat[];
  messages: Message[];
  file: StoredFile | null;
  commit: void;
  search: Hit[];
  export: string;
  import: { added: number; skipped: number };
  sizes: { chats: number; bytes: number };
}

export interface Opened {
  readonly chats: Chat[];
  /** `memory`: gone with the tab. */
  readonly kind: "browser" | "memory";
  /** How many chats came back from the journal, if the database was empty. */
  readonly rebuilt: number | null;
  /** A newer ingle made the database; it was left as it is. */
  readonly newer: boolean;
}
