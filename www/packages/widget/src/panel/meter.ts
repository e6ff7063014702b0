/** How far a load is, and how long it will take: measured, and silent while it is not known. */

import type { Progress } from "@ingle/engine";

import type { Detail } from "../types.js";
import { size, t } from "./words.js";

/** No time is named before this much was seen. */
const SETTLE_MS = 5_000;

export class Meter {
  #first: { at: number; bytes: number } | null = null;
  #now: Progress = { phase: "prepare", name: "", loaded: 0, total: null };

  see(progress: Progress): void {
    if (progress.phase !== this.#now.phase) this.#first = null;
    this.#first ??= { at: performance.now(), bytes: progress.loaded };
    this.#now = progress;
  }

  /** 0 to 1, or null. */
  get share(): number | null {
    const { loaded, total } = this.#now;
    return total ? loaded / total : null;
  }

  get #secondsLeft(): number | null {
    const { loaded, total } = this.#now;
    if (!this.#first || !total) return null;
    const ms = performance.now() - this.#first.at;
    const bytes = loaded - this.#first.bytes;
    return ms < SETTLE_MS || bytes <= 0 ? null : ((total - loaded) * ms) / bytes / 1000;
  }

  words(): string {
    const { phase, loaded, total } = this.#now;
    if (phase !== "transfer") return t("preparing");
    const done = size(loaded);
    const text = total ? t("loading", { done, total: size(total) }) : t("loadingUnknown", { done });
    const left = this.#secondsLeft;
    if (left === null) return text;
    const n =
      left < 60 ? t("seconds", { n: Math.ceil(left) }) : t("minutes", { n: Math.ceil(left / 60) });
    return `${text}, ${t("timeLeft", { n })}`;
  }

  detail(): Detail {
    const { phase, loaded: done, total } = this.#now;
    const left = this.#secondsLeft;
    return { phase, done, total, etaSeconds: left === null ? null : Math.round(left) };
  }
}
