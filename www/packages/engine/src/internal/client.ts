import { EngineError } from "../public/errors.js";
import type { EngineState, LossReason, Notice } from "../public/types.js";
import { aborted } from "./aborted.js";
import type { Link, Loss, Way } from "./lead-link.js";
import type { CallName, Calls, Loaded, Reply } from "./protocol.js";
import { type CallHooks, isInnocent, lossError, MAX_TRIES, OngoingCall } from "./recover-call.js";
import { type Held, Models, sourcesOf } from "./recover-models.js";
import { recovering, settled } from "./recover-states.js";

/** Before the second and the third engine; the first one comes at once. */
const PAUSES_MS = [0, 250, 1000];

/** A call was ended by a loss, which is dealt with elsewhere. */
const LOST = Symbol("the engine was lost");

/**
 * The page's end of the engine: numbers the calls and settles each exactly once, whatever happens
 * to the engine. When it is gone a new one is opened, the model loaded again, and what was asked
 * and not answered is asked again, answers from the token on that they had come to.
 */
export class Client {
  readonly #way: Way;
  readonly #calls = new Map<number, OngoingCall>();
  readonly #models = new Models();
  #link: Link | null = null;
  #nextId = 1;
  /** Engines that died since anything was last got from one. */
  #streak = 0;
  #lastLoss: LossReason = "crash";
  /** The page's model is loaded again, after a loss. */
  #restoring: Promise<void> | null = null;
  #gone: EngineError | null = null;
  onNotice: ((notice: Notice) => void) | null = null;
  onGone: ((error: EngineError) => void) | null = null;
  onState: ((state: EngineState) => void) | null = null;

  constructor(way: Way) {
    this.#way = way;
  }

  async start(): Promise<void> {
    await this.#open();
    this.onState?.(settled("ready", null));
  }

  call<K extends CallName>(
    type: K,
    body: Calls[K]["body"],
    hooks: CallHooks = {},
  ): Promise<Calls[K]["result"]> {
    if (this.#gone) return Promise.reject(this.#gone);
    if (hooks.signal?.aborted) return Promise.reject(aborted());
    const id = this.#nextId++;
    const cancel = () => this.#cancel(id);
    hooks.signal?.addEventListener("abort", cancel, { once: true });
    return new Promise<Calls[K]["result"]>((resolve, reject) => {
      const call = new OngoingCall(type, body, hooks, (value, error) => {
        this.#calls.delete(id);
        if (error) reject(error);
        else resolve(this.#keep(type, body, value) as Calls[K]["result"]);
      });
      this.#calls.set(id, call);
      if (this.#link) this.#send(id, call);
    }).finally(() => hooks.signal?.removeEventListener("abort", cancel));
  }

  /** Ends this page's part in the engine; whatever still waits is rejected with `error`. */
  close(error: EngineError): void {
    if (this.#gone) return;
    this.#gone = error;
    this.#link?.close();
    this.#link = null;
    this.#way.close();
    for (const call of [...this.#calls.values()]) call.fail(error);
    this.onGone?.(error);
  }

  get gone(): EngineError | null {
    return this.#gone;
  }

  /** What a result means for the handles. */
  #keep(type: CallName, body: Calls[CallName]["body"], value: unknown): unknown {
    if (type === "unload") this.#models.drop((body as Calls["unload"]["body"]).model);
    if (type !== "load") return value;
    return this.#models.hold(body as Calls["load"]["body"], value as Loaded);
  }

  #cancel(id: number): void {
    const call = this.#calls.get(id);
    if (!call) return;
    call.isCancelled = true;
    if (this.#link && call.isSent) this.#link.post({ type: "cancel", id });
    else call.cancel();
  }

  async #open(): Promise<Link> {
    const link: Link = await this.#way.open({
      onReply: (reply) => this.#receive(reply),
      onLost: (loss) => void this.#lost(loss),
    });
    if (this.#gone) link.close();
    this.#link = link;
    return link;
  }

  #send(id: number, call: OngoingCall): void {
    const again = () => this.#calls.has(id) && this.#link && this.#send(id, call);
    // A request names its model: the router would load it, and the page's own load take its place.
    if (call.type === "fetch" && this.#restoring) return void this.#restoring.then(again);
    const held = call.model === null ? null : this.#models.find(call.model);
    if (call.model !== null && !held) return call.fail(unloaded());
    if (held && held.actual === null) {
      void this.#ensure(held).then(again, (error: unknown) => {
        if (error !== LOST) call.fail(EngineError.from(error));
      });
      return;
    }
    try {
      this.#link?.post({ type: call.type, id, ...call.body(held?.actual ?? null) } as never);
      const link = this.#link;
      call.sent(this.#lastLoss, (n) => {
        if (link === this.#link && this.#calls.has(id)) link?.post({ type: "more", id, n });
      });
    } catch (error) {
      call.fail(unsendable(error));
    }
  }

  #receive(reply: Reply): void {
    if (reply.type === "notice") return this.onNotice?.(reply.notice);
    if (reply.type === "crash") return;
    const call = this.#calls.get(reply.id);
    if (!call) return;
    if (reply.type === "error" && this.#isStale(reply.error.code, call)) {
      return this.#send(reply.id, call);
    }
    if (reply.type === "error") return call.fail(EngineError.fromBody(reply.error));
    if (call.isBroken) return;
    const isProgress = reply.type === "result" ? !call.isOwn : call.take(reply);
    if (isProgress) this.#streak = 0;
    if (reply.type === "result") call.end(reply.value);
    if (!call.isBroken) return;
    this.#link?.post({ type: "cancel", id: reply.id });
    call.interrupt({ reason: this.#lastLoss, detail: "the answer could not be made again" });
  }

  /** Another tab loaded another model meanwhile: this one is loaded again, once. */
  #isStale(code: string, call: OngoingCall): boolean {
    const held = call.model === null ? null : this.#models.find(call.model);
    if (!this.#way.isShared || code !== "model.unloaded" || !held) return false;
    call.nStale += 1;
    if (call.nStale > MAX_TRIES) return false;
    held.actual = null;
    return true;
  }

  /** Has the engine load a model that a page has a handle of. */
  #ensure(held: Held): Promise<void> {
    held.loading ??= this.#reload(held).finally(() => (held.loading = null));
    return held.loading;
  }

  async #reload(held: Held): Promise<void> {
    const { settings } = held.body;
    const sources = sourcesOf(held);
    for (const [i, source] of sources.entries()) {
      try {
        const { model } = await this.#ask("load", { source, settings });
        held.actual = model;
        return;
      } catch (error) {
        if (error === LOST || i + 1 === sources.length) throw error;
      }
    }
  }

