/**
 * Which model the one engine of several tabs holds, and who uses it. A load that asks for what is
 * there already, or on its way, is no second load: it would throw out the first tab's answers.
 */

import type { Calls, Loaded, LoadSettings, Reply, Request, SourceBody } from "./protocol.js";

export type LoadRequest = Extract<Request, { type: "load" }>;

/** Who asked: the number of a request at a seat. */
export interface Asker<S> {
  readonly seat: S;
  readonly id: number;
}

export class Loads<S> {
  #source: SourceBody | null = null;
  #settings: LoadSettings = {};
  #loaded: Loaded | null = null;
  /** The request at the worker, while it runs. */
  #running: number | null = null;
  /** The last who waited for it is gone, so it is being cancelled: nobody can join it any more. */
  #isEnding = false;
  #waiting: Asker<S>[] = [];
  readonly #users = new Set<S>();

  /** What is there and is what `body` asks for. */
  find(seat: S, body: Calls["load"]["body"]): Loaded | null {
    if (!this.#loaded || !this.#isSame(body)) return null;
    this.#users.add(seat);
    return this.#loaded;
  }

  /** True if the load that runs is what `body` asks for: `asker` then waits for it too. */
  join(asker: Asker<S>, body: Calls["load"]["body"]): boolean {
    if (this.#running === null || this.#isEnding || !this.#isSame(body)) return false;
    this.#waiting.push(asker);
    return true;
  }

  begin(id: number, asker: Asker<S>, body: Calls["load"]["body"]): void {
    [this.#source, this.#settings, this.#loaded] = [body.source, body.settings, null];
    [this.#running, this.#isEnding, this.#waiting] = [id, false, [asker]];
    this.#users.clear();
  }

  /** Those for whom this answer of the worker is; null if it answers no load that runs. */
  askers(reply: Extract<Reply, { id: number }>): readonly Asker<S>[] | null {
    if (this.#running === null || reply.id !== this.#running) return null;
    const askers = this.#waiting;
    if (reply.type === "result" || reply.type === "error") this.#end(reply);
    return askers;
  }

  #end(reply: Extract<Reply, { type: "result" | "error" }>): void {
    this.#running = null;
    if (reply.type === "error") return;
    this.#loaded = reply.value as Loaded;
    for (const { seat } of this.#waiting) this.#users.add(seat);
  }

  /** `asker` waits no longer; the number of the load to cancel if nobody else does. */
  leave(asker: Asker<S>): number | null {
    const isIt = (one: Asker<S>) => one.seat === asker.seat && one.id === asker.id;
    if (this.#running === null || !this.#waiting.some(isIt)) return null;
    // The last one hears the end of it from the worker.
    if (this.#waiting.length === 1) {
      this.#isEnding = true;
      return this.#running;
    }
    this.#waiting = this.#waiting.filter((one) => !isIt(one));
    return null;
  }

  /** True if the model is to be unloaded because nobody else uses it. */
  drop(seat: S): boolean {
    this.#users.delete(seat);
    if (this.#users.size > 0) return false;
    this.#loaded = null;
    return true;
  }

  /** The engine does not have the model of this number any more. */
  gone(model: number | null): void {
    if (this.#loaded?.model === model) this.#loaded = null;
  }

  /**
   * `seat` is gone; a model that is loaded stays for whoever comes next. The number of the load to
   * cancel if nobody else waits for it.
   */
  quit(seat: S): number | null {
    this.#users.delete(seat);
    this.#waiting = this.#waiting.filter((one) => one.seat !== seat);
    if (this.#running === null || this.#isEnding || this.#waiting.length > 0) return null;
    this.#isEnding = true;
    return this.#running;
  }

  /** The engine is gone, and its model with it. */
  clear(): void {
    [this.#loaded, this.#running, this.#waiting] = [null, null, []];
    this.#users.clear();
  }

  #isSame({ source, settings }: Calls["load"]["body"]): boolean {
    if (JSON.stringify(settings) !== JSON.stringify(this.#settings)) return false;
    const byName = source.kind === "name" && source.name === this.#loaded?.info.name;
    return byName || (this.#source !== null && identity(source) === identity(this.#source));
  }
}

function identity(source: SourceBody): string {
  if (source.kind !== "files") return JSON.stringify(source);
  return JSON.stringify(
    source.files.map(({ name, size, lastModified }) => [name, size, lastModified]),
  );
}
