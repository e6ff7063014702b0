/**
 * What tabs say to each other, and the two ends of the channel between a leader and one follower.
 *
 * Tabs cannot hand each other a port (a `BroadcastChannel` carries none, and a shared worker, which
 * could, is missing on phones), so each follower has a channel of its own, by its name. What goes
 * over it is the worker's own protocol in both directions, in an envelope.
 */

import { EngineError } from "../public/errors.js";
import type { Host } from "./lead-host.js";
import type { Link, LinkEvents, Loss } from "./lead-link.js";
import type { ErrorBody, Reply, Request } from "./protocol.js";

/** On the channel of all tabs. */
export type Call =
  /** A follower looks for the leader; the channel it will listen on ends with `link`. */
  | { readonly type: "hello"; readonly tab: string; readonly link: number }
  /** A tab leads from now on. `term` tells leaderships apart: messages of two channels overtake. */
  | { readonly type: "lead"; readonly term: string };

/** From a follower. */
type Asked = { readonly request: Request } | { readonly ping: number } | { readonly bye: true };
/** To a follower. */
type Told =
  | { readonly here: string }
  | { readonly open: true }
  | { readonly refused: ErrorBody }
  | { readonly reply: Reply }
  | { readonly pong: number }
  | { readonly lost: Loss };

/** How often a follower that waits for an answer asks whether the leader still listens. */
const PING_MS = 1000;
/** Pings without an answer after which a leader counts as frozen, and not just as busy. */
const MAX_MISSED = 5;

/** The leader's end: a seat at its host for the follower `name` stands for. */
export class RemoteSeat {
  readonly #channel: BroadcastChannel;
  readonly #gone = new AbortController();
  #link: Link | null = null;
  onGone: () => void = () => undefined;

  /** `lock` is held by the follower while it lives; `term` is the leader's. */
  constructor(name: string, lock: string, term: string, host: Host) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<Asked>) => this.#receive(data);
    this.#tell({ here: term });
    void this.#open(host);
    const { signal } = this.#gone;
    navigator.locks.request(lock, { signal }, () => this.close()).catch(() => undefined);
  }

  close(): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort();
    this.#link?.close();
    this.#channel.close();
    this.onGone();
  }

  async #open(host: Host): Promise<void> {
    const events: LinkEvents = {
      onReply: (reply) => this.#tell({ reply }),
      onLost: (loss) => {
        this.#link = null;
        this.#tell({ lost: loss });
        this.close();
      },
    };
    try {
      this.#link = await host.open(events);
      this.#tell({ open: true });
      if (this.#gone.signal.aborted) this.#link.close();
    } catch (error) {
      const { code, message, detail } = EngineError.from(error);
      this.#tell({ refused: { code, message, detail } });
      this.close();
    }
  }

  #receive(data: Asked): void {
    if ("ping" in data) return this.#tell({ pong: data.ping });
    if ("bye" in data) return this.close();
    try {
      this.#link?.post(data.request);
    } catch (error) {
      // It came over a channel already, so this is not what cannot be sent.
      const { code, message, detail } = EngineError.from(error);
      const { id } = data.request;
      this.#tell({ reply: { type: "error", id, error: { code, message, detail } } });
    }
  }

  #tell(message: Told): void {
    if (!this.#gone.signal.aborted) this.#channel.postMessage(message);
  }
}

/** The follower's end: a link like any other. */
export class RemoteLink implements Link {
  readonly #channel: BroadcastChannel;
  readonly #events: LinkEvents;
  /** False if the leader was lost before. */
  readonly opened: Promise<boolean>;
  /** The leader has been heard. */
  readonly here: Promise<void>;
  /** Whose engine it is, once that is known. */
  term: string | null = null;
  #isOpen = false;
  #isOver = false;
  #settle: (result: boolean | EngineError) => void = () => undefined;
  #heard: () => void = () => undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #nPings = 0;
  #nMissed = 0;
  /** The leader does not answer any more. */
  onSilent: () => void = () => undefined;

  constructor(name: string, events: LinkEvents) {
    this.#events = events;
    this.here = new Promise((resolve) => (this.#heard = resolve));
    this.opened = new Promise((resolve, reject) => {
      this.#settle = (result) => (typeof result === "boolean" ? resolve(result) : reject(result));
    });
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<Told>) => this.#receive(data);
  }

  post(request: Request): void {
    this.#send({ request });
  }

  /** Asks from time to time whether the leader still listens. */
  watch(): void {
    this.#timer ??= setInterval(() => {
      this.#nMissed += 1;
      if (this.#nMissed > MAX_MISSED) return this.onSilent();
      this.#send({ ping: (this.#nPings += 1) });
    }, PING_MS);
  }

  close(): void {
    if (this.#isOver) return;
    this.#send({ bye: true });
    this.#end();
  }

  /** The leader is gone. */
  lose(loss: Loss): void {
    if (this.#isOver) return;
    this.#end();
    if (this.#isOpen) this.#events.onLost(loss);
  }

  #send(message: Asked): void {
    if (!this.#isOver) this.#channel.postMessage(message);
  }

  #end(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#channel.close();
    this.#settle(false);
    this.#heard();
  }

  #receive(data: Told): void {
    if (this.#isOver) return;
    this.#nMissed = 0;
    if ("here" in data) this.term = data.here;
    if ("here" in data) this.#heard();
    if ("reply" in data) this.#events.onReply(data.reply);
    if ("lost" in data) this.lose(data.lost);
    if ("refused" in data) this.#settle(EngineError.fromBody(data.refused));
    if ("open" in data) {
      this.#isOpen = true;
      this.#settle(true);
    }
    if ("refused" in data) this.#end();
  }
}
