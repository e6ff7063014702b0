import { announce } from "./announce.js";
import type { Conversation } from "./conversation.js";
import type { Change, Message } from "./history/types.js";
import { t } from "./i18n/index.js";
import { newId } from "./ids.js";
import { newChat, type Thread } from "./thread.js";
import { offerUndo } from "./undo.js";

/** What a person changes about messages that are there. Nothing is ever lost by it. */
export class Edits {
  readonly #thread: Thread;
  readonly #view: Conversation;
  readonly #changed: () => void;

  constructor(thread: Thread, view: Conversation, changed: () => void) {
    this.#thread = thread;
    this.#view = view;
    this.#changed = changed;
  }

  /**
   * Changed words. Those of the person become a new version, which is to be answered (true); those
   * of a model change in place, and the old ones become the version before.
   */
  edit(id: string, text: string): boolean {
    const { tree } = this.#thread;
    const message = tree.get(id);
    if (!message || text === message.text) return false;
    if (message.role === "user") {
      const { files, parent } = message;
      this.#thread.add(this.#thread.message("user", parent, { text, files }));
      return true;
    }
    const before: Message = { ...message, id: newId(), at: message.at - 1 };
    tree.put(before);
    const { begun: _ids, ...rest } = message; // they are not these words any more
    const edited: Message = { ...rest, text, edited: true };
    this.#thread.add(edited, [{ op: "message", message: before }], tree.leaf);
    return false;
  }

  /** Shows another version of a message. */
  version(id: string): void {
    const { chat, tree } = this.#thread;
    if (!chat) return;
    tree.show(id);
    this.#thread.put({ ...chat, leaf: tree.leaf });
    this.#thread.show();
    const versions = tree.versions(id);
    const at = versions.findIndex((version) => version.id === id) + 1;
    announce(t("say.version", { a: at, b: versions.length }));
    this.#changed();
  }

  /** Deletes a message of this branch; with one of the person, its answer too. */
  remove(id: string): void {
    const { chat, tree, path } = this.#thread;
    const at = path.findIndex((message) => message.id === id);
    const message = path[at];
    if (!chat || !message) return;
    const next = path[at + 1];
    const gone =
      message.role === "user" && next?.role === "assistant" ? [message, next] : [message];
    const { leaf } = tree;
    for (const old of gone) tree.put({ ...old, deleted: true });
    this.#show();
    const focus = (path[at + gone.length] ?? path[at - 1])?.id;
    if (focus !== undefined) this.#view.focus(focus);
    const back = () => {
      if (this.#thread.chat?.id !== chat.id) return;
      gone.forEach((old) => tree.put(old));
      tree.leaf = leaf;
      this.#show();
    };
    // Until then the history still has it, so nothing is lost with the tab.
    const blank = gone.map((old): Change => {
      const empty = { text: "", thought: "", files: [] };
      return { op: "message", message: { ...old, ...empty, deleted: true } };
    });
    const done = () => {
      const now = { ...(this.#thread.history.chat(chat.id) ?? chat), leaf: tree.leaf };
      void this.#thread.history.commit([{ op: "chat", chat: now }, ...blank]);
    };
    offerUndo(t("deleted.message"), back, done);
  }

  /** A new chat with everything up to a message. Returns its name in addresses. */
  async branch(id: string): Promise<string | null> {
    const { chat, tree, history } = this.#thread;
    if (!chat) return null;
    const copy = newChat(nextTitle(chat.title), chat.setup);
    let parent: string | null = null;
    const changes: Change[] = [];
    for (const message of tree.path(id)) {
      const next: Message = { ...message, id: newId(), chat: copy.id, parent };
      changes.push({ op: "message", message: next });
      parent = next.id;
    }
    await history.commit([{ op: "chat", chat: { ...copy, leaf: parent } }, ...changes]);
    return copy.id;
  }

  rename(title: string): void {
    const { chat } = this.#thread;
    if (chat) this.#thread.put({ ...chat, title });
    this.#changed();
  }

  #show(): void {
    this.#thread.show();
    this.#changed();
  }
}

/** "Bakery" → "Bakery (2)" → "Bakery (3)". */
function nextTitle(title: string): string {
  const found = /^(.*) \((\d+)\)$/.exec(title);
  return found ? `${found[1]} (${Number(found[2]) + 1})` : `${title} (2)`;
}
