import type { EngineError, Model, Progress, Source, StoredModel } from "@ingle/engine";

import { announce } from "./announce.js";
import { type Action, errorCard, noteCard, ProgressCard } from "./cards.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { byId, openDrawer } from "./dom.js";
import { bytes, count } from "./format.js";
import { Host } from "./host.js";
import { acceptDrops, acceptPicks, noModelView, openSwitcher, pickFile, readyView, showStored } from "./models.js";
import { countRequests, openLedger, showRequests } from "./privacy.js";
import { loadSettings, openSetup } from "./settings.js";

/** Joins the parts of the page: one engine, one model, one conversation. */
export class App {
  readonly #host = new Host();
  readonly #conversation = new Conversation();
  readonly #settings = loadSettings();
  readonly #composer = new Composer({ send: (text) => this.#send(text), stop: () => this.#chat.stop() });
  readonly #chat = new Chat(this.#conversation, this.#settings, {
    writing: (writing) => this.#composer.setWriting(writing),
    figures: (used) => this.#showGauge(used),
    failed: (error) => this.#answerFailed(error),
  });
  readonly #actions = {
    load: (source: Source) => void this.load(source),
    remove: (model: StoredModel) => void this.#remove(model),
  };
  /** A message sent before the model was ready. */
  #waiting: { text: string; line: (text: string) => void } | null = null;
  #stored: StoredModel[] = [];
  #noted = false;

  start(): void {
    this.#host.onGone = (error) => this.#engineGone(error);
    acceptDrops(this.#actions);
    acceptPicks(this.#actions);
    this.#listen();
    this.newChat();
    void this.#begin();
  }

  async #begin(): Promise<void> {
    this.#status("Starting");
    try {
      await this.#host.engine();
    } catch (error) {
      this.#status("");
      this.#conversation.addCard(errorCard(error as EngineError, "ingle could not start", [
        { label: "Reload", run: () => location.reload() },
      ]));
      return;
    }
    countRequests(); // loading ingle itself is not counted: what comes after its start is
    this.#showDevice();
    await this.#listStored();
    const address = new URLSearchParams(location.search).get("model");
    if (address !== null) void this.load({ url: address });
  }

  newChat(): void {
    this.#chat.stop();
    this.#chat.clear();
    this.#waiting = null;
    this.#showGauge(null);
    this.#conversation.show(
      this.#host.model ? readyView((text) => this.#composer.sendText(text)) : noModelView(this.#actions),
    );
    document.title = "New chat – ingle";
    if (matchMedia("(pointer:fine)").matches) this.#composer.focus();
  }

  async load(source: Source): Promise<void> {
    this.#chat.stop();
    const name = sourceName(source);
    const card = new ProgressCard(name, () => this.#host.cancelLoad());
    if (this.#conversation.isEmpty) this.#conversation.show(noModelView(this.#actions));
    this.#conversation.addCard(card.node);
    card.node.scrollIntoView({ block: "nearest" });
    byId("model-name").textContent = name;
    byId("model-note").textContent = "loading";
    try {
      const model = await this.#host.load(source, (progress) => this.#progress(card, progress));
      card.node.remove();
      this.#loaded(model);
    } catch (error) {
      card.node.remove();
      this.#loadFailed(error as EngineError, source);
    }
    await this.#listStored();
  }

  #progress(card: ProgressCard, progress: Progress): void {
    const short = card.update(progress, this.#host.info?.device ?? "cpu");
    this.#status(short);
    this.#waiting?.line(`Will start when the model is ready. ${short}`);
    showRequests(this.#host.info?.requests.length ?? 0, progress.phase === "transfer");
  }

  #loaded(model: Model): void {
    announce(`${model.info.title} is ready.`);
    this.#showDevice();
    this.#showModel();
    if (this.#conversation.isEmpty) {
      this.#conversation.show(readyView((text) => this.#composer.sendText(text)));
      this.#showNotes();
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) this.#chat.answer(model);
  }

  #loadFailed(error: EngineError, source: Source): void {
    this.#showModel();
    this.#showDevice();
    if (error.code === "aborted") {
      announce("Cancelled. Nothing was kept.");
      this.#waiting?.line("The model was not loaded. Choose one and send again.");
      this.#waiting = null;
      return;
    }
    const again: Action = { label: "Try again", run: () => void this.load(source) };
    const other: Action = { label: "Choose another file", run: pickFile };
    const retry = /^(net|gpu|engine)\./.test(error.code);
    this.#conversation.addCard(
      errorCard(error, "The model could not be loaded", retry ? [again, other] : [other]),
    );
  }

  #answerFailed(error: EngineError): void {
    if (error.code.startsWith("engine.")) return; // #engineGone says it
    const actions = error.code === "ctx.full"
      ? [{ label: "Start a new chat", run: () => this.newChat() }]
      : [{ label: "Choose another model", run: () => this.#openSwitcher() }];
    this.#conversation.addCard(errorCard(error, "The answer could not be written", actions));
  }

  #engineGone(error: EngineError): void {
    const name = this.#current();
    this.#status("");
    const again: Action = { label: "Load the model again", run: () => void this.load({ name: name ?? "" }) };
    this.#conversation.addCard(errorCard(error, "The model stopped", name === null ? [] : [again]));
    this.#lastName = name;
  }

  #lastName: string | null = null;

  #current(): string | null {
    return this.#host.model?.info.name ?? this.#lastName;
  }

  /** Returns whether the text was taken. */
  #send(text: string): boolean {
    const { model } = this.#host;
    if (!model && !this.#host.isLoading) {
      this.#status("Choose a model first. Your text is kept.");
      announce("Choose a model first. Your text is kept.", "urgent");
      document.querySelector<HTMLElement>("[data-ui='model.pick']")?.focus();
      return false;
    }
    if (this.#chat.isEmpty) document.title = `${text.split(/\s+/).slice(0, 6).join(" ").slice(0, 48)} – ingle`;
    this.#chat.say(text);
    announce("Sent.");
    if (model) this.#chat.answer(model);
    else this.#waiting = { text, line: this.#chat.waitLine() };
    return true;
  }

  async #remove(model: StoredModel): Promise<void> {
    try {
      await this.#host.remove(model.name);
      announce(`Deleted ${model.name}.`);
    } catch (error) {
      this.#conversation.addCard(errorCard(error as EngineError, "The model was not deleted", []));
    }
    await this.#listStored();
  }

  async #listStored(): Promise<void> {
    this.#stored = await this.#host.stored().catch(() => []);
    showStored(this.#stored, this.#current(), this.#actions);
    const { quota, usage } = await navigator.storage?.estimate().catch(() => ({}) as StorageEstimate) ?? {};
    byId("storage").hidden = !quota;
    byId("storage-text").textContent = `${bytes(usage ?? 0)} of ${bytes(quota ?? 0)} storage used`;
    const bar = byId<HTMLProgressElement>("storage-bar");
    bar.max = quota ?? 1;
    bar.value = usage ?? 0;
  }

  #openSwitcher(): void {
    openSwitcher(this.#stored, this.#current(), this.#actions);
  }

  #showModel(): void {
    const info = this.#host.model?.info;
    byId("model-name").textContent = info?.title ?? "No model yet";
    byId("model-note").textContent = info ? `${info.weightType}, ${bytes(info.fileBytes)}` : "";
  }

  #showDevice(): void {
    const { info, model } = this.#host;
    showRequests(info?.requests.length ?? 0, false);
    const name = info?.device === "gpu" ? "WebGPU" : "Processor";
    const held = model ? model.info.weightBytes + model.info.kvBytes + model.info.scratchBytes : 0;
    this.#status(name);
    byId("held").textContent = held > 0 ? `${bytes(held)} in use` : "";
    byId("status").title = info?.adapter ?? "";
  }

  /** Says once what is not as it could be. */
  #showNotes(): void {
    const notes = [...(this.#host.info?.notices ?? [])];
    const template = this.#host.model?.info.templateNote;
    const titles: Record<string, string> = {
      "gpu.missing": "Running on the processor",
      "store.memory": "Models are kept in memory",
    };
    if (!this.#noted) {
      for (const { code, message } of notes) this.#conversation.addCard(noteCard(titles[code] ?? code, message));
    }
    this.#noted = true;
    if (template) this.#conversation.addCard(noteCard("This model has no chat template", template));
  }

  #showGauge(used: number | null): void {
    const total = this.#host.model?.info.contextLength ?? 0;
    byId("gauge").hidden = used === null || total === 0;
    byId("hint").hidden = used !== null;
    if (used === null || total === 0) return;
    const bar = byId<HTMLProgressElement>("gauge-bar");
    bar.max = total;
    bar.value = used;
    byId("gauge-text").textContent = `${count(used)} of ${count(total)} tokens`;
  }

  #status(text: string): void {
    byId("status").textContent = text;
  }

  #listen(): void {
    const on = (id: string, run: () => void) => byId(id).addEventListener("click", run);
    on("new-chat", () => this.newChat());
    on("add-model", () => this.#openSwitcher());
    on("model", () => this.#openSwitcher());
    on("setup", () => openSetup(this.#settings));
    on("private", () => void this.#host.refresh().then((info) => openLedger(info)));
    on("menu", openDrawer);
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event: KeyboardEvent): void {
    const mod = event.ctrlKey || event.metaKey;
    const dialog = document.querySelector("dialog[open]");
    if (event.key === "Escape" && !dialog && !event.isComposing) this.#chat.stop();
    else if (mod && event.shiftKey && event.key.toLowerCase() === "o") this.newChat();
    else if (event.altKey && event.key === "ArrowUp") this.#conversation.focusMessage(-1);
    else if (event.altKey && event.key === "ArrowDown") this.#conversation.focusMessage(1);
    else if (event.key === "End" && byId("log").contains(document.activeElement)) this.#conversation.toEnd();
    else return;
    if (event.key !== "Escape") event.preventDefault();
  }
}

function sourceName(source: Source): string {
  if ("name" in source && source.name) return source.name;
  if ("url" in source) return decodeURIComponent(String(source.url).split(/[?#]/, 1)[0]?.split("/").pop() || "the model");
  if ("file" in source) return (source.file instanceof File ? source.file : source.file[0])?.name ?? "the model";
  return "the model";
}