  /** A call of the client's own: it ends with the engine. */
  #ask(type: "load", body: Calls["load"]["body"]): Promise<Loaded> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const call = new OngoingCall(type, body, {}, (value, error) => {
        this.#calls.delete(id);
        if (error) reject(call.isLost ? LOST : error);
        else resolve(value as Loaded);
      });
      call.isOwn = true;
      this.#calls.set(id, call);
      if (this.#link) this.#send(id, call);
    });
  }

  /** The engine is gone: ends what cannot go on, then has another one go on with the rest. */
  async #lost(loss: Loss): Promise<void> {
    if (this.#gone) return;
    [this.#link, this.#lastLoss] = [null, loss.reason];
    this.#models.stale();
    for (const [id, call] of [...this.#calls]) call.survives(loss, loss.culprit?.id === id);
    if (!isInnocent(loss)) this.#streak += 1;
    if (this.#streak > MAX_TRIES) return this.#giveUp(lossError(loss));
    this.onState?.(recovering(loss.reason));
    const link = await this.#openAgain();
    if (!link || link !== this.#link) return;
    const { current } = this.#models;
    // A model that cannot be loaded any more is told to whoever asks it.
    const due = this.#isLoading() ? null : current;
    const loaded = due && this.#ensure(due).catch(() => undefined);
    const restoring = loaded?.then(() => {
      if (this.#restoring === restoring) this.#restoring = null;
    });
    this.#restoring = restoring ?? null;
    for (const [id, call] of [...this.#calls]) if (!call.isSent) this.#send(id, call);
    await restoring;
    if (link === this.#link) this.onState?.(settled("ready", loss.reason));
  }

  /** A page asked for another model, which then takes the place of the one before. */
  #isLoading(): boolean {
    return [...this.#calls.values()].some((call) => call.type === "load" && !call.isOwn);
  }

  async #openAgain(): Promise<Link | null> {
    for (; !this.#gone; this.#streak += 1) {
      await sleep(PAUSES_MS[Math.max(0, this.#streak - 1)] ?? 0);
      if (this.#gone) return null;
      try {
        return await this.#open();
      } catch (error) {
        if (this.#streak >= MAX_TRIES) this.#giveUp(EngineError.from(error));
      }
    }
    return null;
  }

  #giveUp(error: EngineError): void {
    this.close(error);
    this.onState?.({ state: "failed", reason: this.#lastLoss, sentence: error.message });
  }
}

function unloaded(): EngineError {
  return new EngineError(
    "model.unloaded",
    "This model was unloaded or another one took its place. Load it again.",
  );
}

function unsendable(error: unknown): EngineError {
  return new EngineError(
    "api.argument",
    "An argument cannot be sent to the engine: only plain data and files can.",
    String(error),
  );
}

function sleep(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
