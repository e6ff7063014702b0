import type { EngineError, Message as Turn } from "@ingle/engine";

import { announce } from "./announce.js";
import type { Context } from "./context.js";
import type { Conversation } from "./conversation.js";
import { titleOf } from "./history/exchange.js";
import type { History } from "./history/history.js";
import { Tree } from "./history/tree.js";
import type { Change, Chat, FileRef, Message, Setup, StoredFile } from "./history/types.js";
import { t } from "./i18n/index.js";
import { newId } from "./ids.js";
import type { Way } from "./message.js";
import type { ChatModel } from "./model.js";
import { defaultSetup } from "./settings.js";
import { offerUndo } from "./undo.js";
import { write } from "./writer.js";

/** A stop that takes longer than this says that it was heard. */
const STOPPING_AFTER_MS = 400;
/** "More careful" and "More varied" change the temperature by this. */
const WAY_STEP = 0.3;

export interface SessionEvents {
  writing(writing: boolean): void;
  /** A new chat got its first message, and with it its name. */
  began(id: string): void;
  /** Another chat, another branch, or another title. */
  changed(): void;
  /** The context is used by this many tokens. */
  figures(used: number): void;
  failed(error: EngineError): void;
  /** The chat is too long, by the model's count. */
  overflow(tokens: number): void;
}

/** The chat on the screen: its tree, what is sent for it, and the answer that is being written. */
export class Session {
  readonly #history: History;
  readonly #view: Conversation;
  readonly #context: Context;
  readonly #events: SessionEvents;
  #chat: Chat | null = null;
  #tree = new Tree([], null);
  #setup: Partial<Setup> = {};
  #stop: AbortController | null = null;
  /** Texts of attached files, as they are sent. */
  readonly #texts = new Map<string, string>();
  /** The answer that waits for a model. */
  #waiting: string | null = null;

  constructor(history: History, view: Conversation, context: Context, events: SessionEvents) {
    this.#history = history;
    this.#view = view;
    this.#context = context;
    this.#events = events;
  }

  get chat(): Chat | null {
    return this.#chat;
  }

  get isEmpty(): boolean {
    return this.#tree.path().length === 0;
  }

