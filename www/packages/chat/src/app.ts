import { EngineError, type StoredModel } from "@ingle/engine";

import { announce } from "./announce.js";
import { BenchPage } from "./bench/page.js";
import { errorCard } from "./cards.js";
import { commands, runTyped } from "./commands.js";
import { sayOffline } from "./connection.js";
import { ChatDesk } from "./desk.js";
import { isDemo, keepDemoAway } from "./demo.js";
import { DoctorPage } from "./doctor/page.js";
import { byId, openDrawer } from "./dom.js";
import { nameShown } from "./format.js";
import { showDevice, showModel, showStatus } from "./header.js";
import { type AnySource, Host } from "./host.js";
import { chooseHost } from "./hosts.js";
import { t } from "./i18n/index.js";
import { listenKeys } from "./keys.js";
import { GONE, Loader } from "./loader.js";
import { type ChatModel, TabModel } from "./model.js";
import { acceptDrops, acceptPicks } from "./models.js";
import { chipGivenUp, Notes } from "./notes.js";
import { Opening } from "./opening.js";
import { KeysPage } from "./pages/keys.js";
import { ModelsPage } from "./pages/models.js";
import { PrivacyPage } from "./pages/privacy.js";
import { SettingsPage } from "./pages/settings.js";
import { type Command, openPalette } from "./palette.js";
import { openLedger } from "./privacy.js";
import { Recovery } from "./recovery.js";
import { Router } from "./router.js";
import { Shelf } from "./shelf.js";
import { Ways } from "./ways.js";

