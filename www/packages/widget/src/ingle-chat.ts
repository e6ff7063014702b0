/**
 * `<ingle-chat>`: the one script of a page. Until somebody presses the button there is a button and
 * nothing else: no request, no timer, no storage. Then it is the border between the page and the
 * panel, which is a frame on the script's own origin, or a shadow root where that is the page's.
 */

import { configOf, isInline, languageOf, schemeOf } from "./attributes.js";
import { textOn } from "./contrast.js";
import { asReport } from "./messages.js";
import { SHEET } from "./shell.js";
import type { Command, Config, Panel, Report, State } from "./types.js";

/** Written by the build: what the panel's script must be, to the byte. */
const PANEL_INTEGRITY = "__PANEL_INTEGRITY__";
const WORDS = {
  en: { open: "Chat", close: "Close chat", title: "Chat" },
  de: { open: "Chat", close: "Chat schließen", title: "Chat" },
};
const SVG = "http://www.w3.org/2000/svg";
const BUBBLE =
  "M4 4.5h12a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5H9L5 17.5v-3H4A1.5 1.5 0 0 1 2.5 13V6" +
  "A1.5 1.5 0 0 1 4 4.5z";
const CROSS = "M5 5l10 10M15 5L5 15";
const BASE = new URL(/* @vite-ignore */ "./", import.meta.url);
/** A frame whose script was refused says nothing at all; one on a busy machine is only late. */
const SILENCE_MS = 10_000;

const FAILED = "The chat could not be loaded, or was changed on its way.";

type By = "visitor" | "page";

