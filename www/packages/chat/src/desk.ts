import type { EngineError, StoredModel } from "@ingle/engine";

import { announce } from "./announce.js";
import { sayFull, sayOpened } from "./bars.js";
import type { Action } from "./cards.js";
import { chatItems } from "./chat-menu.js";
import { Composer, type Outgoing } from "./composer.js";
import { Context } from "./context.js";
import { Conversation } from "./conversation.js";
import { Counting } from "./counting.js";
import { byId } from "./dom.js";
import { saveChat, saveFile } from "./exporting.js";
import { showGauge } from "./gauge.js";
import { showStatus } from "./header.js";
import { History } from "./history/history.js";
import type { Opened } from "./history/protocol.js";
import type { Chat, FileRef } from "./history/types.js";
import type { Host } from "./host.js";
import { t } from "./i18n/index.js";
import { menuButton } from "./menu.js";
import type { MessageActions, Way } from "./message.js";
import type { ChatModel } from "./model.js";
import { Session } from "./session.js";
import { Remarks } from "./remarks.js";
import { CREATIVITY } from "./settings.js";
import { openSetup } from "./setup.js";
import { Sidebar } from "./sidebar.js";
import { CONTEXTS, TooLong } from "./too-long.js";
import { offerUndo } from "./undo.js";

export interface DeskEvents {
  failed(error: EngineError): void;
  openSwitcher(): void;
  openChat(id: string | null): void;
  /** Loads the model again with this many tokens of context. */
  reload(contextLength: number): void;
  /** The page of a new chat. */
  start(): HTMLElement;
  /** Something else uses the model. */
  busy(): boolean;
  command(line: string): boolean;
  changed(): void;
  /** An answer was written to its end. */
  answered(): void;
  /** A line for a message that waits, if a model can be got for it; else null. */
  comes(): string | null;
}

