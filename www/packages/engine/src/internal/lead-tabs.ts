/**
 * One engine for all tabs of an origin: the tab that holds a Web Lock leads and has the worker, the
 * others queue for the lock and speak to the leader. The browser gives the lock on the moment its
 * tab ends, in whatever way, so nobody has to notice a death and no two tabs can lead.
 *
 * A leader that is frozen keeps its lock and answers nobody; it hands over when the browser says
 * that it will be frozen, and where it was not told, a follower that waits in vain takes the lock
 * from it.
 */

import { EngineError } from "../public/errors.js";
import { type Call, RemoteLink, RemoteSeat } from "./lead-channel.js";
import { Host, type HostOptions } from "./lead-host.js";
import type { Link, LinkEvents, Loss, Way } from "./lead-link.js";

/** How often a follower that has no leader calls for one. */
const HELLO_MS = 150;
/** Calls that nobody answers before the lock is taken: a leader that closes is gone by then. */
const MAX_HELLOS = 20;
/** A worker of the last leader may live for a moment longer; it is waited for this long. */
const OLD_WORKER_MS = 1500;
const OLD_WORKER_LOOK_MS = 20;

export type Role = "leader" | "follower";

export class Tabs implements Way {
  readonly isShared = true;
  readonly #id: string = crypto.randomUUID();
  readonly #name: string;
  readonly #options: Omit<HostOptions, "scope" | "isShared">;
  readonly #calls: BroadcastChannel;
  readonly #seats = new Map<string, RemoteSeat>();
  readonly #closed = new AbortController();
  #host: Host | null = null;
  /** Of the leadership that this tab has or had. */
  #term = "";
  #nTerms = 0;
  #nLinks = 0;
  #link: RemoteLink | null = null;
  /** Ends the leadership. */
  #release: (() => void) | null = null;
  #led = deferred();
  /** The lock that says so is held: a leader that saw it free would take this tab for dead. */
  readonly #alive = deferred();
  onRole: (role: Role) => void = () => undefined;

