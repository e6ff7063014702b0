import type { EngineError, Message as Turn } from "@ingle/engine";

import type { Context } from "./context.js";
import type { Conversation } from "./conversation.js";
import { Edits } from "./edits.js";
import type { History } from "./history/history.js";
import type { Begun, Chat, Message, Setup, StoredFile } from "./history/types.js";
import { t } from "./i18n/index.js";
import type { Way } from "./message.js";
import type { ChatModel } from "./model.js";
import { Thread } from "./thread.js";
import { write } from "./writer.js";

/** A stop that takes longer than this says that it was heard. */
const STOPPING_AFTER_MS = 400;
/** "More careful" and "More varied" change the temperature by this. */
const WAY_STEP = 0.3;
/** Out of a circle leads neither a small step nor the likeliest word. */
const LOOSER = 1;
const LOOSER_PENALTY = 1.3;

export interface SessionEvents {
  writing(writing: boolean): void;
  /** The chat on the screen is about to be left. */
  left(): void;
  /** A new chat got its first message, and with it its name. */
  began(id: string): void;
  /** Another chat, another branch, or another title. */
  changed(): void;
  /** The context is used by this many tokens. */
  figures(used: number): void;
  failed(error: EngineError): void;
  /** The chat is too long, by the model's count. */
  overflow(tokens: number): void;
  /** An answer was written to its end. */
  answered(): void;
  /** The model has written an answer at this speed, in tokens per second. */
  wrote(model: ChatModel, perSecond: number): void;
  /** An answer was stopped because so many words at its end were the same few. */
  looped(id: string, words: number): void;
}

/** The chat on the screen, what is sent for it, and the answer that is being written. */
export class Session {
  readonly edits: Edits;
  readonly #thread: Thread;
  readonly #history: History;
  readonly #view: Conversation;
  readonly #context: Context;
  readonly #events: SessionEvents;
  #stop: AbortController | null = null;
  /** The answer that waits for a model. */
  #waiting: string | null = null;
  /** The chat that is being read, to be shown unless another is begun. */
  #opening: object | null = null;

