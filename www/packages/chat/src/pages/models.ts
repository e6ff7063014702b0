import { EngineError, type Fit, type Models, type StoredModel } from "@ingle/engine";

import { announce } from "../announce.js";
import { type Action, choiceCard, errorCard, noteCard, toPage } from "../cards.js";
import { whenOnline } from "../connection.js";
import { el } from "../dom.js";
import { bytes } from "../format.js";
import type { AnySource, Host } from "../host.js";
import { chooseHost, chosenHosts, hostOf, isAllowed, sourcesOf } from "../hosts.js";
import { t } from "../i18n/index.js";
import { openJudge } from "../judge/dialog.js";
import { Judgings } from "../judge/judgings.js";
import { loadWays, worded } from "../load-ways.js";
import { keyOfFile } from "../model.js";
import { addModelForm, confirmDelete, type ModelActions } from "../models.js";
import { limit, limitedTo } from "../offline/register.js";
import { Pulls } from "../pulls.js";
import { showPulls, showRequests } from "../privacy.js";
import type { Page } from "../router.js";
import { ServedSection } from "../server/section.js";
import type { Shelf } from "../shelf.js";
import { openSmaller } from "../smaller/dialog.js";
import { Makings } from "../smaller/makings.js";
import { CatalogueSection } from "./catalogue-section.js";
import { fitPart } from "./fit-card.js";
import { modelCard } from "./model-card.js";
import { PullCard } from "./pull-card.js";
import { namesOf, referenceFor } from "./reference.js";

/** The page at `#/models`: what is on its way, what is here, what the server has, how to add. */
export class ModelsPage implements Page {
  readonly title = "models";
  readonly pulls: Pulls;
  readonly #host: Host;
  readonly #shelf: Shelf;
  readonly #actions: ModelActions;
  readonly #served: ServedSection | null;
  readonly #lead = el("p", { class: "lead num" });
  readonly #risk = el("div", { id: "risk" });
  readonly #coming = el("div", { id: "coming" });
  readonly #stored = el("ul", { class: "cards", id: "stored" });
  readonly #none = el("p", { class: "facts" }, t("models.none"));
  readonly #asked = el("div", { id: "asked" });
  readonly #catalogue: CatalogueSection;
  readonly #cards = new Map<string, PullCard>();
  readonly #makings: Makings;
  readonly #judgings: Judgings;
  #library: Models | null = null;
  #asking: AbortController | null = null;