  get isWriting(): boolean {
    return this.#stop !== null;
  }

  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  get path(): Message[] {
    return this.#tree.path();
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
    if (this.#chat) this.#put({ ...this.#chat, setup: this.#setup });
  }

  /** An empty chat, which is kept from its first message on. */
  clear(): void {
    this.stop();
    this.#chat = null;
    this.#tree = new Tree([], null);
    this.#setup = {};
    this.#waiting = null;
    this.#view.clear();
    this.#events.changed();
  }

  async open(id: string): Promise<boolean> {
    const chat = this.#history.chat(id);
    if (!chat) return false;
    if (this.#chat?.id === id) return true;
    this.stop();
    const messages = await this.#history.messages(id);
    this.#chat = chat;
    this.#tree = new Tree(messages, chat.leaf);
    this.#setup = chat.setup;
    this.#waiting = null;
    this.#view.clear();
    this.#show();
    this.#view.toEnd();
    this.#events.changed();
    return true;
  }

  /** Another tab has changed something, perhaps this chat. */
  async refresh(): Promise<void> {
    const id = this.#chat?.id;
    if (id === undefined || this.isWriting) return;
    const chat = this.#history.chat(id);
    if (!chat) return this.clear();
    const messages = await this.#history.messages(id);
    if (this.#chat?.id !== id || this.isWriting) return;
    this.#chat = chat;
    this.#tree = new Tree(messages, chat.leaf);
    this.#setup = chat.setup;
    this.#show();
    this.#events.changed();
  }

  /** Adds a message of the person and shows it at the top. */
  say(text: string, files: readonly StoredFile[], counts: readonly (number | null)[]): void {
    const refs = files.map((file, i) => {
      this.#texts.set(file.id, file.text);
      const { id, name } = file;
      return { id, name, bytes: file.text.length, tokens: counts[i] ?? null };
    });
    const first = this.#chat === null;
    const chat = this.#chat ?? newChat(titleOf(text || (files[0]?.name ?? "")), this.#setup);
    const message = this.#message(chat.id, "user", this.#tree.leaf, { text, files: refs });
    const kept = files.map((file): Change => ({ op: "file", file: { ...file, chat: chat.id } }));
    this.#add(chat, message, kept);
    this.#view.placeLast();
    if (first) this.#events.began(chat.id);
    if (first) this.#events.changed();
  }

  /** The answer to the last message waits for a model. */
  wait(line: string): void {
    const message = this.#answerTo(this.#tree.leaf, null);
    this.#waiting = message.id;
    this.#begin(message);
    this.waitLine(line);
  }

  waitLine(line: string): void {
    if (this.#waiting !== null) this.#view.view(this.#waiting)?.line(line);
  }

  /** No model comes: the message stays, and its answer can be asked for again. */
  stopWaiting(line: string): void {
    const message = this.#waiting === null ? null : this.#tree.get(this.#waiting);
    this.#waiting = null;
    if (message) this.#finish({ ...message, state: "stopped", line });
  }

  stop(): void {
    const stop = this.#stop;
    if (!stop || stop.signal.aborted) return;
    stop.abort();
    const id = this.#tree.leaf ?? "";
    setTimeout(() => {
      if (this.#stop === stop) this.#view.view(id)?.line(t("line.stopping"));
    }, STOPPING_AFTER_MS);
  }

  /** Writes the answer to the last message. */
  async answer(model: ChatModel, way: Way = "again"): Promise<void> {
    const waiting = this.#waiting === null ? undefined : this.#tree.get(this.#waiting);
    this.#waiting = null;
    const last = this.#tree.path().at(-1);
    const above = last?.role === "assistant" ? last.parent : (last?.id ?? null);
    const message = waiting
      ? { ...waiting, model: model.title }
      : this.#answerTo(above, model.title);
    await this.#write(model, message, way);
  }

  /** Writes on where an answer ends. */
  async goOn(model: ChatModel, id: string): Promise<void> {
    const message = this.#tree.get(id);
    if (message && !this.isWriting) await this.#write(model, message, "again");
  }

  /** Another answer to the same message; the one before stays. */
  async newVersion(model: ChatModel, id: string, way: Way): Promise<void> {
    const message = this.#tree.get(id);
    if (!message || this.isWriting) return;
    await this.#write(model, this.#answerTo(message.parent, model.title), way);
  }

  /**
   * Changed words. Those of the person become a new version, which is to be answered (true); those
   * of a model change in place, and the old ones become the version before.
   */
  edit(id: string, text: string): boolean {
    const chat = this.#chat;
    const message = this.#tree.get(id);
    if (!chat || !message || text === message.text || this.isWriting) return false;
    if (message.role === "user") {
      const { files, parent } = message;
      this.#add(chat, this.#message(chat.id, "user", parent, { text, files }), []);
      this.#view.placeLast();
      return true;
    }
    const before: Message = { ...message, id: newId(), at: message.at - 1 };
    this.#tree.put(before);
    const leaf = this.#tree.leaf;
    const kept: Change = { op: "message", message: before };
    this.#add(chat, { ...message, text, edited: true, at: message.at }, [kept], leaf);
    return false;
  }

  /** Shows another version of a message. */
  version(id: string): void {
    if (!this.#chat || this.isWriting) return;
    this.#tree.show(id);
    this.#put({ ...this.#chat, leaf: this.#tree.leaf });
    this.#show();
    const versions = this.#tree.versions(id);
    const at = versions.findIndex((version) => version.id === id) + 1;
    announce(t("say.version", { a: at, b: versions.length }));
    this.#events.changed();
  }

  /** Deletes a message of this branch; with one of the person, its answer too. */
  remove(id: string): void {
    const chat = this.#chat;
    const path = this.#tree.path();
    const at = path.findIndex((message) => message.id === id);
    const message = path[at];
    if (!chat || !message || this.isWriting) return;
    const next = path[at + 1];
    const gone = message.role === "user" && next?.role === "assistant" ? [message, next] : [message];
    const { leaf } = this.#tree;
    for (const old of gone) this.#tree.put({ ...old, deleted: true });
    this.#show();
    const focus = (path[at + gone.length] ?? path[at - 1])?.id;
    if (focus !== undefined) this.#view.view(focus)?.node.focus();
    this.#events.changed();
    const back = () => {
      if (this.#chat?.id !== chat.id) return;
      gone.forEach((old) => this.#tree.put(old));
      this.#tree.leaf = leaf;
      this.#show();
      this.#events.changed();
    };
    // Until then the history still has it, so nothing is lost with the tab.
    const blank = gone.map(
      (old): Change => ({
        op: "message",
        message: { ...old, deleted: true, text: "", thought: "", files: [] },
      }),
    );
    offerUndo(t("deleted.message"), back, () => void this.#history.commit(blank));
  }

  /** A new chat with everything up to a message. Returns its name in addresses. */
  async branch(id: string): Promise<string | null> {
    const chat = this.#chat;
    if (!chat) return null;
    const path = this.#tree.path(id);
    const copy = newChat(nextTitle(chat.title), chat.setup);
    let parent: string | null = null;
    const changes: Change[] = [];
    for (const message of path) {
      const next: Message = { ...message, id: newId(), chat: copy.id, parent };
      changes.push({ op: "message", message: next });
      parent = next.id;
    }
    await this.#history.commit([{ op: "chat", chat: { ...copy, leaf: parent } }, ...changes]);
    return copy.id;
  }

  rename(title: string): void {
    if (this.#chat) this.#put({ ...this.#chat, title });
    this.#events.changed();
  }

  /** What is sent for the branch that is shown, up to a message. */
  async turns(to: string | null = this.#tree.leaf): Promise<Turn[]> {
    const { instructions } = this.setup;
    const turns: Turn[] = [];
    if (instructions.trim() !== "") turns.push({ role: "system", content: instructions.trim() });
    for (const { role, text, files } of this.#tree.path(to)) {
      const parts = await Promise.all(files.map((file) => this.#attached(file)));
      turns.push({ role, content: [...parts, text].filter(Boolean).join("\n\n") });
    }
    return turns;
  }

  async #attached({ id, name }: FileRef): Promise<string> {
    const known = this.#texts.get(id);
    const text = known ?? (await this.#history.file(id))?.text ?? "";
    this.#texts.set(id, text);
    return text === "" ? "" : `${name}:\n\`\`\`\n${text}\n\`\`\``;
  }

  async #write(model: ChatModel, message: Message, way: Way): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    const { chat } = message;
    this.#begin(message);
    this.#events.writing(true);
    const goesOn = message.text !== "";
    const all = await this.turns(goesOn ? message.id : message.parent);
    const asked = goesOn ? [...all, { role: "user", content: t("go.on.prompt") } as const] : all;
    const setup = wayOf(this.setup, way);
    const turns = way === "shorter" ? shorter(asked) : asked;
    const tokens = await this.#context.overflow(model, turns);
    let sent: readonly Turn[] = turns;
    let from: string | undefined;
    if (tokens !== null) {
      if (!setup.trim) return this.#tooLong(stop, message, tokens);
      const fitted = await this.#context.fit(model, turns);
      sent = fitted.turns;
      from = this.#tree.path(message.parent)[fitted.left]?.id;
    }
    const view = this.#view.view(message.id);
    if (!view) return;
    const cut = from === undefined ? message : { ...message, from };
    const { signal } = stop;
    const task = { model, history: this.#history, view, message: cut, turns: sent, setup, signal };
    const { message: done, error, promptTokens } = await write(task);
    if (promptTokens !== null) this.#context.learn(model, sent, promptTokens);
    this.#ended(stop);
    // The reader may have gone to another chat: the answer is kept there.
    if (this.#chat?.id !== chat) {
      void this.#history.commit([{ op: "message", message: done }]);
    } else this.#finish(done);
    if (done.used !== undefined) this.#events.figures(done.used);
    if (!error && done.state !== "stopped") view.announce();
    this.#events.writing(this.isWriting);
    if (error) this.#events.failed(error);
  }

  #tooLong(stop: AbortController, message: Message, tokens: number): void {
    this.#ended(stop);
    this.#finish(message.text === "" ? { ...message, deleted: true } : message);
    this.#events.writing(false);
    this.#events.overflow(tokens);
  }

  #ended(stop: AbortController): void {
    if (this.#stop === stop) this.#stop = null;
  }

  #begin(message: Message): void {
    if (!this.#chat) return;
    this.#add(this.#chat, { ...message, state: "writing" }, []);
    this.#view.view(message.id)?.start();
  }

  /** Shows and keeps an answer that has ended. One without a word that failed leaves no trace. */
  #finish(message: Message): void {
    if (!this.#chat) return;
    const isEmpty = message.text === "" && message.thought === "" && message.state === "failed";
    const done = isEmpty ? { ...message, deleted: true } : message;
    this.#view.view(message.id)?.node.removeAttribute("aria-busy");
    this.#add(this.#chat, done, []);
    this.#events.changed();
  }

  #answerTo(parent: string | null, model: string | null): Message {
    const chat = this.#chat?.id ?? "";
    return this.#message(chat, "assistant", parent, model === null ? {} : { model });
  }

  #message(
    chat: string,
    role: Message["role"],
    parent: string | null,
    more: Partial<Message>,
  ): Message {
    const at = Date.now();
    return {
      id: newId(),
      chat,
      parent,
      role,
      at,
      text: "",
      thought: "",
      state: role === "user" ? "whole" : "writing",
      files: [],
      ...more,
    };
  }

  /** Puts a message into the tree, shows it, and keeps both. */
  #add(chat: Chat, message: Message, more: Change[], leaf: string | null = message.id): void {
    this.#tree.put(message);
    if (!message.deleted) this.#tree.leaf = leaf;
    this.#chat = { ...chat, leaf: this.#tree.leaf, updatedAt: Date.now() };
    this.#show();
    const changes: Change[] = [...more, { op: "message", message }];
    void this.#history.commit([{ op: "chat", chat: this.#chat }, ...changes]);
  }

  #put(chat: Chat): void {
    this.#chat = chat;
    void this.#history.commit([{ op: "chat", chat }]);
  }

  #show(): void {
    this.#view.show({ path: this.#tree.path(), versions: (id) => this.#tree.versions(id) });
  }
}

function newChat(title: string, setup: Partial<Setup>): Chat {
  const now = Date.now();
  return { id: newId(), title, createdAt: now, updatedAt: now, leaf: null, setup };
}

/** "Bakery" → "Bakery (2)" → "Bakery (3)". */
function nextTitle(title: string): string {
  const found = /^(.*) \((\d+)\)$/.exec(title);
  return found ? `${found[1]} (${Number(found[2]) + 1})` : `${title} (2)`;
}

function wayOf(setup: Setup, way: Way): Setup {
  const step = way === "careful" ? -WAY_STEP : way === "varied" ? WAY_STEP : 0;
  return { ...setup, creativity: Math.min(2, Math.max(0, setup.creativity + step)) };
}

function shorter(turns: readonly Turn[]): Turn[] {
  const last = turns.at(-1);
  if (!last) return [...turns];
  return [...turns.slice(0, -1), { ...last, content: `${last.content}\n\n${t("shorter.prompt")}` }];
}
