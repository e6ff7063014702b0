import { EngineError, type Fit } from "@ingle/engine";

import { errorCard, noteCard } from "./cards.js";
import { addressOf } from "./catalogue.js";
import { whenOnline } from "./connection.js";
import { Demo, isDemo } from "./demo.js";
import type { ChatDesk } from "./desk.js";
import { el } from "./dom.js";
import { bytes } from "./format.js";
import { showStatus } from "./header.js";
import type { AnySource, Host } from "./host.js";
import { t } from "./i18n/index.js";
import { worded } from "./load-ways.js";
import { type ChatModel, TAB } from "./model.js";
import { type ModelActions, noModelView } from "./models.js";
import { watchUpdates } from "./offline/register.js";
import { fitLine } from "./pages/fit-card.js";
import { countRequests, demoCame } from "./privacy.js";
import type { Pulls } from "./pulls.js";
import { offerFor } from "./recommend.js";
import type { Router } from "./router.js";
import { type Last, lastModel, prefs } from "./settings.js";
import type { Shelf } from "./shelf.js";
import {
  askCard,
  demoCard,
  demoView,
  otherWays,
  readyView,
  rememberOffer,
  wasOffered,
} from "./start.js";

interface Parts {
  readonly host: Host;
  readonly desk: ChatDesk;
  readonly shelf: Shelf;
  readonly router: Router;
  readonly pulls: Pulls;
  readonly actions: ModelActions;
  load(source: AnySource): Promise<void>;
  /** Gets a model of the catalogue. */
  get(address: string): void;
  loaded(model: ChatModel): void;
  showFigures(): void;
}

