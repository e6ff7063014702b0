import { EngineError } from "@ingle/engine";

import { announce } from "../announce.js";
import { el, icon, openDialog } from "../dom.js";
import { bytes, bytesOf } from "../format.js";
import { t } from "../i18n/index.js";
import { retryWords } from "../retry.js";
import type { Shelf } from "../shelf.js";
import { servedPart } from "./list.js";
import type { Served } from "./model.js";
import type { ServedStep, Server } from "./server.js";

/** What the server has, on the page of models: use, get and delete, all over its API. */
export class ServedSection {
  readonly node = el("div", { class: "served", id: "served" });
  readonly #server: Server;
  readonly #shelf: Shelf;
  readonly #list = el("div", { class: "part" });
  readonly #status = el("p", { class: "facts num", role: "status" });
  readonly #bar = el("progress", { class: "bar bar-live", hidden: true, max: 1 });
  #stop: AbortController | null = null;

  constructor(server: Server, shelf: Shelf) {
    this.#server = server;
    this.#shelf = shelf;
    this.#bar.setAttribute("aria-label", t("progress"));
    this.node.append(
      el("h2", {}, server.title),
      this.#list,
      this.#form(),
      this.#bar,
      this.#status,
    );
  }

  fill(use: (served: Served) => void): void {
    const { choices } = this.#shelf;
    const actions = {
      load: (source: object) => "served" in source && use(source.served as Served),
      remove: async () => undefined,
    };
    const parts = servedPart(choices, actions as never, "page");
    this.#list.replaceChildren(...parts);
    for (const row of this.#list.querySelectorAll<HTMLElement>("li")) {
      const name = row.querySelector("button")?.title;
      const model = choices.served?.models?.find((model) => model.name === name);
      if (model) row.append(this.#removeButton(model));
    }
  }

  #removeButton(model: Served): HTMLElement {
    return el(
      "button",
      {
        class: "b b-bare b-icon b-sm",
        type: "button",
        "aria-label": t("model.delete.name", { name: model.name, size: bytes(model.size) }),
        onclick: () => this.#ask(model),
      },
      icon("trash"),
    );
  }

  #ask({ name, size }: Served): void {
    const close = () => dialog.close();
    const remove = () => {
      close();
      void this.#remove(name);
    };
    const keep = el("button", { class: "b", type: "button", autofocus: true, onclick: close });
    keep.textContent = t("keep");
    const press = el("button", { class: "b b-main", type: "button", onclick: remove });
    press.textContent = t("model.delete", { size: bytes(size) });
    const { host } = this.#server.client;
    const dialog = openDialog(
      t("served.delete.ask", { name, host }),
      el("p", { class: "facts" }, t("model.delete.text", { size: bytes(size) })),
      el("div", { class: "do" }, press, keep),
    );
  }

  async #remove(name: string): Promise<void> {
    try {
      await this.#server.remove(name);
      announce(t("say.removed", { name }));
    } catch (error) {
      this.#say(EngineError.from(error).message);
    }
    await this.#shelf.listServed();
  }

  #form(): HTMLElement {
    const name = el("input", {
      type: "text",
      required: true,
      placeholder: "llama3.2:1b",
      "aria-label": t("served.name"),
      autocomplete: "off",
      spellcheck: "false",
      "data-ui": "served.name",
    });
    const button = el("button", { class: "b", "data-ui": "served.pull" }, t("served.pull"));
    return el(
      "form",
      {
        class: "address",
        onsubmit: (event) => {
          event.preventDefault();
          if (this.#stop) this.#stop.abort();
          else void this.#pull(name.value.trim(), button);
        },
      },
      name,
      button,
    );
  }

  async #pull(name: string, button: HTMLElement): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    button.textContent = t("cancel");
    this.#bar.hidden = false;
    this.#bar.removeAttribute("value");
    try {
      await this.#server.pull(name, (step) => this.#moved(step), stop.signal);
      this.#say(t("say.loaded", { name }));
    } catch (thrown) {
      const error = EngineError.from(thrown);
      this.#say(error.code === "aborted" ? t("pull.paused") : error.message);
    } finally {
      this.#stop = null;
      this.#bar.hidden = true;
      button.textContent = t("served.pull");
      await this.#shelf.listServed();
    }
  }

  #moved({ status, done, total, retry }: ServedStep): void {
    if (total) this.#bar.value = done / total;
    const so = total ? `${status} · ${bytesOf(done, total)}` : status;
    // A live region: it says each try once and does not count down.
    const why = retry && retryWords(retry, performance.now() + retry.waitMs);
    this.#status.textContent = why ? `${so} · ${why}` : so;
  }

  #say(text: string): void {
    this.#status.textContent = text;
    announce(text);
  }
}
