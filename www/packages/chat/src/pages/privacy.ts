import type { ChatDesk } from "../desk.js";
import { el, openDialog } from "../dom.js";
import { saveFile } from "../exporting.js";
import { bytes } from "../format.js";
import type { Host } from "../host.js";
import { t, tn } from "../i18n/index.js";
import { chosenHosts, keepHosts, sourcesOf } from "../hosts.js";
import {
  isSealed,
  limit,
  limitedTo,
  offlineState,
  onOffline,
  seal,
} from "../offline/register.js";
import { entries, ledger } from "../privacy.js";
import type { Page } from "../router.js";
import { keepTally } from "../tally.js";

/** The page at `#/privacy`: the ledger, the seal, and what is kept here. */
export class PrivacyPage implements Page {
  readonly title = "privacy";
  readonly #host: Host;
  readonly #desk: ChatDesk;

  constructor(host: Host, desk: ChatDesk) {
    this.#host = host;
    this.#desk = desk;
  }

  show(node: HTMLElement): void {
    void this.#fill(node);
    onOffline(() => void this.#fill(node));
  }

  hide(): void {
    onOffline(() => undefined);
  }

  async #fill(node: HTMLElement): Promise<void> {
    const had = node.contains(document.activeElement);
    const [info, sizes, models] = await Promise.all([
      this.#host.refresh().catch(() => null),
      this.#desk.history.sizes().catch(() => ({ chats: 0, bytes: 0 })),
      this.#host.stored().catch(() => []),
    ]);
    const size = models.reduce((sum, model) => sum + model.size, 0);
    const modelSize = `${tn("n.models", models.length)}, ${bytes(size)}`;
    const save = () => saveFile("ledger.json", "application/json", JSON.stringify(entries(info)));
    node.replaceChildren(
      el(
        "div",
        { class: "col" },
        el("h1", { tabindex: -1 }, t("privacy")),
        el("p", { class: "lead" }, t("privacy.lead")),
        ...this.#seal(),
        ...(isSealed() ? [] : this.#limit(node)),
        el("h2", {}, t("ledger")),
        ...ledger(info),
        el("div", { class: "do" }, button(t("ledger.save"), save)),
        el("h2", {}, t("kept")),
        el("p", { class: "facts num" }, `${tn("n.chats", sizes.chats)}, ${bytes(sizes.bytes)}`),
        el("p", { class: "facts num" }, modelSize),
        el(
          "div",
          { class: "do" },
          button(t("wipe"), () => this.#ask(sizes.chats, modelSize), "danger"),
        ),
      ),
    );
    if (had) node.querySelector<HTMLElement>("h1")?.focus();
  }

  #seal(): HTMLElement[] {
    const sealed = isSealed();
    const can = offlineState() === "ready";
    const label = sealed ? t("unseal") : t("seal");
    const press = button(label, () => void seal(!sealed));
    press.toggleAttribute("disabled", !can);
    const text = sealed ? t("sealed.text") : can ? t("seal.text") : t("seal.cannot");
    return [el("div", { class: "do" }, press), el("p", { class: "facts" }, text)];
  }

  /** The hosts this page may contact, if a person limits it to those that were chosen. */
  #limit(node: HTMLElement): HTMLElement[] {
    const isLimited = limitedTo() !== null;
    const can = offlineState() === "ready";
    const hosts = chosenHosts();
    const press = button(
      t(isLimited ? "limit.off" : "limit.on"),
      () => void limit(isLimited ? null : sourcesOf(hosts)),
    );
    press.toggleAttribute("disabled", !can);
    const rows = hosts.map((host) => {
      const drop = button(t("limit.drop"), () => {
        keepHosts(chosenHosts().filter((one) => one !== host));
        if (isLimited) void limit(sourcesOf(chosenHosts()));
        else void this.#fill(node);
      });
      drop.classList.add("b-sm");
      drop.setAttribute("aria-label", t("limit.drop.name", { host }));
      return el("li", {}, el("span", { class: "grow" }, el("bdi", {}, host)), drop);
    });
    const list = el("ul", { class: "hosts", "aria-label": t("limit") }, ...rows);
    return [
      el("h2", {}, t("limit")),
      el("p", { class: "facts" }, t(isLimited ? "limit.text.on" : "limit.text")),
      ...(hosts.length > 0 ? [list] : [el("p", { class: "facts" }, t("limit.none"))]),
      el("div", { class: "do" }, press),
    ];
  }

  /** Everything at once: with tick boxes, and a word to type. */
  #ask(chats: number, models: string): void {
    const parts = { chats: tn("n.chats", chats), models, settings: t("settings") };
    const boxes = Object.entries(parts).map(([name, label]) => {
      const box = el("input", { type: "checkbox", checked: true, name });
      return { name, box, row: el("label", { class: "check" }, box, label) };
    });
    const word = el("input", { type: "text", autocomplete: "off", "aria-label": t("wipe.type") });
    const press = button(t("wipe"), () => {
      const chosen = boxes.filter(({ box }) => box.checked).map(({ name }) => name);
      dialog.close();
      void this.#wipe(new Set(chosen));
    });
    press.toggleAttribute("disabled", true);
    word.addEventListener("input", () =>
      press.toggleAttribute("disabled", word.value.trim().toLowerCase() !== t("wipe.word")),
    );
    const dialog = openDialog(
      t("wipe"),
      ...boxes.map(({ row }) => row),
      el("label", { class: "field" }, t("wipe.type"), word),
      el("div", { class: "do" }, press),
    );
    word.focus();
  }

  async #wipe(parts: ReadonlySet<string>): Promise<void> {
    if (parts.has("chats")) await this.#desk.history.commit([{ op: "wipe" }]);
    if (parts.has("models"))
      for (const { name } of await this.#host.stored()) await this.#host.remove(name);
    const { chats } = await this.#desk.history.sizes();
    if (parts.has("settings")) localStorage.clear();
    keepTally(chats, await this.#host.stored().catch(() => []));
    location.hash = "#/";
    location.reload();
  }
}

function button(label: string, onclick: () => void, kind = ""): HTMLButtonElement {
  return el("button", { class: `b ${kind}`, type: "button", onclick }, label);
}
