import { EngineError, type Progress, type StoredModel } from "@ingle/engine";

import { announce } from "./announce.js";
import { BenchPage } from "./bench/page.js";
import { type Action, errorCard, noteCard, ProgressCard } from "./cards.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { DoctorPage } from "./doctor/page.js";
import { byId, openDrawer } from "./dom.js";
import { showComing, showDevice, showGauge, showModel, showStatus } from "./header.js";
import { type AnySource, Host } from "./host.js";
import type { ChatModel } from "./model.js";
import { acceptDrops, acceptPicks, noModelView, pickFile, readyView } from "./models.js";
import { countRequests, openLedger, showRequests } from "./privacy.js";
import { askForToken } from "./server/list.js";
import { loadSettings, openSetup } from "./settings.js";
import { Shelf } from "./shelf.js";

/** The worker has ended: every call that waited fails with one of these. */
const GONE = new Set(["engine.crash", "engine.killed", "engine.stopped"]);

/** Pages beside the conversation, by their address. */
const PAGES: Readonly<Record<string, string>> = { bench: "Bench", doctor: "Doctor" };

/** Joins the parts of the page: its engine and its server, one model, one conversation. */
export class App {
  readonly #host = new Host();
  readonly #conversation = new Conversation();
  readonly #settings = loadSettings();
  readonly #composer = new Composer({
    send: (text) => this.#send(text),
    stop: () => this.#chat.stop(),
  });
  readonly #chat = new Chat(this.#conversation, this.#settings, {
    writing: (writing) => this.#composer.setWriting(writing),
    figures: (used) => showGauge(used, this.#host.current?.contextLength ?? 0),
    failed: (error) => this.#answerFailed(error),
  });
  readonly #bench = new BenchPage(this.#host);
  readonly #doctor = new DoctorPage(this.#host);
  readonly #actions = {
    load: (source: AnySource) => void this.load(source),
    remove: (model: StoredModel) => void this.#remove(model),
  };
  readonly #shelf = new Shelf(this.#host, this.#actions, (models) => this.#bench.offer(models));
  /** A message sent before the model was ready. */
  #waiting: { text: string; line: (text: string) => void } | null = null;
  #noted = false;
  /** The conversation's title, while another page is shown. */
  #chatTitle = document.title;

  start(): void {
    this.#host.onGone = (error) => this.#engineGone(error);
    acceptDrops(this.#actions);
    acceptPicks(this.#actions);
    this.#listen();
    this.newChat();
    addEventListener("hashchange", () => this.#route());
    this.#route();
    void this.#begin();
  }

  /** Shows the page that the address names. */
  #route(): void {
    const page = Object.keys(PAGES).find((name) => location.hash === `#/${name}`);
    for (const id of ["log", "foot", "model"]) byId(id).hidden = page !== undefined;
    for (const name of Object.keys(PAGES)) {
      byId(name).hidden = page !== name;
      byId(`to-${name}`).toggleAttribute("aria-current", page === name);
    }
    if (byId("page-name").hidden && page) this.#chatTitle = document.title;
    byId("page-name").hidden = !page;
    byId("page-name").textContent = page ? (PAGES[page] ?? "") : "";
    if (page) this.#chat.stop();
    if (page === "bench") this.#bench.offer(this.#shelf.choices.stored);
    if (page === "doctor") this.#doctor.show(byId("doctor"));
    else this.#doctor.hide();
    byId("skip").textContent = page ? "Skip to the page" : "Skip to the message box";
    document.title = page ? `${PAGES[page]} – ingle` : this.#chatTitle;
  }

  async #begin(): Promise<void> {
    showStatus("Starting");
    const [failure] = await Promise.all([this.#startEngine(), this.#shelf.listServed()]);
    // Loading ingle itself is not counted: what comes after its start is.
    countRequests(this.#host.server?.client ?? null);
    this.#showFigures();
    await this.#shelf.listStored();
    if (failure) return this.#notStarted(failure);
    const address = new URLSearchParams(location.search).get("model");
    if (address !== null) void this.load({ url: address });
  }

  /** Why this browser cannot run models; the server's can be used all the same. */
  async #startEngine(): Promise<EngineError | null> {
    return this.#host.engine().then(
      () => null,
      (error: unknown) => EngineError.from(error),
    );
  }

  #notStarted(failure: EngineError): void {
    const again = { label: "Reload", run: () => location.reload() };
    this.#conversation.addCard(
      failure.code === "engine.insecure" && this.#host.server
        ? noteCard("Models run on the server only", failure.message)
        : errorCard(failure, "ingle could not start", [again]),
    );
  }

  newChat(): void {
    if (!byId("page-name").hidden) location.hash = "#/";
    this.#chat.stop();
    this.#chat.clear();
    this.#waiting = null;
    showGauge(null, 0);
    this.#showStart();
    document.title = this.#chatTitle = "New chat – ingle";
    if (matchMedia("(pointer:fine)").matches) this.#composer.focus();
  }

  /** The page of a new chat. */
  #showStart(): void {
    const { current } = this.#host;
    this.#conversation.show(
      current
        ? readyView(current, (text) => this.#composer.sendText(text))
        : noModelView(this.#shelf.choices, this.#actions),
    );
  }

  async load(source: AnySource): Promise<void> {
    this.#chat.stop();
    this.#bench.stop();
    const name = sourceName(source);
    const place = this.#host.server?.title.replace(/^On/, "on") ?? "";
    const title = "served" in source ? `Loading ${name} ${place}` : undefined;
    const card = new ProgressCard(name, () => this.#host.cancelLoad(), title);
    if (this.#conversation.isEmpty)
      this.#conversation.show(noModelView(this.#shelf.choices, this.#actions));
    this.#conversation.addCard(card.node);
    card.node.scrollIntoView({ block: "nearest" });
    showComing(name);
    try {
      const model = await this.#host.load(source, (progress) => this.#progress(card, progress));
      card.node.remove();
      this.#loaded(model);
    } catch (error) {
      card.node.remove();
      this.#loadFailed(EngineError.from(error), source);
      // It may have gone, and others may have come.
      if ("served" in source) void this.#shelf.listServed();
    }
    await this.#shelf.listStored();
  }

  #progress(card: ProgressCard, progress: Progress): void {
    const short = card.update(progress, this.#host.info?.device ?? "cpu");
    showStatus(short);
    this.#waiting?.line(`Will start when the model is ready. ${short}`);
    showRequests(this.#host.info?.requests.length ?? 0, progress.phase === "transfer");
  }

  #loaded(model: ChatModel): void {
    announce(`${model.title} is ready.`);
    this.#showFigures();
    if (this.#conversation.isEmpty) {
      this.#showStart();
      this.#showNotes(model);
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting) this.#chat.answer(model);
  }

  #loadFailed(error: EngineError, source: AnySource): void {
    this.#showFigures();
    if (error.code === "aborted") {
      announce("Cancelled. Nothing was kept.");
      this.#waiting?.line("The model was not loaded. Choose one and send again.");
      this.#waiting = null;
      return;
    }
    if (GONE.has(error.code)) return; // #engineGone says it
    const reset = error.code.startsWith("gpu.") ? this.#host.reset() : Promise.resolve();
    const again: Action = {
      label: "Try again",
      run: () => void reset.then(() => this.load(source)),
    };
    const other: Action =
      "served" in source
        ? { label: "Choose another model", run: () => this.#shelf.openSwitcher() }
        : { label: "Choose another file", run: pickFile };
    const retry = /^(net|gpu|engine|server)\./.test(error.code);
    const first = error.code === "server.token" ? this.#tokenThen(again.run) : again;
    this.#conversation.addCard(
      errorCard(error, "The model could not be loaded", retry ? [first, other] : [other]),
    );
  }

  #answerFailed(error: EngineError): void {
    if (GONE.has(error.code)) return; // #engineGone says it
    this.#conversation.addCard(
      errorCard(error, "The answer could not be written", this.#waysOn(error)),
    );
  }

  #waysOn({ code }: EngineError): Action[] {
    const name = this.#host.lastName;
    const other: Action = { label: "Choose another model", run: () => this.#shelf.openSwitcher() };
    if (code.startsWith("server.")) {
      const { current } = this.#host;
      const again = () => void (current && this.#chat.again(current));
      const first = code === "server.token" ? this.#tokenThen(again) : null;
      return [first ?? { label: "Try again", run: again }, other];
    }
    if (code === "ctx.full") return [{ label: "Start a new chat", run: () => this.newChat() }];
    if (code === "gpu.lost" && name !== null) {
      const again = () => void this.#host.reset().then(() => this.load({ name }));
      return [{ label: "Load the model again", run: again }];
    }
    return [other];
  }

  #tokenThen(then: () => void): Action {
    const { server } = this.#host;
    return { label: "Give the token", run: () => server && askForToken(server, then) };
  }

  #engineGone(error: EngineError): void {
    const name = this.#host.lastName;
    showStatus("");
    const again: Action = {
      label: "Load the model again",
      run: () => void this.load({ name: name ?? "" }),
    };
    this.#conversation.addCard(errorCard(error, "The model stopped", name === null ? [] : [again]));
  }

  /** Returns whether the text was taken. */
  #send(text: string): boolean {
    const { current: model } = this.#host;
    if (this.#bench.isRunning) {
      showStatus("The bench is running. Your text is kept.");
      announce("The bench is running. Your text is kept.", "urgent");
      return false;
    }
    if (!model && !this.#host.isLoading) {
      showStatus("Choose a model first. Your text is kept.");
      announce("Choose a model first. Your text is kept.", "urgent");
      document.querySelector<HTMLElement>("[data-ui='model.pick']")?.focus();
      return false;
    }
    if (this.#chat.isEmpty)
      document.title = `${text.split(/\s+/).slice(0, 6).join(" ").slice(0, 48)} – ingle`;
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
    await this.#shelf.listStored();
  }

  /** Says once what is not as it could be. */
  #showNotes(model: ChatModel): void {
    // What the browser lacks is of no concern to a model elsewhere.
    if (model.where.kind !== "tab") return;
    const notes = [...(this.#host.info?.notices ?? [])];
    const template = model.templateNote;
    const titles: Record<string, string> = {
      "gpu.missing": "Running on the processor",
      "store.memory": "Models are kept in memory",
    };
    if (!this.#noted) {
      for (const { code, message } of notes)
        this.#conversation.addCard(noteCard(titles[code] ?? code, message));
    }
    this.#noted = true;
    if (template) this.#conversation.addCard(noteCard("This model has no chat template", template));
  }

  #showFigures(): void {
    showModel(this.#host.current);
    showDevice(this.#host.info, this.#host.current);
  }

  #listen(): void {
    const on = (id: string, run: () => void) => byId(id).addEventListener("click", run);
    on("new-chat", () => this.newChat());
    on("add-model", () => this.#shelf.openSwitcher());
    on("model", () => this.#shelf.openSwitcher());
    on("setup", () => openSetup(this.#settings));
    on("private", () => void this.#host.refresh().then((info) => openLedger(info)));
    on("menu", openDrawer);
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address names the page, not a place in it
      const page = Object.keys(PAGES).find((name) => !byId(name).hidden);
      byId(page ?? "ask").focus();
    });
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event: KeyboardEvent): void {
    const mod = event.ctrlKey || event.metaKey;
    const dialog = document.querySelector("dialog[open]");
    if (event.key === "Escape" && !dialog && !event.isComposing) this.#chat.stop();
    else if (mod && event.shiftKey && event.key.toLowerCase() === "o") this.newChat();
    else if (event.altKey && event.key === "ArrowUp") this.#conversation.focusMessage(-1);
    else if (event.altKey && event.key === "ArrowDown") this.#conversation.focusMessage(1);
    else if (event.key === "End" && byId("log").contains(document.activeElement))
      this.#conversation.toEnd();
    else return;
    if (event.key !== "Escape") event.preventDefault();
  }
}

function sourceName(source: AnySource): string {
  if ("served" in source) return source.served.name.replace(/:latest$/, "");
  if ("name" in source && source.name) return source.name;
  if ("url" in source)
    return decodeURIComponent(
      String(source.url).split(/[?#]/, 1)[0]?.split("/").pop() || "the model",
    );
  if ("file" in source)
    return (source.file instanceof File ? source.file : source.file[0])?.name ?? "the model";
  return "the model";
}
