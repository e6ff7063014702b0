import { EngineError, type Models, type Progress, type StoredModel } from "@ingle/engine";

import { entryAt } from "./catalogue.js";
import { waitsForNetwork } from "./connection.js";

/** News of a download go to other tabs this often. */
const NEWS_EVERY_MS = 500;
/** What a tab says of a download's end has come by then. */
const LAST_WORDS_MS = 500;
const KEY = "ingle.pulls";
const CHANNEL = "ingle.pulls";

/**
 * How far a download is. `waiting`: it goes on by itself when there is a network. `elsewhere`:
 * another tab does it, and this one shows it.
 */
export interface Pull {
  readonly ref: string;
  readonly state: "running" | "paused" | "waiting" | "failed" | "elsewhere";
  readonly step: Progress | null;
  /** When the last byte came, by `performance.now()`. */
  readonly movedAt: number;
  /** When the try in `step.retry` comes, by the same clock. */
  readonly retryAt: number;
  readonly error: EngineError | null;
}

interface News {
  readonly ref: string;
  readonly step: Progress | null;
  /**
   * `left`: it is over there, and can go on. `gone`: complete, or not wanted any more. `asks`:
   * whoever does it is to say how far it is. `pause`, `drop`: a person asked for that in a tab that
   * does not do it.
   */
  readonly state: "running" | "left" | "gone" | "asks" | "pause" | "drop";
}

/** A download of which nothing is known. */
const BEGINNING = { step: null, movedAt: 0, retryAt: 0, error: null } as const;

/**
 * Models on their way. They are remembered, so a download goes on after a reload; a lock lets one
 * tab do it, and the others show the same card.
 */
export class Pulls {
  readonly #library: () => Promise<Models>;
  readonly #channel = new BroadcastChannel(CHANNEL);
  readonly #stops = new Map<string, AbortController>();
  /** Downloads that are being stopped and shall go on when they have. */
  readonly #again = new Set<string>();
  /** Downloads of other tabs whose end is waited for. */
  readonly #watched = new Set<string>();
  #pulls = new Map<string, Pull>();
  #toldAt = 0;
  /** Something has changed: a card, or (with `model`) the list of models. */
  onChange: (model: StoredModel | null) => void = () => undefined;