/** Joins the parts of the page: its engine and its server, its chats, its pages. */
export class App {
  readonly #host = new Host();
  readonly #desk = new ChatDesk(this.#host, {
    failed: (error) => this.#answerFailed(error),
    openSwitcher: () => this.#shelf.openSwitcher(),
    openChat: (id) => this.#goTo(id),
    reload: (contextLength) => void this.#loader.reload(contextLength),
    start: () => this.#opening.startView(),
    busy: () => this.#bench.isRunning,
    command: (line) => runTyped(line, this.#parts),
    changed: () => this.#showChat(),
    answered: () => this.#opening.answered(),
    comes: () => this.#opening.comes(),
  });
  readonly #bench = new BenchPage(this.#host);
  readonly #actions = {
    load: (source: AnySource) => void this.load(source),
    remove: (model: StoredModel) => this.#remove(model),
  };
  readonly #shelf = new Shelf(this.#host, this.#actions, (models) => this.#offer(models));
  readonly #loader = new Loader(this.#host, {
    addCard: (card) => this.#desk.addCard(card),
    removeCard: (card) => this.#desk.removeCard(card),
    waitLine: (text) => this.#desk.session.waitLine(text),
    loaded: (model) => this.#loaded(model),
    ended: () => this.#loadEnded(),
    openSwitcher: () => this.#shelf.openSwitcher(),
    refreshServed: () => void this.#shelf.listServed(),
  });
  readonly #models = new ModelsPage(this.#host, this.#shelf, this.#actions);
  readonly #router = new Router(
    {
      models: this.#models,
      bench: {
        title: "bench",
        show: () => this.#offer(this.#shelf.choices.stored),
      },
      doctor: new DoctorPage(this.#host),
      settings: new SettingsPage(this.#host, this.#desk),
      privacy: new PrivacyPage(this.#host, this.#desk),
      keys: new KeysPage(),
    },
    (id) => void this.#openChat(id),
  );
  readonly #recovery = this.#makeRecovery();
  readonly #ways = new Ways({
    host: this.#host,
    desk: this.#desk,
    loader: this.#loader,
    load: (name) => this.load({ name }),
    openSwitcher: () => this.#shelf.openSwitcher(),
  });
  readonly #parts = {
    desk: this.#desk,
    shelf: this.#shelf,
    newChat: () => this.newChat(),
  };
  readonly #opening = new Opening({
    host: this.#host,
    desk: this.#desk,
    shelf: this.#shelf,
    router: this.#router,
    pulls: this.#models.pulls,
    actions: this.#actions,
    load: (source) => this.load(source, { stay: true }),
    get: (address) => this.#models.get(address),
    loaded: (model) => this.#loaded(model),
    showFigures: () => this.#showFigures(),
  });
  readonly #notes = new Notes((done) => this.#host.chooseTemplate(done));

  start(): void {
    this.#host.onGone = (error) => this.#engineGone(error);
    this.#host.onState = (state) => this.#recovery.take(state);
    this.#host.onNotice = ({ code }) => {
      if (code === "gpu.lost") this.#desk.addCard(chipGivenUp());
    };
    acceptDrops(this.#actions, this.#desk);
    acceptPicks(this.#actions);
    this.#listen();
    this.#desk.newChat();
    void this.#opening.begin().then(() => {
      sayOffline(() => this.#shelf.choices.stored.length);
    });
  }

  #makeRecovery(): Recovery {
    const [host, desk] = [this.#host, this.#desk];
    return new Recovery({
      get isWriting() {
        return desk.session.isWriting;
      },
      addCard: (card) => desk.addCard(card),
      removeCard: (card) => desk.removeCard(card),
      line: (text) => desk.session.line(text),
      status: showStatus,
      ready: () => void host.again().then(() => this.#showFigures()),
      lost: () => (host.current instanceof TabModel ? host.current : null),
    });
  }

  /** Loads a model and shows the conversation; `stay` leaves the page that the address names. */
  async load(source: AnySource, { stay = false } = {}): Promise<void> {
    if ("url" in source) {
      if (this.#models.mayNot(String(source.url))) return void (location.hash = "#/models");
      chooseHost(String(source.url));
    }
    // A bench that was begun meanwhile loads what it measures; nobody asked for this model now.
    if (stay && this.#bench.isRunning) return;
    // A message that waits for a model is answered by this one.
    if (!this.#desk.session.isWaiting) this.#desk.session.stop();
    this.#bench.stop();
    const { page } = this.#router;
    if (!stay && page !== null && page !== "models") location.hash = "#/";
    this.#desk.startAnew();
    await this.#loader.load(source);
    await this.#shelf.listStored();
  }

  #loaded(model: ChatModel): void {
    this.#showFigures();
    if (this.#desk.isEmpty) {
      this.#desk.startAnew();
      const notices = this.#host.info?.notices ?? [];
      for (const card of this.#notes.of(model, notices)) this.#desk.addCard(card);
    }
    this.#desk.modelReady(model);
  }

  #loadEnded(): void {
    this.#showFigures();
    if (!this.#host.isLoading) this.#desk.session.stopWaiting(t("wait.cancelled"));
  }

  #offer(models: readonly StoredModel[]): void {
    this.#bench.offer(models);
  }

  #answerFailed(error: EngineError): void {
    if (GONE.has(error.code) && this.#host.isGone) return; // #engineGone says it
    this.#recovery.close();
    this.#desk.addCard(this.#ways.answerFailed(error));
  }

  #engineGone(error: EngineError): void {
    showStatus("");
    this.#desk.addCard(this.#ways.engineGone(error));
  }

  async #remove(model: StoredModel): Promise<void> {
    try {
      await this.#host.remove(model.name);
      if (isDemo(model.name)) keepDemoAway();
      announce(t("say.removed", { name: nameShown(model.name) }));
    } catch (error) {
      this.#desk.addCard(errorCard(EngineError.from(error), t("remove.failed"), []));
    }
    await this.#shelf.listStored();
  }

  #showFigures(): void {
    showModel(this.#host.current);
    showDevice(this.#host.info, this.#host.current);
  }

  async #openChat(id: string | null): Promise<void> {
    this.#bench.stop();
    if (id === null) {
      const { chat, isOpening } = this.#desk.session;
      if (chat || isOpening) this.#desk.newChat();
    } else if (!(await this.#desk.openChat(id))) location.replace("#/");
  }

  /** The address follows the chat, and the chat the address. */
  #goTo(id: string | null): void {
    const address = id === null ? "#/" : `#/c/${id}`;
    if (location.hash === address) this.#router.route();
    else location.hash = address;
  }

  #showChat(): void {
    const { chat } = this.#desk.session;
    this.#router.chatTitle = chat?.title || t("chat.new");
    if (chat && this.#router.page === null && location.hash !== `#/c/${chat.id}`)
      history.pushState(null, "", `#/c/${chat.id}`);
  }

  newChat(): void {
    if (this.#router.page !== null || location.hash.startsWith("#/c/"))
      history.pushState(null, "", "#/");
    this.#desk.newChat();
    this.#router.route();
    if (matchMedia("(pointer:fine)").matches) this.#desk.composer.focus();
  }

  openSearch(): void {
    const { stored, served } = this.#shelf.choices;
    const use = (label: string, source: AnySource): Command => ({
      label,
      icon: "cube",
      run: () => void this.load(source),
    });
    openPalette({
      history: this.#desk.history,
      commands: commands(this.#parts),
      models: [
        ...stored.map(({ name }) => use(nameShown(name), { name })),
        ...(served?.models ?? []).map((model) => use(model.name, { served: model })),
      ],
      openChat: (chat, message) => void this.#openAt(chat, message),
    });
  }

  async #openAt(chat: string, message: string | null): Promise<void> {
    if (!(await this.#desk.openChat(chat)) || this.#desk.session.chat?.id !== chat) return;
    history.pushState(null, "", `#/c/${chat}`);
    this.#router.route();
    if (message !== null) this.#desk.toMessage(message);
  }

  #listen(): void {
    const on = (id: string, run: () => void) => byId(id).addEventListener("click", run);
    on("new-chat", () => this.newChat());
    on("find", () => this.openSearch());
    on("model", () => this.#shelf.openSwitcher());
    on("setup", () => this.#desk.openSetup());
    on("private", () => void this.#host.refresh().then((info) => openLedger(info)));
    on("menu", openDrawer);
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address names the page, not a place in it
      byId(this.#router.page ?? "ask").focus();
    });
    listenKeys({
      conversation: this.#desk.view,
      stop: () => this.#desk.session.stop(),
      newChat: () => this.newChat(),
      search: () => this.openSearch(),
    });
  }
}