  constructor(history: History, view: Conversation, context: Context, events: SessionEvents) {
    this.#history = history;
    this.#view = view;
    this.#context = context;
    this.#events = events;
    this.#thread = new Thread(history, view);
    this.edits = new Edits(this.#thread, view, () => events.changed());
  }

  get chat(): Chat | null {
    return this.#thread.chat;
  }

  get isEmpty(): boolean {
    return this.#thread.path.length === 0;
  }

  get isWriting(): boolean {
    return this.#stop !== null;
  }

  /** A chat is being read. */
  get isOpening(): boolean {
    return this.#opening !== null;
  }

  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  get path(): Message[] {
    return this.#thread.path;
  }

  get setup(): Setup {
    return this.#thread.setup;
  }

  set setup(setup: Setup) {
    this.#thread.setup = setup;
  }

  turns(): Promise<Turn[]> {
    return this.#thread.turns();
  }

  clear(): void {
    this.#events.left();
    this.#opening = null;
    this.stop();
    this.#waiting = null;
    this.#thread.clear();
    this.#events.changed();
  }

  /** False if there is no such chat; null if another was begun before this one was read. */
  async open(id: string): Promise<boolean | null> {
    if (this.chat?.id === id) return true;
    const chat = this.#history.chat(id);
    if (!chat) return false;
    this.#events.left();
    this.stop();
    const opening = {};
    this.#opening = opening;
    const messages = await this.#history.messages(id);
    if (this.#opening !== opening) return null;
    this.#opening = null;
    this.#waiting = null;
    this.#view.clear();
    this.#thread.open(chat, messages);
    this.#view.toEnd();
    this.#events.changed();
    return true;
  }

  /** Another tab has changed something, perhaps this chat. */
  async refresh(): Promise<void> {
    const id = this.chat?.id;
    if (id === undefined || this.isWriting) return;
    const chat = this.#history.chat(id);
    if (!chat) return this.clear();
    const messages = await this.#history.messages(id);
    if (this.chat?.id !== id || this.isWriting) return;
    this.#thread.open(chat, messages);
    this.#events.changed();
  }

  /** Adds a message of the person and shows it at the top. */
  say(text: string, files: readonly StoredFile[], counts: readonly (number | null)[]): void {
    this.#opening = null;
    const isFirst = this.#thread.say(text, files, counts);
    this.#view.placeLast();
    if (!isFirst) return;
    this.#events.began(this.chat?.id ?? "");
    this.#events.changed();
  }

  /** The answer to the last message waits for a model. */
  wait(line: string): void {
    const message = this.#answerTo(this.path.at(-1)?.id ?? null, null);
    this.#waiting = message.id;
    this.#begin(message);
    this.waitLine(line);
    this.#events.writing(true);
  }

  waitLine(line: string): void {
    if (this.#waiting !== null) this.#view.view(this.#waiting)?.line(line);
  }

  /** No model comes: the message stays, and its answer can be asked for again. */
  stopWaiting(line: string): void {
    const message = this.#waiting === null ? null : this.#thread.tree.get(this.#waiting);
    this.#waiting = null;
    if (!message) return;
    this.#finish({ ...message, state: "stopped", line });
    this.#events.writing(this.isWriting);
  }

  stop(): void {
    const stop = this.#stop;
    if (!stop && this.isWaiting) return this.stopWaiting(t("line.stopped.early"));
    if (!stop || stop.signal.aborted) return;
    stop.abort();
    const id = this.#thread.tree.leaf ?? "";
    setTimeout(() => {
      if (this.#stop === stop) this.#view.view(id)?.line(t("line.stopping"));
    }, STOPPING_AFTER_MS);
  }

  /** Writes the answer to the last message. */
  async answer(model: ChatModel): Promise<void> {
    if (this.isWriting) return;
    const waiting = this.#waiting === null ? undefined : this.#thread.tree.get(this.#waiting);
    this.#waiting = null;
    const last = this.path.at(-1);
    const above = last?.role === "assistant" ? last.parent : (last?.id ?? null);
    const message = waiting
      ? { ...waiting, model: model.title }
      : this.#answerTo(above, model.title);
    await this.#write(model, message, "again");
  }

  /**
   * Writes on where an answer ends: behind its last token, or, where its tokens are not known or
   * are another model's, by asking for the rest in words.
   */
  async goOn(model: ChatModel, id: string, way: "again" | "looser" = "again"): Promise<void> {
    const message = this.#thread.tree.get(id);
    if (message && !this.isWriting) await this.#write(model, message, way);
  }

  /** The answer at the end of what is shown, if there is more of it to write. */
  get unfinished(): string | null {
    const last = this.path.at(-1);
    const isWhole = last?.role !== "assistant" || last.state === "whole";
    return isWhole ? null : last.id;
  }

  /** A card's place is at the running answer; this is the line under it. */
  line(text: string): void {
    this.#view.view(this.#thread.tree.leaf ?? "")?.line(text);
  }

  /** Another answer to the same message; the one before stays. */
  async newVersion(model: ChatModel, id: string, way: Way): Promise<void> {
    const message = this.#thread.tree.get(id);
    if (!message || this.isWriting) return;
    await this.#write(model, this.#answerTo(message.parent, model.title), way);
  }

  async #write(model: ChatModel, message: Message, way: Way): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    const setup = wayOf(this.setup, way, model.creativity);
    message = prepared(message, model.idsOf(setup), setup);
    this.#begin(message);
    this.#events.writing(true);
    const turns = await this.#asked(message, way);
    const nBegun = message.begun?.tokens.length ?? 0;
    const tokens = await this.#context.overflow(model, turns, nBegun);
    if (this.chat?.id !== message.chat) return this.#left(stop, message);
    if (tokens !== null && !setup.trim) return this.#tooLong(stop, message, tokens);
    const fitted = tokens === null ? null : await this.#context.fit(model, turns, nBegun);
    const sent = fitted?.turns ?? turns;
    const from = fitted && this.#thread.tree.path(message.parent)[fitted.left]?.id;
    const view = this.#view.view(message.id);
    if (!view) return this.#left(stop, message);
    const cut = from ? { ...message, from } : message;
    const { signal } = stop;
    const history = this.#history;
    const task = { model, history, view, message: cut, turns: sent, setup, signal };
    const { message: done, error, promptTokens, looped, perSecond } = await write(task);
    if (promptTokens !== null) this.#context.learn(model, sent, promptTokens);
    this.#ended(stop);
    // The reader may have gone to another chat: the answer is kept there.
    if (this.chat?.id === message.chat) this.#finish(done);
    else void this.#history.commit([{ op: "message", message: done }]);
    if (done.used !== undefined && this.chat?.id === message.chat)
      this.#events.figures(done.used);
    if (!error && done.state !== "stopped") view.announce();
    this.#events.writing(this.isWriting);
    if (error) this.#events.failed(error);
    else if (done.state === "whole") this.#events.answered();
    if (this.chat?.id !== message.chat) return;
    if (looped > 0) this.#events.looped(message.id, looped);
    if (perSecond !== null) this.#events.wrote(model, perSecond);
  }

  /** What the model gets for an answer. */
  async #asked({ id, parent, text, begun }: Message, way: Way): Promise<Turn[]> {
    if (text === "" || (begun && begun.tokens.length > 0)) {
      const turns = await this.#thread.turns(parent);
      return way === "shorter" ? shorter(turns) : turns;
    }
    return [...(await this.#thread.turns(id)), { role: "user", content: t("go.on.prompt") }];
  }

  #tooLong(stop: AbortController, message: Message, tokens: number): void {
    this.#ended(stop);
    this.#finish(message.text === "" ? { ...message, deleted: true } : message);
    this.#events.writing(false);
    this.#events.overflow(tokens);
  }

  /** The chat was left before the model was asked: the answer can be asked for there. */
  #left(stop: AbortController, message: Message): void {
    this.#ended(stop);
    const stopped: Message = { ...message, state: "stopped", line: t("line.stopped.early") };
    void this.#history.commit([{ op: "message", message: stopped }]);
    this.#events.writing(this.isWriting || this.isWaiting);
  }

  #ended(stop: AbortController): void {
    if (this.#stop === stop) this.#stop = null;
  }

  #begin(message: Message): void {
    this.#thread.add({ ...message, state: "writing" });
    this.#view.view(message.id)?.start();
  }

  /** Shows and keeps an answer that has ended. One without a word that failed leaves no trace. */
  #finish(message: Message): void {
    const isEmpty = message.text === "" && message.thought === "" && message.state === "failed";
    this.#view.view(message.id)?.node.removeAttribute("aria-busy");
    this.#thread.add(isEmpty ? { ...message, deleted: true } : message);
    this.#events.changed();
  }