  /** Tabs with the same `group` share an engine. */
  constructor(group: string, options: Omit<HostOptions, "scope" | "isShared">) {
    this.#name = `ingle-tabs/${group}`;
    this.#options = options;
    this.#calls = new BroadcastChannel(this.#name);
    this.#calls.onmessage = ({ data }: MessageEvent<Call>) => this.#hear(data);
    // Held while this tab lives: the leader waits for it.
    const { signal } = this.#closed;
    const forLife = () => {
      this.#alive.resolve();
      return new Promise<void>((end) => signal.addEventListener("abort", () => end()));
    };
    const name = this.#tabName(this.#id);
    navigator.locks.request(name, { signal }, forLife).catch(this.#alive.resolve);
    this.#stand({});
    document.addEventListener("freeze", this.#onFreeze);
    addEventListener("pagehide", this.#onHide);
  }

  static get isPossible(): boolean {
    const { locks } = navigator as { locks?: LockManager };
    return locks !== undefined && typeof BroadcastChannel === "function";
  }

  async open(events: LinkEvents): Promise<Link> {
    for (;;) {
      if (this.#closed.signal.aborted) throw stopped();
      const host = this.#host;
      const link = await (host ? this.#own(host, events) : this.#follow(events));
      if (link) return link;
    }
  }

  /** A link to this tab's own engine; null if it does not lead any more. */
  async #own(host: Host, events: LinkEvents): Promise<Link | null> {
    try {
      return await host.open(events);
    } catch (error) {
      if (host === this.#host) throw error;
      return null;
    }
  }

  close(): void {
    if (this.#closed.signal.aborted) return;
    document.removeEventListener("freeze", this.#onFreeze);
    removeEventListener("pagehide", this.#onHide);
    this.#link?.close();
    this.#closed.abort();
    this.#stepDown("leader");
    this.#calls.close();
  }

  /** The browser is about to stop this page: whoever waits is served by another tab. */
  readonly #onFreeze = () => this.#handOver("frozen");
  readonly #onHide = ({ persisted }: PageTransitionEvent) =>
    persisted ? this.#rest() : this.#handOver("leader");

  /**
   * The page is left and kept, to be shown again perhaps. WebKit keeps its workers too, asleep, and
   * all locks they hold: the next page would wait for them without end.
   */
  #rest(): void {
    if (!this.#host) return;
    this.#stepDown("frozen");
    this.#standWhenShown();
  }

  #standWhenShown(): void {
    const { signal } = this.#closed;
    addEventListener("pageshow", () => this.#stand({}), { once: true, signal });
  }

  #handOver(reason: Loss["reason"]): void {
    if (!this.#host || this.#seats.size === 0) return;
    this.#stepDown(reason);
    this.#stand({});
  }

  /** Queues for leadership, or takes it from who does not answer. */
  #stand(options: { steal?: boolean }): void {
    const { signal } = this.#closed;
    const term = `${this.#id}/${(this.#nTerms += 1)}`;
    let isOver = false;
    // The browser refuses a signal for a lock that is taken by force.
    const request = options.steal ? { steal: true } : { signal };
    const lead = () => this.#lead(term, () => isOver);
    navigator.locks.request(`${this.#name}/lead`, request, lead).catch((error: unknown) => {
      // Aborted by close(), or taken by a tab that heard nothing from this one.
      isOver = true;
      if (signal.aborted) return;
      if (this.#term === term) this.#stepDown("frozen");
      // Any other error is that of a page which is being left, and comes back at once each time:
      // WebKit would never get out of such a page.
      if ((error as DOMException | null)?.name === "AbortError") this.#stand({});
      else this.#standWhenShown();
    });
  }

  async #lead(term: string, isOver: () => boolean): Promise<void> {
    const scope = `${this.#name}/worker/`;
    await workersGone(scope);
    if (isOver() || this.#closed.signal.aborted) return;
    const released = new Promise<void>((resolve) => (this.#release = resolve));
    [this.#term, this.#host] = [term, new Host({ ...this.#options, scope, isShared: true })];
    this.onRole("leader");
    this.#say({ type: "lead", term });
    this.#link?.lose({ reason: "leader", detail: "this tab leads now" });
    this.#led.resolve();
    await released;
  }

  #stepDown(reason: Loss["reason"]): void {
    const host = this.#host;
    [this.#host, this.#led] = [null, deferred()];
    host?.close({ reason, detail: "the leading tab gave up the engine" });
    for (const seat of this.#seats.values()) seat.close();
    this.#release?.();
  }

  #hear(call: Call): void {
    if (call.type === "lead") return this.#follower(call.term);
    const [host, lock] = [this.#host, this.#tabName(call.tab)];
    const name = `${lock}/${call.link}`;
    if (!host || this.#seats.has(name)) return;
    const seat = new RemoteSeat(name, lock, this.#term, host);
    this.#seats.set(name, seat);
    seat.onGone = () => this.#seats.delete(name);
  }

  /** Another tab leads: a link to an earlier leader is dead. */
  #follower(term: string): void {
    const link = this.#link;
    if (!link?.term || link.term === term) return;
    link.lose({ reason: "leader", detail: "another tab leads now" });
  }

  /** A link to the leader; null if this tab leads by now. */
  async #follow(events: LinkEvents): Promise<Link | null> {
    await this.#alive.promise;
    const number = (this.#nLinks += 1);
    const link = new RemoteLink(`${this.#tabName(this.#id)}/${number}`, events);
    this.#link = link;
    for (let n = 1; link.term === null; n += 1) {
      if (this.#host || this.#closed.signal.aborted) {
        link.close();
        return null;
      }
      this.#say({ type: "hello", tab: this.#id, link: number });
      if (n === MAX_HELLOS) this.#stand({ steal: true });
      await Promise.race([sleep(HELLO_MS), link.here, this.#led.promise]);
    }
    link.watch();
    link.onSilent = () => {
      this.#stand({ steal: true });
      link.lose({ reason: "frozen", detail: "the leading tab did not answer" });
    };
    if (!(await link.opened)) return null;
    this.onRole("follower");
    return link;
  }

  #say(call: Call): void {
    this.#calls.postMessage(call);
  }

  #tabName(tab: string): string {
    return `${this.#name}/tab/${tab}`;
  }
}

/** Waits until no worker of an earlier leader is left, so that never two write or compute. */
async function workersGone(scope: string): Promise<void> {
  for (const end = performance.now() + OLD_WORKER_MS; performance.now() < end;) {
    const { held = [] } = await navigator.locks.query();
    if (!held.some(({ name }) => name?.startsWith(scope))) return;
    await sleep(OLD_WORKER_LOOK_MS);
  }
}

/** A promise that is resolved from outside, once. */
function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

function stopped(): EngineError {
  return new EngineError("engine.stopped", "The engine was stopped.");
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
