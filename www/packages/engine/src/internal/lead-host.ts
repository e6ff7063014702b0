/**
 * The one place that has a worker: starts it, gives it what the seats ask, and tells them when it
 * is gone. A seat is a client of this page or, through a channel, of another tab. All requests go
 * through here and not to the worker directly, because a dead worker's numbers and models mean
 * nothing to the next one, and only who sees everything can tell what died with it.
 */

import { EngineError } from "../public/errors.js";
import type { EngineInfo, Notice } from "../public/types.js";
import { aborted } from "./aborted.js";
import { Ledger } from "./lead-ledger.js";
import type { Link, LinkEvents, Loss, Way } from "./lead-link.js";
import { type Asker, type LoadRequest, Loads } from "./lead-loads.js";
import { EngineWorker, START_ID, type StartBody } from "./lead-worker.js";
import type { ErrorBody, Reply, Request } from "./protocol.js";

/** Errors after which the device is of no more use to this worker. */
const DEVICE_GONE: Readonly<Record<string, Loss["reason"]>> = {
  "gpu.lost": "gpu",
  "gpu.memory": "memory",
};
/** A graphics process that crashed takes a moment to be there again. */
const RETRY_MS = [200, 500, 1500];

type Numbered = Extract<Reply, { id: number }>;

interface Seat {
  readonly events: LinkEvents;
}

interface Asked extends Asker<Seat> {
  readonly type: Request["type"];
  /** The number of the model it is of. */
  readonly model: number | null;
}

export interface HostOptions {
  readonly workerUrl: string | URL | undefined;
  readonly body: StartBody;
  /** Beginning of the names of the workers' locks. */
  readonly scope: string;
  /** Other tabs have seats: a load of what is there already is none. */
  readonly isShared: boolean;
}

export class Host implements Way {
  readonly isShared = false;
  readonly #options: HostOptions;
  readonly #ledger = new Ledger();
  readonly #seats = new Set<Seat>();
  readonly #asked = new Map<number, Asked>();
  readonly #loads = new Loads<Seat>();
  #worker: EngineWorker | null = null;
  #starting: Promise<void> | null = null;
  #wasGpu = false;
  #next = START_ID + 1;
  #told = 0;
  #isClosed = false;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  async open(events: LinkEvents): Promise<Link> {
    await (this.#starting ??= this.#start());
    if (this.#isClosed) throw stopped();
    const seat: Seat = { events };
    this.#seats.add(seat);
    this.#tellNotices();
    return {
      post: (message) => this.#post(seat, message),
      close: () => this.#leave(seat),
    };
  }

  /** Ends the worker; the seats hear `loss`, if one is given. */
  close(loss?: Loss): void {
    this.#isClosed = true;
    this.#end(loss ?? null);
  }

  async #start(): Promise<void> {
    try {
      for (let attempt = 0; !this.#worker && !this.#isClosed; attempt += 1) {
        this.#worker = await this.#tryStart(attempt);
        if (!this.#worker) await sleep(RETRY_MS[attempt] ?? 0);
      }
    } catch (error) {
      this.#starting = null;
      throw error;
    }
    if (this.#isClosed) this.#worker?.terminate();
  }

  /** Null if it is worth another try: the chip was there a moment ago. */
  async #tryStart(attempt: number): Promise<EngineWorker | null> {
    const { workerUrl, scope, body } = this.#options;
    const device = this.#ledger.device(body.device);
    const isPatient = this.#wasGpu && device !== "cpu" && attempt < RETRY_MS.length;
    try {
      const { worker, info } = await EngineWorker.start(workerUrl, scope, { ...body, device });
      if (isPatient && info.device === "cpu") {
        worker.terminate();
        return null;
      }
      this.#wasGpu = info.device === "gpu";
      worker.onReply = (reply) => this.#receive(reply);
      worker.onLost = (loss) => this.#lose(loss);
      return worker;
    } catch (error) {
      if (!isPatient) throw error;
      this.#ledger.lost(performance.now());
      return null;
    }
  }

  #post(seat: Seat, message: Request): void {
    if (!this.#seats.has(seat)) return;
    if (message.type === "cancel") return this.#cancel({ seat, id: message.id });
    if (message.type === "more") return this.#passOn(seat, message);
    if (message.type === "load" && this.#shares(seat, message)) return;
    if (message.type === "unload" && !this.#loads.drop(seat)) {
      return seat.events.onReply({ type: "result", id: message.id, value: null });
    }
    const id = this.#next++;
    this.#worker?.post({ ...message, id });
    const model = "model" in message ? message.model : null;
    this.#asked.set(id, { seat, id: message.id, type: message.type, model });
    if (message.type === "load") this.#loads.begin(id, { seat, id: message.id }, message);
  }

  #passOn(seat: Seat, message: Extract<Request, { type: "more" }>): void {
    for (const [id, asked] of this.#asked) {
      if (asked.seat === seat && asked.id === message.id) this.#worker?.post({ ...message, id });
    }
  }

  /** True if what is to be loaded is there or on its way. */
  #shares(seat: Seat, message: LoadRequest): boolean {
    if (!this.#options.isShared) return false;
    const { id } = message;
    const value = this.#loads.find(seat, message);
    if (value) {
      seat.events.onReply({ type: "result", id, value });
      return true;
    }
    return this.#loads.join({ seat, id }, message);
  }

  #cancel(asker: Asker<Seat>): void {
    for (const [id, asked] of this.#asked) {
      if (asked.seat !== asker.seat || asked.id !== asker.id) continue;
      if (asked.type !== "load" || this.#loads.leave(asker) !== null) {
        return this.#worker?.post({ type: "cancel", id });
      }
    }
    // It waited for another seat's load.
    const id = this.#loads.leave(asker);
    if (id !== null) return this.#worker?.post({ type: "cancel", id });
    const { code, message, detail } = aborted();
    asker.seat.events.onReply({ type: "error", id: asker.id, error: { code, message, detail } });
  }