  #answerTo(parent: string | null, model: string | null): Message {
    return this.#thread.message("assistant", parent, model === null ? {} : { model });
  }
}

/** An answer as it is written on: with its tokens where they are known, else with its words. */
function prepared(message: Message, ids: string | null, { seed }: Setup): Message {
  const { begun, ...words } = message;
  if (ids === null) return words;
  if (begun?.ids === ids && begun.tokens.length > 0) {
    // What came behind the last token comes again.
    const text = words.text.slice(0, begun.mark.text);
    return { ...words, text, thought: words.thought.slice(0, begun.mark.thought), begun };
  }
  if (words.text !== "") return words;
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  const mark = { text: 0, thought: 0, part: "before", held: "" };
  const fresh: Begun = { ids, seed: seed ?? random, tokens: [], mark };
  return { ...words, thought: "", begun: fresh };
}

/** `creativity`: the model's own, where a person has chosen none. */
function wayOf(chosen: Setup, way: Way, creativity: number): Setup {
  const setup = { ...chosen, creativity: chosen.creativity ?? creativity };
  if (way === "looser") {
    const repeatPenalty = Math.max(setup.repeatPenalty ?? 0, LOOSER_PENALTY);
    return { ...setup, creativity: Math.max(setup.creativity, LOOSER), repeatPenalty };
  }
  const step = way === "careful" ? -WAY_STEP : way === "varied" ? WAY_STEP : 0;
  return { ...setup, creativity: Math.min(2, Math.max(0, setup.creativity + step)) };
}

function shorter(turns: readonly Turn[]): Turn[] {
  const last = turns.at(-1);
  if (!last) return [...turns];
  return [
    ...turns.slice(0, -1),
    { ...last, content: `${last.content}\n\n${t("shorter.prompt")}` },
  ];
}
