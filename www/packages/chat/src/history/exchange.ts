import type { All } from "./database.js";
import { type Change, type Chat, EXPORT_VERSION, type Message } from "./types.js";

/** Reading of chats from files: our own, and the common `[{ role, content }]` lists of others. */

/** A file larger than this is not read. */
export const IMPORT_BYTES_MAX = 256 << 20;

export interface Imported {
  readonly changes: Change[];
  readonly added: number;
  readonly skipped: number;
}

export function asJson({ chats, messages, files }: All): string {
  const listed = chats.filter((chat) => !chat.deletedAt);
  return JSON.stringify({
    ingle: "chats",
    version: EXPORT_VERSION,
    chats: listed,
    messages,
    files,
  });
}

/** What an import would add. Nothing is overwritten: a chat that is here already is left out. */
export function imported(text: string, known: ReadonlySet<string>, now: number): Imported {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error("not-json");
  }
  const all = isObject(data) && data["ingle"] === "chats" ? own(data) : foreign(data, now);
  const changes: Change[] = [];
  let added = 0;
  for (const chat of all.chats) {
    if (known.has(chat.id)) continue;
    added += 1;
    changes.push({ op: "chat", chat });
    for (const message of all.messages)
      if (message.chat === chat.id) changes.push({ op: "message", message });
    for (const file of all.files) if (file.chat === chat.id) changes.push({ op: "file", file });
  }
  return { changes, added, skipped: all.chats.length - added };
}

function own(data: Record<string, unknown>): All {
  if (data["version"] !== EXPORT_VERSION) throw new Error("newer");
  const list = (name: string) => (Array.isArray(data[name]) ? (data[name] as unknown[]) : []);
  return {
    chats: list("chats").flatMap(chatOf),
    messages: list("messages").flatMap(messageOf),
    files: list("files").flatMap((file) =>
      isObject(file) && has(file, "id", "chat", "name", "text")
        ? [
            {
              id: file["id"],
              chat: file["chat"],
              name: file["name"],
              text: file["text"],
            } as never,
          ]
        : [],
    ),
  };
}

function chatOf(value: unknown): Chat[] {
  if (!isObject(value) || !has(value, "id", "title")) return [];
  const { id, title, createdAt, updatedAt, leaf, setup } = value;
  const time = (at: unknown) => (typeof at === "number" && Number.isFinite(at) ? at : 0);
  return [
    {
      id: String(id),
      title: String(title),
      createdAt: time(createdAt),
      updatedAt: time(updatedAt),
      leaf: typeof leaf === "string" ? leaf : null,
      setup: isObject(setup) ? setup : {},
    },
  ];
}

const STATES = new Set(["whole", "writing", "stopped", "length", "context", "failed"]);

function messageOf(value: unknown): Message[] {
  if (!isObject(value) || !has(value, "id", "chat", "text")) return [];
  const { id, chat, parent, role, text, thought, at, state, files, model, line } = value;
  if (role !== "user" && role !== "assistant") return [];
  const list = Array.isArray(files) ? files.filter(isObject) : [];
  return [
    {
      id: String(id),
      chat: String(chat),
      parent: typeof parent === "string" ? parent : null,
      role,
      text: String(text),
      thought: typeof thought === "string" ? thought : "",
      at: typeof at === "number" ? at : 0,
      state: STATES.has(state as string) ? (state as Message["state"]) : "whole",
      files: list.filter((file) => has(file, "id", "name")) as never,
      ...(typeof model === "string" ? { model } : {}),
      ...(typeof line === "string" ? { line } : {}),
      ...(value["edited"] === true ? { edited: true } : {}),
      ...(value["deleted"] === true ? { deleted: true } : {}),
      ...(typeof value["from"] === "string" ? { from: value["from"] } : {}),
    },
  ];
}

/** `{ messages: [{ role, content }] }`, such a list itself, or a list of such objects. */
function foreign(data: unknown, now: number): All {
  const all: All = { chats: [], messages: [], files: [] };
  const chats = Array.isArray(data) && !data.every(isTurn) ? data : [data];
  for (const chat of chats) {
    const turns = Array.isArray(chat) ? chat : isObject(chat) ? chat["messages"] : null;
    if (!Array.isArray(turns)) continue;
    const said = turns.filter(isTurn).filter(({ role }) => role !== "system");
    if (said.length > 0) addForeign(all, chat, said, now);
  }
  if (all.chats.length === 0) throw new Error("no-chats");
  return all;
}

interface Turn {
  readonly role: string;
  readonly content: string;
}

function addForeign(all: All, source: unknown, said: Turn[], now: number): void {
  // The same file again gives the same name, and is skipped.
  const id = `import-${hash(JSON.stringify(said))}`;
  const named = isObject(source) && typeof source["title"] === "string" ? source["title"] : null;
  const title = named ?? titleOf(said[0]?.content ?? "");
  let parent: string | null = null;
  said.forEach(({ role, content }, i) => {
    const message: Message = {
      id: `${id}-${i}`,
      chat: id,
      parent,
      role: role === "user" ? "user" : "assistant",
      text: content,
      thought: "",
      at: now + i,
      state: "whole",
      files: [],
    };
    all.messages.push(message);
    parent = message.id;
  });
  all.chats.push({ id, title, createdAt: now, updatedAt: now, leaf: parent, setup: {} });
}

/** The first six words, at most 48 characters. */
export function titleOf(text: string): string {
  return text.trim().split(/\s+/).slice(0, 6).join(" ").slice(0, 48);
}

/** FNV-1a, 32 bits, twice with different starts: a name, not a proof. */
function hash(text: string): string {
  return [0x811c9dc5, 0x01000193]
    .map((start) => {
      let h = start;
      for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
      return (h >>> 0).toString(16).padStart(8, "0");
    })
    .join("");
}

function isTurn(value: unknown): value is Turn {
  return (
    isObject(value) && typeof value["role"] === "string" && typeof value["content"] === "string"
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function has(value: Record<string, unknown>, ...names: string[]): boolean {
  return names.every((name) => typeof value[name] === "string");
}
