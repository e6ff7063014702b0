import type { Chat, Message } from "./types.js";

/**
 * The messages of one chat. An edit or a new version is a sibling, never a replacement, so that
 * every earlier text can be reached. A deleted message keeps its place and loses its words: its
 * children count as children of the message above it, and nothing below it is lost.
 */
export class Tree {
  readonly #nodes = new Map<string, Message>();
  #children = new Map<string | null, string[]>();
  leaf: string | null;

  constructor(messages: readonly Message[], leaf: Chat["leaf"]) {
    for (const message of messages) this.#nodes.set(message.id, message);
    this.#index();
    this.leaf = leaf !== null && this.#nodes.has(leaf) ? leaf : this.#newest(null);
  }

  get size(): number {
    return this.#nodes.size;
  }

  get all(): Message[] {
    return [...this.#nodes.values()];
  }

  get(id: string): Message | undefined {
    return this.#nodes.get(id);
  }

  /** Adds a message or replaces what is known of it. */
  put(message: Message): void {
    const isNew = !this.#nodes.has(message.id);
    this.#nodes.set(message.id, message);
    if (isNew) this.#index();
    // What hung beside a deleted end would be out of reach: it is shown instead.
    else if (this.leaf !== null && this.#nodes.get(this.leaf)?.deleted)
      this.leaf = this.#newest(this.#above(this.leaf));
  }

  /** What is shown: from the first message to `leaf`, without deleted ones. */
  path(to: string | null = this.leaf): Message[] {
    const path: Message[] = [];
    const seen = new Set<string>();
    for (let id = to; id !== null && !seen.has(id);) {
      seen.add(id);
      const node = this.#nodes.get(id);
      if (!node) break;
      if (!node.deleted) path.push(node);
      id = node.parent;
    }
    return path.reverse();
  }

  /** The versions of a message, itself among them, the oldest first. */
  versions(id: string): Message[] {
    return this.#shown(this.#above(id)).sort((a, b) => a.at - b.at);
  }

  /** Shows the newest branch that goes through this message. */
  show(id: string): void {
    this.leaf = this.#newest(id);
  }

  /** The message under which `id` is shown, or null at the top. */
  #above(id: string): string | null {
    let parent = this.#nodes.get(id)?.parent ?? null;
    while (parent !== null && this.#nodes.get(parent)?.deleted)
      parent = this.#nodes.get(parent)?.parent ?? null;
    return parent;
  }

  /** Messages shown directly under this one, those of deleted ones among them. */
  #shown(id: string | null): Message[] {
    const out: Message[] = [];
    const open = [...(this.#children.get(id) ?? [])];
    for (let child = open.pop(); child !== undefined; child = open.pop()) {
      const node = this.#nodes.get(child);
      if (node?.deleted) open.push(...(this.#children.get(child) ?? []));
      else if (node) out.push(node);
    }
    return out;
  }

  /** Down from a message, always to the newest child. */
  #newest(from: string | null): string | null {
    let at = from;
    for (;;) {
      const below = this.#shown(at);
      if (below.length === 0) return at;
      at = below.reduce((a, b) => (b.at >= a.at ? b : a)).id;
    }
  }

  #index(): void {
    this.#children = new Map();
    for (const { id, parent } of this.#nodes.values()) {
      // A parent that is not there (a damaged import): the message is shown at the top.
      const key = parent !== null && this.#nodes.has(parent) ? parent : null;
      const list = this.#children.get(key);
      if (list) list.push(id);
      else this.#children.set(key, [id]);
    }
  }
}