/** The page from its first line of script to its first model: chats, the engine, what it loads. */
export class Opening {
  readonly #parts: Parts;
  readonly #demo: Demo;
  /** Asked once: the card is drawn anew with every step of the start, and must not move. */
  #betterParts: HTMLElement[] | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { desk, host, shelf } = parts;
    this.#demo = new Demo(host, {
      waitLine: (text) => desk.session.waitLine(text),
      loaded: (model) => {
        parts.loaded(model);
        void shelf.listStored();
      },
      failed: (error) => this.#demoFailed(error),
      changed: () => desk.showStart(),
      isServerEmpty: () => parts.shelf.choices.served?.models?.length === 0,
    });
  }

  async begin(): Promise<void> {
    const { desk, host, shelf, router, pulls, load } = this.#parts;
    showStatus(t("starting"));
    // Chats first: they need no engine, and are there when it fails.
    const opened = await desk.open();
    router.route();
    const [failure] = await Promise.all([this.#startEngine(), shelf.listServed()]);
    // Loading ingle itself is not counted: what comes after its start is.
    countRequests(host.server?.client ?? null, host.info?.requests.length ?? 0);
    this.#parts.showFigures();
    await shelf.listStored();
    desk.sayOpened(opened, shelf.choices.stored);
    let first = Promise.resolve();
    const address = new URLSearchParams(location.search).get("model");
    if (failure)
      await this.#loadLast(); // a server's model needs no engine here
    else if (address !== null) void load({ url: address });
    else if (!(await this.#loadLast()) && shelf.choices.stored.length === 0)
      first = this.#demo.firstVisit();
    this.#started();
    if (failure) return this.#notStarted(failure);
    pulls.resume();
    // On a slow line the first answer comes before the copies that later starts need.
    void first.then(async () => {
      await this.#demoCounted();
      watchUpdates(() => host.info?.module ?? null);
    });
  }

  /** The words for a message that waits, if a model is on its way or can be; else null. */
  comes(): string | null {
    const { host } = this.#parts;
    const { name, served } = last();
    const wait = this.#demo.share;
    if (host.isLoading)
      return this.#demo.state === "coming" ? t("demo.wait", { share: wait }) : t("wait");
    if (host.isStarting && (name || served)) return t("wait");
    if (host.current || !this.#demo.canCome) return null;
    if (!host.isStarting) void this.#demo.get();
    return t("demo.wait", { share: this.#demo.share });
  }

  /** What is on the page of a new chat: with a model things to try, else ways to bring one. */
  startView(): HTMLElement {
    const { host, desk, shelf, actions } = this.#parts;
    const send = (text: string) => desk.composer.sendText(text);
    // A model that comes back has its page at once: nothing moves when it is there.
    const isBack = host.isStarting || host.isLoading;
    const back = isBack && !host.current ? (last().name ?? null) : null;
    if (host.usesDemo || this.#demo.state === "coming" || (back !== null && isDemo(back)))
      return demoView(send, demoCard((this.#betterParts ??= this.#better())), !host.usesDemo);
    if (host.current) return readyView(host.current.where, send);
    if (back !== null) return readyView(TAB, send, true);
    if (this.#demo.state === "asks")
      return demoView(
        send,
        askCard(this.#demo.size, () => void this.#demo.get()),
        true,
      );
    return noModelView(shelf.choices, actions);
  }

  /** The model that fits this device, as soon as that is known, and the ways besides. */
  #better(): HTMLElement[] {
    const verdict = el("div", { class: "verdict" });
    const ways = el("div", { class: "do pending" }, ...otherWays());
    const shown = this.#offerBest(ways, (title, fit) => verdict.append(...fitLine(title, fit)));
    void shown.then(() => ways.classList.remove("pending"));
    return [verdict, ways];
  }

  /** Puts a button that gets the recommended model before the other ways. */
  #offerBest(ways: HTMLElement, show: (title: string, fit: Fit) => void): Promise<void> {
    return offerFor(this.#parts.host)
      .then(({ best }) => {
        if (!best) return;
        const { entry, fit } = best;
        show(entry.title, fit);
        const label = t("catalogue.get", { name: entry.title, size: bytes(entry.facts.bytes) });
        const onclick = () => {
          location.hash = "#/models";
          this.#parts.get(addressOf(entry));
        };
        const attributes = { class: "b b-main", type: "button", "data-ui": "demo.get", onclick };
        ways.prepend(el("button", attributes, label));
      })
      .catch(() => undefined); // no engine: what it lacks is said elsewhere
  }

  /** Once, under the first answer of the demo model: that there is more. */
  answered(): void {
    const { host, desk } = this.#parts;
    if (!host.usesDemo || wasOffered()) return;
    rememberOffer();
    const card = noteCard(t("demo.better"), t("demo.better.text"));
    card.dataset["ui"] = "demo.better";
    const close = el("button", { class: "b b-sm b-bare", type: "button" }, t("close"));
    close.addEventListener("click", () => desk.removeCard(card));
    const all = el("a", { class: "b b-sm", href: "#/models" }, t("models.all"));
    const ways = el("div", { class: "do" }, all, close);
    void this.#offerBest(ways, () => undefined);
    card.append(ways);
    desk.addCard(card);
  }

  /** Whatever waits for a model by now has one on its way, or gets none. */
  #started(): void {
    const { host, desk } = this.#parts;
    host.isStarting = false;
    if (host.isLoading || host.current) return;
    desk.session.stopWaiting(t("wait.cancelled"));
    desk.showStart(); // the model that was to come back is gone
  }

  /** Why this browser cannot run models; the server's can be used all the same. */
  async #startEngine(): Promise<EngineError | null> {
    return this.#parts.host.engine().then(
      () => null,
      (error: unknown) => EngineError.from(error),
    );
  }

  /** The model that worked last, if it is still here; a message can be sent meanwhile. */
  async #loadLast(): Promise<boolean> {
    const { host, shelf, load } = this.#parts;
    const { name, served } = last();
    const { stored, served: list } = shelf.choices;
    if (host.isLoading || host.current) return true;
    const found = list?.models?.find((model) => model.name === served);
    if (found) void load({ served: found });
    else if (stored.some((model) => model.name === name)) await this.#loadStored(name ?? "");
    else return false;
    return true;
  }

  async #loadStored(name: string): Promise<void> {
    const { shelf, load } = this.#parts;
    const isOld = await this.#demo.isOld(shelf.choices.stored, name).catch(() => false);
    if (isOld) void this.#demo.get();
    else void load({ name });
  }

  #demoFailed(error: EngineError | null): void {
    const { host, desk, shelf, load } = this.#parts;
    this.#parts.showFigures();
    if (error === null) return; // another model was wanted
    const earlier = shelf.choices.stored.find(({ name }) => isDemo(name));
    if (earlier) return void load({ name: earlier.name });
    if (!host.isLoading) desk.session.stopWaiting(t("wait.cancelled"));
    const again = () => {
      desk.removeCard(card);
      void this.#demo.get();
    };
    const said = worded(error);
    const card = errorCard(said, t("demo.failed"), [{ label: t("again"), run: again }]);
    desk.addCard(card);
    if (said.code === "net.wait") whenOnline(() => host.current || host.isLoading || again());
  }

  /** What was asked of this site for the demo model belongs to the start. */
  async #demoCounted(): Promise<void> {
    if (this.#demo.state !== "ready") return;
    const info = await this.#parts.host.refresh();
    demoCame(info?.requests.length ?? 0);
  }

  #notStarted(failure: EngineError): void {
    const { host, desk } = this.#parts;
    // Neither an old browser nor a page without HTTPS becomes another one by a reload.
    const isLasting = failure.code === "engine.old" || failure.code === "engine.insecure";
    const again = { label: t("reload"), run: () => location.reload() };
    desk.addCard(
      failure.code === "engine.insecure" && host.server
        ? noteCard(t("server.only"), failure.message)
        : errorCard(failure, t("start.failed"), isLasting ? [] : [again]),
    );
  }
}

/** What to start with, unless a person chooses each time. */
function last(): Last {
  return prefs.reload ? lastModel() : {};
}
