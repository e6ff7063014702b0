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
  /** The model that is to come back, and the milliseconds that its load took; null: none here. */
  lost(): { readonly key: string; readonly loadMs: number } | null;
}

/** A load this long is most of what a recovery takes; a shorter one says little about the rest. */
const LONG_LOAD_MS = 5_000;

export class Recovery {
  readonly #screen: Screen;
  #card: HTMLElement | null = null;
  /** What is on its way back, and since when by `performance.now()`. */
  #since: { readonly what: string; readonly at: number } | null = null;
  /** Milliseconds that each took when it came back last. */
  readonly #took = new Map<string, number>();

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  take({ state, reason }: EngineState): void {
    if (state === "leader" || state === "follower") return showRole(state);
    if (state === "recovering" && reason) return this.#lost(reason);
    this.close();
    if (state !== "ready" || !reason) return;
    if (this.#since) this.#took.set(this.#since.what, performance.now() - this.#since.at);
    this.#since = null;
    this.#screen.ready();
  }

  /** Takes the card away: the engine is back, or the answer that waited for it has failed. */
  close(): void {
    if (this.#card) this.#screen.removeCard(this.#card);
    this.#card = null;
  }

  #lost(reason: LossReason): void {
    const { isWriting } = this.#screen;
    this.close();
    this.#screen.status(t("recover.status"));
    const model = this.#screen.lost();
    const what = `${reason} ${model?.key ?? ""}`;
    // Lost once more on its way back: it is the same wait.
    if (this.#since?.what !== what) this.#since = { what, at: performance.now() };
    if (!isWriting) return;
    const isTold = TOLD.has(reason);
    // What happened is on the card, then.
    this.#screen.line(t(isTold ? "recover.status" : (`lost.${reason}` as Key)));
    if (!isTold) return announce(t(`lost.${reason}` as Key));
    const takes = this.#takes(what, model?.loadMs ?? 0);
    this.#card = lossCard(t(`lost.${reason}` as Key), `${t("recover.text")} ${takes}`);
    this.#screen.addCard(this.#card);
  }

  /** How long it takes: a number only where one was measured. */
  #takes(what: string, loadMs: number): string {
    const ms = this.#took.get(what) ?? (loadMs >= LONG_LOAD_MS ? loadMs : null);
    return ms === null
      ? t("recover.takes.moment")
      : tn("recover.takes", Math.max(1, Math.ceil(ms / 1000)));
  }
}

/** Another tab has the engine: this one asks it, and needs nothing done. */
function showRole(role: "leader" | "follower"): void {
  const line = byId("shared");
  line.hidden = role === "leader";
  line.textContent = role === "leader" ? "" : t("store.locked");
}
