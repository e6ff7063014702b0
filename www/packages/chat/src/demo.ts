import { EngineError, type Progress, type StoredModel } from "@ingle/engine";

import { bytesOf, nameShown, Rate } from "./format.js";
import { showStatus } from "./header.js";
import type { Host } from "./host.js";
import { t } from "./i18n/index.js";
import type { ChatModel } from "./model.js";

/** The mark of a build that has a demo model beside it: its bytes and its digest. */
const MARK = "meta[name='ingle-demo']";
const ADDRESS = "./models/demo.gguf";
const NAME = "demo";
/** Kept when a person has deleted it: it does not come again by itself. */
const OFF_KEY = "ingle.demo";
/** From then on the line says how slow it is. */
const SLOW_AFTER_MS = 20_000;

interface Screen {
  /** The line of a message that waits. */
  waitLine(text: string): void;
  /** It is the model in use. */
  loaded(model: ChatModel): void;
  /** It is not: why, or null where another model was wanted meanwhile. */
  failed(error: EngineError | null): void;
  /** How far it is has changed what the start page says. */
  changed(): void;
  /** The server that sent the page is known to have no model. */
  isServerEmpty(): boolean;
}

/** How it stands with the demo model, for the start page. */
export type DemoState = "none" | "asks" | "coming" | "failed" | "ready";

/**
 * The demo model: small, made by this project, and from where the page itself came, so that the
 * first question is answered with nothing to choose. It is a stored model like any other from then
 * on. Whatever goes wrong with it stands in nobody's way.
 */
export class Demo {
  readonly #host: Host;
  readonly #screen: Screen;
  readonly #file = ofPage();
  #state: DemoState = "none";
  #share = "";

  constructor(host: Host, screen: Screen) {
    this.#host = host;
    this.#screen = screen;
  }

  get state(): DemoState {
    return this.#state;
  }

  /** Bytes, where the page has one. */
  get size(): number {
    return this.#file?.bytes ?? 0;
  }

  /** "1.2 of 3.3 MB". */
  get share(): string {
    return this.#share;
  }

  /** Whether it is to come by itself: on a first visit, and where no server has a model. */
  #isWanted(): boolean {
    if (this.#file === null || isOff()) return false;
    return this.#host.server === null || this.#screen.isServerEmpty();
  }

  /** A message can wait for it. */
  get canCome(): boolean {
    return this.#isWanted() && this.#state !== "ready";
  }

  /** With nothing stored and nothing chosen: gets it, or asks first where data are dear. */
  async firstVisit(): Promise<void> {
    if (!this.#isWanted()) return;
    const { connection } = navigator as { connection?: { saveData?: boolean } };
    if (connection?.saveData !== true) return this.get();
    this.#set("asks");
  }

  /** The model of this name is this build's demo, or an earlier one's, which is replaced. */
  async isOld(stored: readonly StoredModel[], name: string): Promise<boolean> {
    const found = stored.find((model) => model.name === name);
    if (!found || !isDemo(name) || !this.#isWanted() || !navigator.onLine) return false;
    const { files } = await (await this.#host.library()).show(name);
    return files.every(({ digest }) => digest !== this.#file?.digest);
  }

  /** Gets it and uses it. */
  async get(): Promise<void> {
    const file = this.#file;
    if (!file || this.#state === "coming") return;
    this.#share = bytesOf(0, file.bytes);
    this.#set("coming");
    const telling = this.#telling(file.bytes);
    try {
      const { digest } = file;
      const source = { pull: new URL(ADDRESS, document.baseURI).href, name: NAME, digest };
      const model = await this.#host.load(source, telling);
      this.#set("ready");
      this.#screen.loaded(model);
    } catch (thrown) {
      const error = EngineError.from(thrown);
      const isAborted = error.code === "aborted";
      this.#set(isAborted ? "none" : "failed");
      this.#screen.failed(isAborted ? null : error);
    }
  }

  #telling(total: number): (progress: Progress) => void {
    const rate = new Rate();
    const start = performance.now();
    return ({ phase, loaded }) => {
      if (phase !== "transfer") return;
      const now = performance.now();
      rate.add(now, loaded);
      this.#share = bytesOf(loaded, total);
      const speed = rate.perSecond();
      const isSlow = now - start > SLOW_AFTER_MS && speed !== null;
      const values = { share: this.#share, rate: bytesOf(speed ?? 0, total) };
      showStatus(isSlow ? t("demo.slow", values) : t("demo.getting", values));
      this.#screen.waitLine(t("demo.wait", values));
      this.#screen.changed();
    };
  }

  #set(state: DemoState): void {
    this.#state = state;
    this.#screen.changed();
  }
}

export function isDemo(name: string): boolean {
  return nameShown(name) === NAME;
}

/** A person has deleted it. */
export function keepDemoAway(): void {
  try {
    localStorage.setItem(OFF_KEY, "off");
  } catch {
    // A private window: it is gone with the tab anyway.
  }
}

function isOff(): boolean {
  try {
    return localStorage.getItem(OFF_KEY) === "off";
  } catch {
    return false;
  }
}

function ofPage(): { readonly bytes: number; readonly digest: string } | null {
  const content = document.querySelector<HTMLMetaElement>(MARK)?.content ?? "";
  const [, bytes, digest] = /^(\d+) (sha256:[0-9a-f]{64})$/.exec(content) ?? [];
  return bytes && digest ? { bytes: Number(bytes), digest } : null;
}
