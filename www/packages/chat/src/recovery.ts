import type { EngineState, LossReason } from "@ingle/engine";

import { announce } from "./announce.js";
import { lossCard } from "./cards.js";
import { byId } from "./dom.js";
import { type Key, t, tn } from "./i18n/index.js";

/**
 * What a person is told while the engine is lost and found again. The engine does all of it by
 * itself and says so in English; here are the same facts in the words of the page, where they
 * belong: a card at the answer that waits, and the line that stays under it.
 */

/** Losses that a card tells. The others (another tab was closed) are over within seconds. */
const TOLD: ReadonlySet<LossReason> = new Set(["gpu", "memory", "crash", "killed"]);

/** "Went on after a reset of the graphics chip." */
export function afterLoss(reason: LossReason): string {
  return t(`after.${reason}` as Key);
}

/** The browser stopped this page for a while; on a phone people know that it does. */
export function pausedHere(): string {
  return t(matchMedia("(pointer:coarse)").matches ? "paused.phone" : "paused.browser");
}

interface Screen {
  readonly isWriting: boolean;
  addCard(card: HTMLElement): void;
  removeCard(card: HTMLElement): void;
  /** The line under the answer that is being written. */
  line(text: string): void;
  /** The line under the box. */
  status(text: string): void;
  /** The engine is back, perhaps on another device. */
  ready(): void;
  /** How long the model took to load, in milliseconds; null if that is not known. */
  loadMs(): number | null;
}

export class Recovery {
  readonly #screen: Screen;
  #card: HTMLElement | null = null;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  take({ state, reason }: EngineState): void {
    if (state === "leader" || state === "follower") return showRole(state);
    if (state === "recovering" && reason) return this.#lost(reason);
    this.#close();
    if (state === "ready" && reason) this.#screen.ready();
  }

  #close(): void {
    if (this.#card) this.#screen.removeCard(this.#card);
    this.#card = null;
  }

  #lost(reason: LossReason): void {
    const { isWriting } = this.#screen;
    this.#close();
    this.#screen.status(t("recover.status"));
    if (!isWriting) return;
    this.#screen.line(t(`lost.${reason}` as Key));
    if (!TOLD.has(reason)) return announce(t(`lost.${reason}` as Key));
    const ms = this.#screen.loadMs();
    const takes = ms === null ? "" : ` ${tn("recover.takes", Math.max(1, Math.ceil(ms / 1000)))}`;
    this.#card = lossCard(t(`lost.${reason}` as Key), t("recover.text") + takes);
    this.#screen.addCard(this.#card);
  }
}

/** Another tab has the engine: this one asks it, and needs nothing done. */
function showRole(role: "leader" | "follower"): void {
  const line = byId("shared");
  line.hidden = role === "leader";
  line.textContent = role === "leader" ? "" : t("store.locked");
}
