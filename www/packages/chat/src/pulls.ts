import { EngineError, type Models, type Progress, type StoredModel } from "@ingle/engine";

import { entryAt } from "./catalogue.js";

/** News of a download go to other tabs this often. */
const NEWS_EVERY_MS = 500;
const KEY = "ingle.pulls";
const CHANNEL = "ingle.pulls";

/** How far a download is. `elsewhere`: another tab does it, and this one shows it. */
export interface Pull {
  readonly ref: string;
  readonly state: "running" | "paused" | "failed" | "elsewhere";
  readonly step: Progress | null;
  /** When the last byte came, by `performance.now()`. */
  readonly movedAt: number;
  readonly error: EngineError | null;
}

interface News {
  readonly ref: string;
  readonly step: Progress | null;
  /** Null: it is over there. */
  readonly state: "running" | null;
}

/**
 * Models on their way. They are remembered, so a download goes on after a reload; a lock lets one
 * tab do it, and the others show the same card.
 */
export class Pulls {
  readonly #library: () => Promise<Models>;
  readonly #channel = new BroadcastChannel(CHANNEL);
  readonly #stops = new Map<string, AbortController>();
  #pulls = new Map<string, Pull>();
  #toldAt = 0;
  /** Something has changed: a card, or (with `model`) the list of models. */
  onChange: (model: StoredModel | null) => void = () => undefined;

  constructor(library: () => Promise<Models>) {
    this.#library = library;
    this.#channel.onmessage = ({ data }: MessageEvent<News>) => this.#heard(data);
  }

  get all(): Pull[] {
    return [...this.#pulls.values()];
  }

  get isRunning(): boolean {
    return this.all.some(({ state }) => state === "running");
  }

  /** Goes on with what an earlier visit left. */
  resume(): void {
    for (const [ref, paused] of Object.entries(remembered())) {
      if (paused) this.#set({ ref, state: "paused", step: null, movedAt: 0, error: null });
      else void this.start(ref);
    }
  }

  /** Gets a model, or goes on with it. */
  async start(ref: string): Promise<void> {
    if (this.#stops.has(ref)) return;
    remember(ref, false);
    const stop = new AbortController();
    this.#stops.set(ref, stop);
    const now = performance.now();
    this.#set({ ref, state: "running", step: null, movedAt: now, error: null });
    try {
      const options = { ifAvailable: true } as const;
      await navigator.locks.request(`ingle.pull.${ref}`, options, async (lock) => {
        if (!lock) return this.#set({ ...this.#of(ref), state: "elsewhere" });
        await this.#run(ref, stop);
      });
    } finally {
      this.#stops.delete(ref);
    }
  }

  /** Stops and keeps what has come. */
  pause(ref: string): void {
    remember(ref, true);
    this.#stops.get(ref)?.abort();
    this.#set({ ...this.#of(ref), state: "paused" });
  }

  /** Stops for good; what has come is swept by the store when room is needed. */
  drop(ref: string): void {
    forget(ref);
    this.#stops.get(ref)?.abort();
    this.#pulls.delete(ref);
    this.onChange(null);
  }

  async #run(ref: string, stop: AbortController): Promise<void> {
    try {
      const library = await this.#library();
      const onProgress = (step: Progress) => this.#moved(ref, step);
      // What a file of the catalogue must be is known.
      const { digest } = entryAt(ref) ?? {};
      const must = digest === undefined ? {} : { digest };
      const model = await library.pull(ref, { onProgress, signal: stop.signal, ...must });
      forget(ref);
      this.#pulls.delete(ref);
      this.onChange(model);
    } catch (thrown) {
      const error = EngineError.from(thrown);
      // Paused or dropped: said already.
      if (error.code !== "aborted") this.#set({ ...this.#of(ref), state: "failed", error });
    } finally {
      this.#channel.postMessage({ ref, step: null, state: null } satisfies News);
    }
  }

  #moved(ref: string, step: Progress): void {
    const before = this.#of(ref);
    if (before.state !== "running") return;
    const isMore = step.phase !== before.step?.phase || step.loaded > (before.step?.loaded ?? -1);
    // Bytes on the screen never go down.
    const loaded =
      step.phase === before.step?.phase ? Math.max(step.loaded, before.step.loaded) : step.loaded;
    const now = performance.now();
    const movedAt = isMore ? now : before.movedAt;
    this.#set({ ...before, step: { ...step, loaded }, movedAt });
    if (now - this.#toldAt < NEWS_EVERY_MS) return;
    this.#toldAt = now;
    this.#channel.postMessage({ ref, step, state: "running" } satisfies News);
  }

  #heard({ ref, step, state }: News): void {
    if (this.#stops.has(ref)) return;
    if (state === null) {
      this.#pulls.delete(ref);
      // It may be complete, or paused there.
      if (ref in remembered())
        this.#set({ ref, state: "paused", step: null, movedAt: 0, error: null });
      return this.onChange(null);
    }
    this.#set({ ref, step, state: "elsewhere", movedAt: performance.now(), error: null });
  }

  #of(ref: string): Pull {
    const none = { ref, state: "running", step: null, movedAt: 0, error: null } as const;
    return this.#pulls.get(ref) ?? none;
  }

  #set(pull: Pull): void {
    const isNew = this.#pulls.get(pull.ref)?.state !== pull.state;
    this.#pulls.set(pull.ref, pull);
    if (isNew) this.onChange(null);
  }
}

/** Downloads that are not complete, and whether a person has paused them. */
function remembered(): Record<string, boolean> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, boolean>;
  } catch {
    return {};
  }
}

function remember(ref: string, paused: boolean): void {
  keep({ ...remembered(), [ref]: paused });
}

function forget(ref: string): void {
  const { [ref]: _gone, ...rest } = remembered();
  keep(rest);
}

function keep(pulls: Record<string, boolean>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(pulls));
  } catch {
    // A private window: it goes on until the tab closes.
  }
}