  #receive(reply: Reply): void {
    if (!("id" in reply)) {
      for (const { events } of [...this.#seats]) events.onReply(reply);
      return;
    }
    const reason = reply.type === "error" ? DEVICE_GONE[reply.error.code] : undefined;
    if (reply.type === "error" && reason) {
      const { id, error } = reply;
      return this.#lose({ reason, detail: error.detail, culprit: { id, error } });
    }
    const asked = this.#asked.get(reply.id);
    if (reply.type === "result" || reply.type === "error") this.#asked.delete(reply.id);
    // The router may have put another one in its place.
    if (reply.type === "error" && reply.error.code === "model.unloaded")
      this.#loads.gone(asked?.model ?? null);
    const askers = this.#loads.askers(reply) ?? (asked ? [asked] : []);
    const full = asked?.type === "info" ? this.#withNotices(reply) : reply;
    for (const { seat, id } of askers) {
      if (this.#seats.has(seat)) seat.events.onReply({ ...full, id });
    }
  }

  #withNotices(reply: Numbered): Numbered {
    if (reply.type !== "result") return reply;
    const info = reply.value as EngineInfo;
    return { ...reply, value: { ...info, notices: [...info.notices, ...this.#ledger.notices] } };
  }

  #lose(loss: Loss): void {
    if (loss.reason === "gpu") this.#ledger.lost(performance.now());
    this.#end(loss);
  }

  #end(loss: Loss | null): void {
    this.#worker?.terminate();
    [this.#worker, this.#starting] = [null, null];
    const seats = [...this.#seats];
    const owner = loss?.culprit ? this.#asked.get(loss.culprit.id) : undefined;
    this.#seats.clear();
    this.#asked.clear();
    this.#loads.clear();
    if (!loss) return;
    for (const seat of seats) {
      seat.events.onLost(forSeat(loss, owner?.seat === seat ? owner : null));
    }
  }

  /** A client is gone: what it asked is ended, what others use stays. */
  #leave(seat: Seat): void {
    if (!this.#seats.delete(seat)) return;
    for (const [id, asked] of this.#asked) {
      if (asked.seat !== seat) continue;
      const isNeeded = asked.type === "load" && this.#loads.leave(asked) === null;
      if (!isNeeded) this.#worker?.post({ type: "cancel", id });
    }
    const id = this.#loads.quit(seat);
    if (id !== null) this.#worker?.post({ type: "cancel", id });
    if (this.#seats.size === 0) this.#end(null);
  }

  #tellNotices(): void {
    const { notices } = this.#ledger;
    const fresh: readonly Notice[] = notices.slice(this.#told);
    this.#told = notices.length;
    for (const notice of fresh) {
      for (const { events } of this.#seats) events.onReply({ type: "notice", notice });
    }
  }
}

/** The loss as a seat may know it: with the culprit under its own number, or without. */
function forSeat(loss: Loss, owner: Asker<Seat> | null): Loss {
  const { reason, detail, culprit } = loss;
  if (!culprit) return { reason, detail };
  if (!owner) return { reason, detail, isOthers: true };
  const error: ErrorBody = culprit.error;
  return { reason, detail, culprit: { id: owner.id, error } };
}

function stopped(): EngineError {
  return new EngineError("engine.stopped", "The engine was stopped.");
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