class IngleChat extends HTMLElement {
  static readonly observedAttributes = [
    "open",
    "theme",
    "side",
    "lang",
    "launcher-label",
    "heading",
  ];
  /** Closed: what the visitor sees is not the page's to change. */
  readonly #root = this.attachShadow({ mode: "closed" });
  readonly #launcher = document.createElement("button");
  readonly #label = document.createElement("span");
  readonly #path = document.createElementNS(SVG, "path");
  readonly #dock = document.createElement("div");
  readonly #pane = document.createElement("section");
  readonly #exports = new Map<number, (text: string | null) => void>();
  #panel: Promise<Panel> | null = null;
  #state: State = "idle";
  #told = 0;
  #warned = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [SHEET];
    this.#dock.className = "dock";
    this.#pane.className = "pane";
    this.#pane.hidden = true;
    this.#launcher.type = "button";
    this.#launcher.setAttribute("part", "launcher");
    this.#launcher.setAttribute("aria-haspopup", "dialog");
    this.#label.className = "word";
    this.#launcher.append(drawing(this.#path), slot("launcher", this.#label));
    this.#launcher.addEventListener("click", () => this.#toggle("visitor"));
    this.#dock.append(this.#pane, this.#launcher);
    this.#root.append(this.#dock);
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.#hide("visitor");
    });
  }

  connectedCallback(): void {
    // A chat that opens by itself covers what people came for.
    if (this.hasAttribute("open") && !isInline(this)) this.removeAttribute("open");
    this.#show();
    if (!isInline(this)) return;
    if (this.#pane.hidden) this.#open("page");
    else this.#say(opens()); // it was taken out and is back
  }

  /** A chat that was taken out of the page is closed; one that was only moved is not. */
  disconnectedCallback(): void {
    // A frame begins anew wherever it is put; what was said is kept on its origin.
    if (this.#pane.querySelector("iframe")) return this.#forget();
    queueMicrotask(() => {
      if (this.isConnected) return;
      void this.#panel?.then(
        (panel) => panel.command({ do: "close" }),
        () => undefined,
      );
    });
  }

  attributeChangedCallback(name: string): void {
    if (!this.isConnected) return;
    if (name === "open" && this.hasAttribute("open") === this.#pane.hidden) this.#toggle("page");
    else this.#show();
  }

  get state(): State {
    return this.#state;
  }

  show(): void {
    this.#open("page");
  }

  hide(): void {
    this.#hide("page");
  }

  /** Starts the download, after the site's own consent. */
  prepare(): void {
    this.#say({ do: "prepare" });
  }

  ask(text: string): void {
    this.#say({ do: "ask", text: String(text) });
  }

  stop(): void {
    this.#say({ do: "stop" });
  }

  clear(): void {
    this.#say({ do: "clear" });
  }

  /** The conversation as text. Rejects unless the site says `share="text"`. */
  async export(): Promise<string> {
    if (this.getAttribute("share") !== "text")
      throw new DOMException('This chat is private; share="text" shares it.', "NotAllowedError");
    const id = ++this.#told;
    const said = new Promise<string | null>((done) => this.#exports.set(id, done));
    this.#say({ do: "export", id });
    const text = await said;
    if (text === null) throw new DOMException("There is no chat to export.", "NotAllowedError");
    return text;
  }

  #toggle(by: By): void {
    if (this.#pane.hidden) this.#open(by);
    else this.#hide(by);
  }

  #open(by: By): void {
    if (!this.#pane.hidden) return;
    this.#pane.hidden = false;
    this.toggleAttribute("open", true);
    this.#show();
    this.#say(opens());
    this.#event("open", { by });
  }

  #hide(by: By): void {
    if (this.#pane.hidden || isInline(this)) return;
    this.#pane.hidden = true;
    this.toggleAttribute("open", false);
    this.#show();
    this.#launcher.focus();
    if (this.#panel) this.#say({ do: "close" });
    this.#event("close", { by });
  }

  /** Launcher and frame as they should be now. */
  #show(): void {
    const words = WORDS[languageOf(this)];
    const open = !this.#pane.hidden;
    const label = this.getAttribute("launcher-label") || words.open;
    this.#label.textContent = open ? words.close : label;
    this.#launcher.setAttribute("aria-label", open ? words.close : label);
    this.#launcher.setAttribute("aria-expanded", String(open));
    this.#launcher.hidden = isInline(this);
    this.#path.setAttribute("d", open ? CROSS : BUBBLE);
    this.#pane.setAttribute("role", "dialog");
    this.#pane.setAttribute("aria-label", this.getAttribute("heading") || words.title);
    const side = this.getAttribute("side") === "start" ? "start" : "end";
    this.#dock.className = `dock ${isInline(this) ? "inline" : side} ${schemeOf(this)}`;
    this.#guard();
  }

  /** Text on the launcher can always be read, whatever the page chose. */
  #guard(): void {
    const style = getComputedStyle(this);
    const own = (name: string) => style.getPropertyValue(`--ingle-${name}`).trim();
    const accent = own("accent");
    const text = accent ? textOn(accent, own("on-accent") || "#fff") : null;
    this.#dock.style.setProperty("--accent", text ? accent : null);
    this.#dock.style.setProperty("--on-accent", text);
    if (!this.#warned && text && own("on-accent") && text !== own("on-accent")) {
      this.#warned = true;
      console.warn(`<ingle-chat>: --ingle-on-accent cannot be read on --ingle-accent; ${text} is.`);
    }
  }

  #say(command: Command): void {
    const panel = (this.#panel ??= this.#make());
    panel.then(
      (panel) => panel.command(command),
      (error: unknown) => panel === this.#panel && this.#failed(error),
    );
  }

  #forget(): void {
    this.#panel = null;
    this.#pane.replaceChildren();
    this.#state = "idle";
    for (const done of this.#exports.values()) done(null);
    this.#exports.clear();
  }

  #failed(error: unknown): void {
    this.#panel = null;
    this.#hear({ is: "state", state: "unsupported" });
    const { message } = error as Error;
    const said = document.createElement("p");
    said.setAttribute("role", "alert");
    said.textContent = message;
    this.#pane.replaceChildren(slot("unsupported", said));
    this.#event("error", { code: "engine.module", recoverable: true });
  }

  #make(): Promise<Panel> {
    // A frame on the page's own origin would isolate nothing: its scripts could open it.
    const isolation = BASE.origin === location.origin ? "shadow" : "frame";
    const wanted = this.getAttribute("isolation");
    if (wanted && wanted !== isolation)
      console.warn(`<ingle-chat>: the script's origin decides; isolation is "${isolation}" here.`);
    const config = configOf(this, isolation);
    return isolation === "frame" ? this.#frame(config) : this.#shadow(config);
  }

  async #shadow(config: Config): Promise<Panel> {
    const url = new URL("panel.js", BASE).href;
    await vouched(url);
    const { mount } = (await import(/* @vite-ignore */ url)) as typeof import("./panel.js");
    return mount(this.#pane, this.#root, config, (report) => this.#hear(report));
  }

  #frame(config: Config): Promise<Panel> {
    const frame = document.createElement("iframe");
    // Scripts and storage on *its* origin, which is another one; nothing of the page's.
    frame.setAttribute(
      "sandbox",
      "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox",
    );
    frame.allow = "clipboard-write";
    frame.referrerPolicy = "origin";
    frame.title = this.getAttribute("heading") || WORDS[config.lang].title;
    frame.src = new URL("frame.html", BASE).href;
    this.#pane.replaceChildren(frame);
    return new Promise((resolve, reject) => {
      frame.addEventListener("load", () => {
        // Its script has run when this is heard.
        const silent = setTimeout(() => reject(new Error(FAILED)), SILENCE_MS);
        const { port1, port2 } = new MessageChannel();
        const panel: Panel = { command: (command) => port1.postMessage(command) };
        port1.onmessage = ({ data }) => {
          const report = asReport(data);
          if (!report) return;
          clearTimeout(silent);
          resolve(panel);
          this.#hear(report);
        };
        frame.contentWindow?.postMessage({ ingle: 1 }, BASE.origin, [port2]);
        panel.command({ do: "config", config });
      });
    });
  }

  #hear(report: Report): void {
    if (report.is === "state") this.#state = report.state;
    if (report.is === "close") this.#hide("visitor");
    if (report.is === "event") this.#event(report.name, report.detail);
    if (report.is === "exported") {
      this.#exports.get(report.id)?.(report.text);
      this.#exports.delete(report.id);
    }
  }

  #event(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(`ingle-${name}`, { detail, bubbles: true, composed: true }));
  }
}

const opens = (): Command => ({ do: "open", touch: !matchMedia("(pointer:fine)").matches });

function slot(name: string, inside: Node): HTMLSlotElement {
  const node = document.createElement("slot");
  node.name = name;
  node.append(inside);
  return node;
}

function drawing(path: SVGElement): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

/** Has the browser fetch a module and compare it with what the build wrote. */
function vouched(url: string): Promise<void> {
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.href = url;
  link.integrity = PANEL_INTEGRITY;
  link.crossOrigin = "anonymous";
  return new Promise<void>((resolve, reject) => {
    link.onload = () => resolve();
    link.onerror = () => reject(new Error(FAILED));
    document.head.append(link);
  }).finally(() => link.remove());
}

if (!customElements.get("ingle-chat")) customElements.define("ingle-chat", IngleChat);