/** Everything around one conversation: its list, its box, its gauge, and what they do together. */
export class ChatDesk {
  readonly history = new History();
  readonly context = new Context();
  readonly #host: Host;
  readonly #events: DeskEvents;
  readonly #actions: MessageActions = {
    edit: (id, text) => this.#edit(id, text),
    newVersion: (id, way) => this.#newVersion(id, way),
    goOn: (id, trim = false) =>
      this.#withModel((model) => {
        if (trim) this.session.setup = { ...this.session.setup, trim };
        void this.session.goOn(model, id);
      }),
    answer: () => this.again(),
    branch: (id) => void this.#branch(id),
    remove: (id) => this.#idle(() => this.session.edits.remove(id)),
    show: (id) => this.#idle(() => this.session.edits.version(id)),
    openFile: (file) => void this.#openFile(file),
    chooseTemplate: () =>
      this.#host.current?.where.kind === "tab" ? () => this.#host.chooseTemplate() : null,
  };
  readonly view = new Conversation(this.#actions);
  readonly session = new Session(this.history, this.view, this.context, {
    writing: (writing) => this.composer.setWriting(writing),
    left: () => this.composer.takeBack(),
    began: (id) => this.composer.adopt(id),
    changed: () => this.#changed(),
    figures: (used) => this.#counting.show(used),
    failed: (error) => this.#events.failed(error),
    overflow: (tokens) => this.#tooLong.say(tokens),
    answered: () => this.#events.answered(),
    wrote: (model, n) => this.#remarks.wrote(this.session.chat?.id ?? "", model, n),
    looped: (id, words) => this.#remarks.looped(id, words),
  });
  readonly composer = new Composer({
    send: (message) => this.#send(message),
    stop: () => this.session.stop(),
    changed: () => void this.#counting.draft(),
    command: (line) => this.#events.command(line),
    editLast: () => this.#editLast(),
    count: (text) => this.context.tokens(this.#host.current, text),
    room: () => this.#host.current?.contextLength ?? 0,
    roomFor: (tokens) => this.#counting.roomFor(tokens),
  });
  readonly #sidebar = new Sidebar(this.history, {
    rename: (chat, title) => this.#rename(chat, title),
    remove: (chat) => this.removeChat(chat),
    save: (chat, form) => void saveChat(this.history, chat, form),
  });
  readonly #tooLong: TooLong;
  readonly #counting: Counting;
  readonly #remarks = new Remarks({
    addCard: (card) => this.addCard(card),
    removeCard: (card) => this.removeCard(card),
    goOnLooser: (id) => this.#withModel((model) => void this.session.goOn(model, id, "looser")),
  });
  /** To be written when a model is ready: a version by another, or the rest of an answer. */
  #wanted: { readonly id: string; readonly way: "version" | "goOn" } | null = null;

  constructor(host: Host, events: DeskEvents) {
    this.#host = host;
    this.#events = events;
    this.#tooLong = new TooLong(host, this.session, this.context, {
      again: () => this.again(),
      goOn: (id) => this.#actions.goOn(id),
      reload: (n) => this.#events.reload(n),
      begin: (instructions) => this.#begin(instructions),
    });
    const { session, context, composer } = this;
    const choices = () => this.overflowChoices();
    this.#counting = new Counting({ host, session, context, composer, choices });
    this.history.onList = () => this.#sidebar.show(this.session.chat?.id ?? null);
    this.history.onElsewhere = () => void this.session.refresh();
    this.history.onFull = () => this.#full();
    byId("chat-more").append(menuButton(t("chat.actions"), () => chatItems(this), false));
    byId("gauge").addEventListener("click", () => void this.#counting.openSplit());
  }

  /** Reads the list of chats. */
  open(): Promise<Opened> {
    return this.history.open();
  }

  /** What there is to say about the chats that were found, and those that were not. */
  sayOpened(opened: Opened, models: readonly StoredModel[]): void {
    const save = () => void this.saveCurrent("markdown");
    sayOpened(opened, this.history.chats.length, models, save);
  }

  get isEmpty(): boolean {
    return this.session.isEmpty;
  }

  addCard(card: HTMLElement): void {
    this.view.addCard(card);
  }

  removeCard(card: HTMLElement): void {
    this.view.removeCard(card);
  }

  /** Draws the page of a new chat as things stand now, if the chat is new; its cards stay. */
  showStart(): void {
    if (this.isEmpty) this.view.showStart(this.#events.start());
  }

  /** The same without what was said there before. */
  startAnew(): void {
    if (this.isEmpty) this.view.clear();
    this.showStart();
  }

  newChat(): void {
    this.session.clear();
    this.composer.open(null);
    this.startAnew();
    showGauge(null);
  }

  /** False if there is no such chat. */
  async openChat(id: string): Promise<boolean> {
    const found = await this.session.open(id);
    if (!found) return found === null;
    this.composer.open(id);
    this.#counting.show(this.session.path.findLast(({ used }) => used !== undefined)?.used ?? 0);
    return true;
  }

  toMessage(id: string): void {
    if (!this.session.path.some((message) => message.id === id)) this.session.edits.version(id);
    this.view.toMessage(id);
  }

  /** A model is there: what waited for it begins. */
  modelReady(model: ChatModel): void {
    this.composer.attachments.recount();
    const wanted = this.#wanted;
    this.#wanted = null;
    if (this.session.isWaiting) void this.session.answer(model);
    else if (wanted?.way === "version") void this.session.newVersion(model, wanted.id, "again");
    else if (wanted) void this.session.goOn(model, wanted.id);
    else void this.#counting.draft();
  }

  /** The answer that is not whole, or has not begun, goes on as soon as a model is loaded. */
  goOnWhenReady(): void {
    const id = this.session.unfinished;
    if (id !== null) this.#wanted = { id, way: "goOn" };
    else if (this.session.path.at(-1)?.role === "user") this.session.wait(t("wait"));
  }

  /** Writes the answer on that is not whole, or begins the one that has no word yet. */
  goOnLast(): void {
    const id = this.session.unfinished;
    if (id === null) this.again();
    else this.#actions.goOn(id);
  }

  /** Answers what was said last once more. */
  again(): void {
    this.#withModel((model) => void this.session.answer(model));
  }

  openSetup(): void {
    const model = this.#host.current;
    const contexts = model
      ? CONTEXTS.filter((n) => n <= model.contextLimit).concat(
          CONTEXTS.includes(model.contextLength) ? [] : [model.contextLength],
        )
      : [];
    openSetup({
      setup: this.session.setup,
      change: (setup) => (this.session.setup = setup),
      count: (text) => this.context.tokens(this.#host.current, text),
      contexts: contexts.sort((a, b) => a - b),
      context: model?.contextLength ?? 0,
      creativity: model?.creativity ?? CREATIVITY,
      reload: (n) => this.#events.reload(n),
    });
  }

  /** The words of the answer at the end, as far as it came. */
  get lastText(): string {
    const last = this.session.path.at(-1);
    return last?.role === "assistant" ? last.text : "";
  }

  copyLast(): void {
    const last = this.session.path.findLast(({ role }) => role === "assistant");
    if (last) void navigator.clipboard.writeText(last.text).then(() => announce(t("say.copied")));
  }

  async saveCurrent(form: "markdown" | "json"): Promise<void> {
    if (this.session.chat) await saveChat(this.history, this.session.chat, form);
  }

  removeChat(chat: Chat): void {
    const isShown = this.session.chat?.id === chat.id;
    void this.history.commit([{ op: "chat", chat: { ...chat, deletedAt: Date.now() } }]);
    if (isShown) this.#events.openChat(null);
    const back = () => {
      void this.history.commit([{ op: "chat", chat }]);
      if (isShown) this.#events.openChat(chat.id);
    };
    const drop = () => void this.history.commit([{ op: "drop", id: chat.id }]);
    offerUndo(t("deleted.chat", { title: chat.title }), back, drop);
  }

  /** Ways on when a chat is longer than the model can read. */
  overflowChoices(): Action[] {
    return this.#tooLong.choices();
  }

  /** Returns whether the message was taken. */
  #send({ text, files, counts }: Outgoing): boolean {
    const { current: model, isLoading } = this.#host;
    const refuse = (words: string) => {
      showStatus(words);
      announce(words, "urgent");
      return false;
    };
    if (this.#events.busy()) return refuse(t("bench.busy"));
    const comes = this.#events.comes();
    if (!model && comes === null) {
      document.querySelector<HTMLElement>("[data-ui='model.pick']")?.focus();
      return refuse(t("model.first"));
    }
    this.#tooLong.close();
    this.session.say(text, files, counts);
    announce(t("say.sent"));
    if (model && !isLoading) void this.session.answer(model);
    else this.session.wait(comes ?? t("wait"));
    this.view.placeLast();
    return true;
  }

  #withModel(run: (model: ChatModel) => void): void {
    const { current } = this.#host;
    if (current && !this.#events.busy()) run(current);
    else this.#events.openSwitcher();
  }

  /** The tree is left alone while an answer is written into it. */
  #idle(run: () => void): void {
    if (!this.session.isWriting) run();
  }

  #edit(id: string, text: string): void {
    if (this.session.isWriting || !this.session.edits.edit(id, text)) return;
    this.#withModel((model) => void this.session.answer(model));
    this.view.placeLast();
  }

  #editLast(): void {
    const last = this.session.path.findLast(({ role }) => role === "user");
    if (last) this.view.edit(last.id);
  }

  #newVersion(id: string, way: Way): void {
    if (way !== "model")
      return this.#withModel((model) => void this.session.newVersion(model, id, way));
    this.#wanted = { id, way: "version" };
    this.#events.openSwitcher();
  }

  async #branch(id: string): Promise<void> {
    const chat = await this.session.edits.branch(id);
    if (chat !== null) this.#events.openChat(chat);
  }

  async #openFile({ id, name }: FileRef): Promise<void> {
    const file = await this.history.file(id);
    if (file) saveFile(name, "text/plain", file.text);
  }

  #rename(chat: Chat, title: string): void {
    if (this.session.chat?.id === chat.id) this.session.edits.rename(title);
    else void this.history.commit([{ op: "chat", chat: { ...chat, title } }]);
  }

  #changed(): void {
    const { chat } = this.session;
    this.#sidebar.show(chat?.id ?? null);
    this.#tooLong.close();
    this.#events.changed();
  }

  /** A new chat with instructions, which are shown. */
  #begin(instructions: string): void {
    const { setup } = this.session;
    this.#events.openChat(null);
    this.newChat();
    this.session.setup = { ...setup, instructions };
    this.openSetup();
  }

  #full(): void {
    sayFull(() => void this.saveCurrent("markdown"));
  }
}
