import { EngineError, type Progress } from "@ingle/engine";

import { announce } from "./announce.js";
import { errorCard, ProgressCard } from "./cards.js";
import { whenOnline } from "./connection.js";
import { nameShown } from "./format.js";
import { showComing, showStatus } from "./header.js";
import type { AnySource, Host } from "./host.js";
import { t } from "./i18n/index.js";
import { loadWays, missingParts, worded } from "./load-ways.js";
import type { ChatModel } from "./model.js";
import { showRequests } from "./privacy.js";
import { askForToken } from "./server/list.js";

/** The worker has ended: every call that waited fails with one of these. */
export const GONE = new Set(["engine.crash", "engine.killed", "engine.stopped"]);

interface Screen {
  /** Shows a card where the reader is. */
  addCard(card: HTMLElement): void;
  removeCard(card: HTMLElement): void;
  /** A line about the load, for a message that waits for it. */
  waitLine(text: string): void;
  loaded(model: ChatModel): void;
  /** The load ended without a model. */
  ended(): void;
  openSwitcher(): void;
  refreshServed(): void;
}

/** Loads a model and shows how far it is; what fails is a card with a way on. */
export class Loader {
  readonly #host: Host;
  readonly #screen: Screen;
  /** What was loaded last, for loading it again with another context. */
  #last: AnySource | null = null;
  /** Ends the wait for a network, for a model that is to come then. */
  #stopWaiting: () => void = () => undefined;

  constructor(host: Host, screen: Screen) {
    this.#host = host;
    this.#screen = screen;
  }

  async load(source: AnySource, contextLength?: number): Promise<void> {
    this.#stopWaiting();
    const part = "file" in source ? missingParts(filesOf(source.file)) : null;
    if (part) {
      const error = new EngineError("file.part", t("file.part.text", part));
      return this.#failed(error, source, t("file.part", part));
    }
    const name = sourceName(source);
    const place = this.#host.server?.title ?? "";
    const title = "served" in source ? t("load.served", { name, place }) : undefined;
    const card = new ProgressCard(name, () => this.#host.cancelLoad(), title);
    this.#screen.addCard(card.node);
    card.node.scrollIntoView({ block: "nearest" });
    showComing(name);
    try {
      const onProgress = (progress: Progress) => this.#progress(card, progress);
      const model = await this.#host.load(source, onProgress, contextLength);
      this.#screen.removeCard(card.node);
      this.#last = source;
      announce(t("say.loaded", { name: model.title }));
      this.#screen.loaded(model);
    } catch (error) {
      this.#screen.removeCard(card.node);
      this.#failed(EngineError.from(error), source);
      // It may have gone, and others may have come.
      if ("served" in source) this.#screen.refreshServed();
    }
  }

  /** The same model with another context; the chat stays. */
  async reload(contextLength: number): Promise<void> {
    const name = this.#host.lastName;
    const source = name === null ? this.#last : { name };
    if (source) await this.load(source, contextLength);
  }

  #progress(card: ProgressCard, progress: Progress): void {
    const short = card.update(progress, this.#host.info?.device ?? "cpu");
    showStatus(short);
    this.#screen.waitLine(t("wait.with", { short }));
    showRequests(this.#host.info?.requests.length ?? 0, progress.phase === "transfer");
  }

  #failed(error: EngineError, source: AnySource, title = t("load.failed")): void {
    this.#screen.ended();
    if (error.code === "aborted") {
      announce(t("say.cancelled"));
      return this.#screen.waitLine(t("wait.cancelled"));
    }
    if (GONE.has(error.code)) return; // the app says it
    const reset = error.code.startsWith("gpu.") ? this.#host.reset() : Promise.resolve();
    const again = () => void reset.then(() => this.load(source));
    const said = worded(error);
    const ways = loadWays(said, source, {
      again,
      openSwitcher: () => this.#screen.openSwitcher(),
      onCpu: () => {
        this.#host.device = "cpu";
        again();
      },
      giveToken: () => this.#host.server && askForToken(this.#host.server, again),
    });
    const card = errorCard(said, title, ways);
    this.#screen.addCard(card);
    // It is longer than the card of the load, in whose place it is.
    card.scrollIntoView({ block: "nearest" });
    if (said.code === "net.wait") this.#waitWith(card, again);
  }

  /** What failed is asked for again when there is a network, unless another model is wanted. */
  #waitWith(card: HTMLElement, again: () => void): void {
    const stop = whenOnline(again);
    this.#stopWaiting = () => {
      stop();
      this.#screen.removeCard(card);
    };
  }
}

function filesOf(file: File | readonly File[]): readonly File[] {
  return file instanceof File ? [file] : file;
}

export function sourceName(source: AnySource): string {
  if ("served" in source) return nameShown(source.served.name);
  if ("name" in source && source.name) return nameShown(source.name);
  if ("url" in source)
    return decodeURIComponent(
      String(source.url).split(/[?#]/, 1)[0]?.split("/").pop() || "model",
    );
  if ("file" in source)
    return filesOf(source.file)[0]?.name ?? "model";
  return "model";
}