  constructor(host: Host, shelf: Shelf, actions: ModelActions) {
    this.#host = host;
    this.#shelf = shelf;
    this.#actions = actions;
    this.#served = host.server ? new ServedSection(host.server, shelf) : null;
    this.#judgings = new Judgings(() => host.library());
    this.#makings = new Makings(() => host.library(), {
      made: () => void this.#shelf.listStored(),
      chat: (name) => this.#use({ name }),
      compare: (source, made) => this.#judgings.compare(source, made),
    });
    this.#catalogue = new CatalogueSection(host, (address) => this.get(address));
    this.pulls = new Pulls(() => host.library());
    this.pulls.onChange = (model) => {
      if (model)
        void this.#shelf.listStored().then(() => {
          void this.#catalogue.fill();
          if (this.#library) void this.#room(this.#library);
        });
      showPulls(this.pulls.isRunning);
      void host.refresh().then((info) => showRequests(info?.requests.length ?? 0, false));
      this.#fill();
    };
    this.#stored.setAttribute("aria-label", t("models.stored"));
  }

  show(node: HTMLElement): void {
    this.#shelf.onChange = () => this.#fill();
    const served = this.#served ? [this.#served.node] : [];
    node.replaceChildren(
      el(
        "div",
        { class: "col" },
        el("h1", {}, t("models")),
        this.#lead,
        this.#coming,
        this.#makings.node,
        this.#judgings.node,
        el("h2", {}, t("models.stored")),
        this.#stored,
        this.#none,
        this.#risk,
        ...served,
        this.#catalogue.node,
        el("h2", {}, t("model.bring")),
        this.#addSection(),
        this.#asked,
      ),
    );
    this.#fill();
    void this.#host.library().then(
      (library) => {
        this.#library = library;
        this.#fill();
        void this.#room(library);
        void this.#catalogue.fill();
      },
      () => undefined, // this browser runs no models: the page says so elsewhere
    );
  }

  /** Gets a model, with its card at the top of the page. */
  get(ref: string): void {
    if (this.mayNot(ref)) return;
    chooseHost(ref);
    void this.pulls.start(ref);
    document.getElementById("coming")?.scrollIntoView({ block: "nearest" });
  }

  /** A limited page cannot contact this host: says so, with the way on. */
  mayNot(ref: string): boolean {
    const allowed = limitedTo();
    if (allowed === null || isAllowed(ref, allowed)) return false;
    const host = hostOf(ref);
    const allow = () => {
      chooseHost(ref);
      void limit(sourcesOf(chosenHosts()));
    };
    const ways = [{ label: t("limit.allow", { host }), run: allow }];
    const card = choiceCard(
      "net.limited",
      t("limit.blocked", { host }),
      t("limit.blocked.text"),
      ways,
    );
    this.#asked.replaceChildren(card);
    card.scrollIntoView({ block: "nearest" });
    return true;
  }

  hide(): void {
    this.#shelf.onChange = () => undefined;
    this.#asking?.abort();
  }

  #fill(): void {
    const { stored, current } = this.#shelf.choices;
    const pulls = this.pulls.all;
    for (const { ref } of pulls)
      if (!this.#cards.has(ref)) this.#cards.set(ref, new PullCard(this.pulls, ref));
    for (const ref of [...this.#cards.keys()])
      if (!pulls.some((pull) => pull.ref === ref)) this.#cards.delete(ref);
    const cards = [...this.#cards.values()].map(({ node }) => node);
    // Only what changes is touched: a press on a card that is taken out and put back is lost.
    const shown = [...this.#coming.querySelectorAll(":scope > section")];
    if (cards.length !== shown.length || cards.some((card, i) => card !== shown[i])) {
      const heading = cards.length > 0 ? [el("h2", {}, t("models.coming"))] : [];
      this.#coming.replaceChildren(...heading, ...cards);
    }
    this.#stored.replaceChildren(
      ...stored.map((model) =>
        modelCard(model, keyOfFile(model.name) === current, this.#library, {
          chat: ({ name }) => this.#use({ name }),
          remove: (model) => confirmDelete(model, this.#actions),
          smaller: (model, library) =>
            void openSmaller(model, library, this.#makings, () => this.#focusAddress()),
          judge: (model) => openJudge(model, this.#shelf.choices.stored, this.#judgings),
          repair: (model, ref) => void this.#repair(model, ref),
        }),
      ),
    );
    this.#none.hidden = stored.length > 0;
    if (stored.length === 0) this.#risk.replaceChildren();
    this.#served?.fill((served) => this.#use({ served }));
  }

  /** What is damaged goes first: a pull leaves out what is here under its digest. */
  async #repair(model: StoredModel, ref: string): Promise<void> {
    if (this.mayNot(ref)) return;
    await this.#actions.remove(model);
    this.get(ref);
  }

  #use(source: AnySource): void {
    location.hash = "#/";
    this.#actions.load(source);
  }

  /** The limits of this browser, as far as it says them. */
  async #room(library: Models): Promise<void> {
    const { kind, persisted, usage, quota } = await library.storage();
    const free = quota === null ? null : bytes(Math.max(0, quota - (usage ?? 0)));
    const room = free === null ? t("models.lead") : t("models.room", { free });
    const kept = kind === "memory" ? t("models.memory") : persisted ? t("persist.yes") : "";
    this.#lead.textContent = [room, kept].filter(Boolean).join(" ");
    const isRisk = kind !== "memory" && !persisted && this.#shelf.choices.stored.length > 0;
    if (isRisk) this.#mayGo(library);
    else this.#risk.replaceChildren();
  }

  /** What is kept here may be deleted, unless the browser promises otherwise. */
  #mayGo(library: Models): void {
    const how = toPage(t("way.how"), "settings");
    const show = (text: string, ways: readonly Action[]) => {
      const card = noteCard(t("title.store.maybe"), text, { actions: ways });
      card.dataset["ui"] = "alert.store.maybe";
      this.#risk.replaceChildren(card);
    };
    const ask = async () => {
      if (await library.persist()) return this.#room(library);
      announce(t("doctor.not-kept"));
      show(t("persist.no"), [how]);
    };
    show(t("text.store.maybe"), [{ label: t("way.keep"), run: () => void ask() }, how]);
  }

  #addSection(): HTMLElement {
    const actions: ModelActions = {
      load: (source) => {
        if ("url" in source)
          void this.#ask(referenceFor(String(source.url).trim(), this.#shelf.choices));
        else this.#use(source);
      },
      remove: (model) => this.#actions.remove(model),
    };
    return el(
      "section",
      { class: "card", "aria-label": t("model.bring") },
      el("p", { class: "facts" }, t("model.bring.text")),
      ...addModelForm(actions, { names: true }),
    );
  }

  #focusAddress(): void {
    document.querySelector<HTMLElement>('#models [data-ui="model.address"]')?.focus();
  }

  /** Looks at a model's header, says whether it fits, and offers it only if it does. */
  async #ask(ref: string): Promise<void> {
    this.#asking?.abort();
    if (this.mayNot(ref)) return;
    chooseHost(ref);
    const stop = new AbortController();
    this.#asking = stop;
    this.#asked.replaceChildren(el("p", { class: "facts", role: "status" }, t("fit.looking")));
    try {
      const fit = await (await this.#host.library()).fit(ref, { signal: stop.signal });
      if (!stop.signal.aborted) this.#asked.replaceChildren(this.#offer(ref, fit));
    } catch (thrown) {
      const error = worded(EngineError.from(thrown));
      if (error.code === "aborted") return;
      const again = () => void this.#ask(ref);
      const none = () => undefined;
      const ways = { again, openSwitcher: none, onCpu: none, giveToken: none };
      const actions = loadWays(error, { url: ref }, ways);
      this.#asked.replaceChildren(errorCard(error, t("load.failed"), actions));
      if (error.code !== "net.wait") return;
      stop.signal.addEventListener("abort", whenOnline(again));
    }
  }

  #offer(ref: string, fit: Fit): HTMLElement {
    const get = el(
      "button",
      {
        class: "b b-main b-sm",
        type: "button",
        "data-ui": "model.pull",
        onclick: () => {
          this.#asked.replaceChildren();
          this.get(ref);
        },
      },
      t("model.get.size", { size: bytes(fit.needs.storage) }),
    );
    const [chip, ...rest] = fitPart(fit);
    const can = fit.verdict === "well" || fit.verdict === "tight";
    const { title, host } = namesOf(ref);
    const heading = el("h3", { title: ref }, title);
    const head = el("div", { class: "head" }, heading, ...(chip ? [chip] : []));
    const from = host === null ? [] : [el("p", { class: "muted from" }, host)];
    const buttons = can ? [el("div", { class: "do" }, get)] : [];
    const parts = [head, ...from, ...rest, ...buttons];
    return el("section", { class: "card", "aria-label": title }, ...parts);
  }
}
