import type { All } from "./database.js";
import type { Hit } from "./types.js";

/** Words shown before and after what was found, in characters. */
const AROUND = 48;

interface Entry {
  readonly chat: string;
  readonly title: string;
  readonly message: string | null;
  readonly text: string;
  /** What is searched in: lower case. */
  readonly low: string;
  readonly at: number;
}

/**
 * Looks through every text for all the words of a query. A scan and no index: ten thousand messages
 * are a few megabytes, which takes milliseconds, and an index would have to be kept right.
 */
export class Search {
  readonly #entries: Entry[] = [];

  constructor({ chats, messages }: Pick<All, "chats" | "messages">) {
    const listed = new Map(
      chats.filter((chat) => !chat.deletedAt).map((chat) => [chat.id, chat]),
    );
    for (const { id, title, updatedAt } of listed.values())
      this.#entries.push(entry(id, title, null, title, updatedAt));
    for (const { id, chat, text, at, deleted } of messages) {
      const title = listed.get(chat)?.title;
      if (title !== undefined && !deleted) this.#entries.push(entry(chat, title, id, text, at));
    }
    // Titles first, then the newest messages.
    this.#entries.sort(
      (a, b) => Number(a.message !== null) - Number(b.message !== null) || b.at - a.at,
    );
  }

  find(query: string, limit: number): Hit[] {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const first = words[0];
    if (first === undefined) return [];
    const hits: Hit[] = [];
    for (const { chat, title, message, text, low } of this.#entries) {
      if (!words.every((word) => low.includes(word))) continue;
      const whole = low.indexOf(query.toLowerCase().trim());
      const at = whole >= 0 ? whole : low.indexOf(first);
      const length = whole >= 0 ? query.trim().length : first.length;
      hits.push({ chat, title, message, around: around(text, at, length) });
      if (hits.length === limit) break;
    }
    return hits;
  }
}

function entry(
  chat: string,
  title: string,
  message: string | null,
  text: string,
  at: number,
): Entry {
  return { chat, title, message, text, low: text.toLowerCase(), at };
}

function around(text: string, at: number, length: number): [string, string, string] {
  const from = Math.max(0, at - AROUND);
  const to = Math.min(text.length, at + length + AROUND);
  const line = (part: string) => part.replace(/\s+/g, " ");
  return [
    (from > 0 ? "…" : "") + line(text.slice(from, at)),
    line(text.slice(at, at + length)),
    line(text.slice(at + length, to)) + (to < text.length ? "…" : ""),
  ];
}