  constructor(library: () => Promise<Models>) {
    this.#library = library;
    this.#channel.onmessage = ({ data }: MessageEvent<News>) => this.#heard(data);
    addEventListener("online", () => {
      for (const { ref, state } of this.all) if (state === "waiting") void this.start(ref);
    });
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
      if (paused) this.#set({ ref, state: "paused", ...BEGINNING });
      else void this.start(ref);
    }
  }

  /** Gets a model, or goes on with it. */
  async start(ref: string): Promise<void> {
    const before = this.#stops.get(ref);
    if (before && !before.signal.aborted) return;
    remember(ref, false);
    if (before) {
      this.#again.add(ref);
      return this.#set({ ...this.#of(ref), state: "running", movedAt: performance.now() });
    }
    const stop = new AbortController();
    this.#stops.set(ref, stop);
    // What has come is shown until more comes.
    const { step, error } = this.#of(ref);
    const known = error === null || keepsBytes(error) ? withoutTry(step) : null;
    const movedAt = performance.now();
    this.#set({ ref, state: "running", ...BEGINNING, step: known, movedAt });
    try {
      const options = { ifAvailable: true } as const;
      await navigator.locks.request(lockOf(ref), options, async (lock) => {
        if (!lock) return this.#watch(ref);
        await this.#run(ref, stop);
      });
    } finally {
      this.#ended(ref);
    }
    // Its next news may be minutes away, when it waits for its server.
    if (this.#of(ref).state === "elsewhere") this.#tell({ ref, step: null, state: "asks" });
  }

  /** Another tab does it; when that tab has gone without a word, this one goes on with it. */
  #watch(ref: string): void {
    this.#set({ ...this.#of(ref), state: "elsewhere" });
    if (this.#watched.has(ref)) return;
    this.#watched.add(ref);
    const isLeft = () =>
      this.#pulls.get(ref)?.state === "elsewhere" && remembered()[ref] === false;
    void navigator.locks.request(lockOf(ref), async () => {
      if (isLeft()) await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
      this.#watched.delete(ref);
      if (!isLeft()) return;
      const stop = new AbortController();
      this.#stops.set(ref, stop);
      this.#set({ ...this.#of(ref), state: "running", movedAt: performance.now() });
      await this.#run(ref, stop).finally(() => this.#ended(ref));
    });
  }

  #ended(ref: string): void {
    this.#stops.delete(ref);
    if (this.#again.delete(ref)) void this.start(ref);
  }

  /** Stops and keeps what has come, in whichever tab it comes. */
  pause(ref: string): void {
    remember(ref, true);
    this.#stop(ref, "pause");
    this.#set({ ...this.#of(ref), state: "paused" });
  }

  /** Stops for good; what has come is swept by the store when room is needed. */
  drop(ref: string): void {
    forget(ref);
    this.#stop(ref, "drop");
    this.#pulls.delete(ref);
    this.onChange(null);
  }

  #stop(ref: string, how: "pause" | "drop"): void {
    this.#again.delete(ref);
    const stop = this.#stops.get(ref);
    if (stop) stop.abort();
    else this.#tell({ ref, step: null, state: how });
  }

  async #run(ref: string, stop: AbortController): Promise<void> {
    // What comes next may be a long time away.
    this.#tell({ ref, step: this.#of(ref).step, state: "running" });
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
      const state = waitsForNetwork(error) ? "waiting" : "failed";
      // Paused or dropped: said already.
      if (error.code !== "aborted") this.#set({ ...this.#of(ref), state, error });
    } finally {
      this.#tell({ ref, step: null, state: ref in remembered() ? "left" : "gone" });
    }
  }

  #moved(ref: string, step: Progress): void {
    const before = this.#of(ref);
    if (before.state !== "running") return;
    // Bytes on the screen never go down.
    const loaded =
      step.phase === before.step?.phase ? Math.max(step.loaded, before.step.loaded) : step.loaded;
    const now = performance.now();
    this.#set({ ...before, step: { ...step, loaded }, ...timesOf(step, before, now) });
    const isNews = step.retry !== undefined || before.step?.retry !== undefined;
    if (!isNews && now - this.#toldAt < NEWS_EVERY_MS) return;
    this.#toldAt = now;
    this.#tell({ ref, step, state: "running" });
  }

  #tell(news: News): void {
    this.#channel.postMessage(news);
  }

  /** Says how far a download of this tab is, and what is left of the wait it is in. */
  #answer(ref: string): void {
    const { step, state, retryAt } = this.#of(ref);
    if (!this.#stops.has(ref) || state !== "running" || step === null) return;
    const waitMs = Math.max(0, retryAt - performance.now());
    const retry = step.retry ? { retry: { ...step.retry, waitMs } } : {};
    this.#tell({ ref, step: { ...step, ...retry }, state: "running" });
  }

  #heard({ ref, step, state }: News): void {
    if (state === "asks") return this.#answer(ref);
    if (state === "pause" || state === "drop") {
      if (this.#stops.has(ref)) this[state](ref);
      return;
    }
    if (this.#stops.has(ref)) return;
    const before = this.#of(ref);
    if (state === "gone") {
      this.#pulls.delete(ref);
      return this.onChange(null);
    }
    if (state === "left") {
      const step = withoutTry(before.step);
      return this.#set({ ref, state: "paused", ...BEGINNING, step });
    }
    const now = performance.now();
    const times = timesOf(step, before, now);
    // One that goes on has its time from now on.
    const movedAt = before.state === "elsewhere" ? times.movedAt : now;
    const known = step ?? withoutTry(before.step);
    this.#pulls.set(ref, { ...before, step: known, ...times, movedAt, error: null });
    this.#watch(ref);
  }

  #of(ref: string): Pull {
    return this.#pulls.get(ref) ?? { ref, state: "running", ...BEGINNING };
  }

  #set(pull: Pull): void {
    const isNew = this.#pulls.get(pull.ref)?.state !== pull.state;
    this.#pulls.set(pull.ref, pull);
    if (isNew) this.onChange(null);
  }
}

function lockOf(ref: string): string {
  return `ingle.pull.${ref}`;
}

/** When the last byte came and when the next try comes, after `step` of this moment. */
function timesOf(step: Progress | null, before: Pull, now: number) {
  const isMore =
    step?.phase !== before.step?.phase || (step?.loaded ?? 0) > (before.step?.loaded ?? -1);
  return { movedAt: isMore ? now : before.movedAt, retryAt: now + (step?.retry?.waitMs ?? 0) };
}

/** A try that is over is not to come. */
function withoutTry(step: Progress | null): Progress | null {
  if (step === null) return null;
  const { retry: _over, ...rest } = step;
  return rest;
}

/** After these what has come is still of use. */
const KEEPING = /^(net\.(cut|http|offline|refused|stalled)|store\.full)$/;

/** Whether a download that ended so goes on where it was. */
export function keepsBytes({ code }: EngineError): boolean {
  return KEEPING.test(code);
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
