/**
 * When the graphics chip went away, and what follows: after three times within ten minutes answers
 * come from the processor, because a chip that goes on like that would only lose time and words.
 */

import type { Device, Notice } from "../public/types.js";

export const MAX_GPU_LOSSES = 3;
const WINDOW_MS = 10 * 60_000;

export class Ledger {
  #times: number[] = [];

  /** `now`: milliseconds of any clock that only grows. */
  lost(now: number): void {
    this.#times = [...this.#times.filter((time) => now - time < WINDOW_MS), now];
  }

  get hasLost(): boolean {
    return this.#times.length > 0;
  }

  /** True from the third loss on, for the life of the page: nothing says that the chip is well. */
  get isGivenUp(): boolean {
    return this.#times.length >= MAX_GPU_LOSSES;
  }

  /** Where to compute, if `asked` was asked for. */
  device(asked: Device): Device {
    return this.isGivenUp ? "cpu" : asked;
  }

  get notices(): readonly Notice[] {
    if (!this.isGivenUp) return [];
    return [
      {
        code: "gpu.lost",
        message:
          `The graphics chip went away ${MAX_GPU_LOSSES} times within ten minutes, so answers ` +
          "come from the processor now and are slower. Reload the page to try the chip again.",
      },
    ];
  }
}
