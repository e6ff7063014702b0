/**
 * One call from its beginning to its end, over as many engines as that takes: what it asked, what
 * it was given so far, and whether it may be asked again.
 */

import { EngineError } from "../public/errors.js";
import type { GenerateSettings, LossReason, Piece, Progress } from "../public/types.js";
import { aborted } from "./aborted.js";
import type { Loss } from "./lead-link.js";
import type { BenchEvent, CallName, Calls, Reply, ResponseHead, TapeEntry } from "./protocol.js";
import { GivenBody } from "./recover-body.js";

/** Engines that may die over one call without a new token: so that nothing goes in circles. */
export const MAX_TRIES = 3;
/** Memory that was too little once more on a fresh device stays too little. */
const MAX_MEMORY_TRIES = 1;

export interface CallHooks {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** `isOwn`: a piece that no engine wrote. */
  readonly onPiece?: ((piece: Piece, isOwn?: boolean) => void) | undefined;
  readonly onBench?: ((event: BenchEvent) => void) | undefined;
  readonly onHead?: ((head: ResponseHead) => void) | undefined;
  readonly onChunk?: ((chunk: Uint8Array<ArrayBuffer>) => void) | undefined;
  /** A chunk or a piece came again that was given before. */
  readonly onKnown?: (() => void) | undefined;
  /** An engine has the call: `more` tells it that chunks or pieces were taken. */
  readonly onSent?: ((more: (n: number) => void) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Body = Calls[CallName]["body"];
type Settled = Extract<Reply, { type: "result" | "error" }>;

/**
 * Calls that are not asked twice: `bench`, whose rows would not belong together, and what changes
 * the store and may have done so. A `fetch` is as long as nothing of its body was given, and then
 * if it is an answer of a model, which its tape makes again.
 */
const ONCE: ReadonlySet<CallName> = new Set(["bench", "models.rm"]);

export class OngoingCall {
  readonly type: CallName;
  readonly #body: Body;
  readonly #hooks: CallHooks;
  readonly #settle: (reply: unknown, error: EngineError | null) => void;
  /** All tokens it was given. */
  readonly #tokens: number[] = [];
  /** Text behind the last token was given: an engine that writes it again says nothing new. */
  #hasEnding = false;
  /** The head of its answer was given, and so much of the body, made of this. */
  #hasHead = false;
  readonly #given = new GivenBody();
  readonly #tape: TapeEntry[] = [];
  /** Another engine gives another body. */
  isBroken = false;
  #tries = 0;
  /** An engine has it. */
  isSent = false;
  /** An engine had it, and is gone. */
  #wasLost = false;
  isCancelled = false;
  /** The client's own, which ends with the engine it was sent to. */
  isOwn = false;
  /** It ended so. */
  isLost = false;
  /** How often its model was loaded again for it, because another tab had loaded another. */
  nStale = 0;

  constructor(
    type: CallName,
    body: Body,
    hooks: CallHooks,
    settle: (value: unknown, error: EngineError | null) => void,
  ) {
    [this.type, this.#hooks, this.#settle] = [type, hooks, settle];
    this.#body = type === "generate" ? seeded(body as Calls["generate"]["body"]) : body;
  }

  /** Handle of the model it is about. */
  get model(): number | null {
    return "model" in this.#body ? this.#body.model : null;
  }

  /** What is asked, with the tokens that are written already; `model` is the engine's number. */
  body(model: number | null): Body {
    const body = model === null ? this.#body : { ...this.#body, model };
    if (this.type === "fetch") return { ...body, tape: this.#tape } as Body;
    if (this.type !== "generate" || this.#tokens.length === 0) return body;
    const { settings } = body as Calls["generate"]["body"];
    const resume = [...(settings.resume ?? []), ...this.#tokens];
    return { ...body, settings: { ...settings, resume } } as Body;
  }

  /** Says that it goes on, if an engine died over it. */
  sent(reason: LossReason, more: (n: number) => void): void {
    this.#given.restart();
    this.#hooks.onSent?.(more);
    if (this.#wasLost && this.type === "generate") {
      const piece: Piece = { done: false, text: "", tokens: [], resumed: reason };
      this.#hooks.onPiece?.(piece, true);
    }
    [this.isSent, this.#wasLost] = [true, false];
  }

  /** True if the engine got somewhere with it. */
  take(reply: Exclude<Reply, Settled>): boolean {
    if (reply.type === "progress") this.#hooks.onProgress?.(reply.progress);
    if (reply.type === "bench") this.#hooks.onBench?.(reply.event);
    if (reply.type === "head") this.#head(reply.head);
    if (reply.type === "chunk") return this.#chunk(reply.chunk, reply.tape);
    if (reply.type !== "piece") return false;
    const { piece } = reply;
    const isEnding = !piece.done && piece.text !== "" && piece.tokens.length === 0;
    if (isEnding && this.#hasEnding) {
      this.#hooks.onKnown?.();
      return false;
    }
    this.#hasEnding ||= isEnding;
    this.#tokens.push(...piece.tokens);
    if (piece.tokens.length > 0) this.#tries = 0;
    this.#hooks.onPiece?.(piece);
    return piece.tokens.length > 0;
  }

  #chunk(chunk: Uint8Array<ArrayBuffer>, tape: readonly TapeEntry[]): boolean {
    this.#tape.push(...tape);
    const fresh = this.#given.take(chunk);
    this.isBroken = fresh === null;
    if (!fresh || fresh.length === 0) {
      this.#hooks.onKnown?.();
      return false;
    }
    this.#tries = 0;
    this.#hooks.onChunk?.(fresh);
    return true;
  }

  /** True if another engine can go on with it. */
  get #isRepeatable(): boolean {
    return this.#given.isEmpty || this.#tape.some((entry) => "Started" in entry);
  }

  /** Ends it because what was given cannot be gone on with. */
  interrupt(loss: Loss): void {
    this.fail(interrupted(loss));
  }

  #head(head: ResponseHead): void {
    if (!this.#hasHead) this.#hooks.onHead?.(head);
    this.#hasHead = true;
  }

  end(value: unknown): void {
    this.#settle(value, null);
  }

  fail(error: EngineError): void {
    this.#settle(null, error);
  }

  /** Ends it without an engine. An answer ends with its last piece, as after any cancel. */
  cancel(): void {
    if (this.type !== "generate") return this.fail(aborted());
    const piece: Piece = {
      done: true,
      text: "",
      tokens: [],
      reason: "cancelled",
      timings: {
        promptTokens: 0,
        cachedTokens: 0,
        outputTokens: this.#tokens.length,
        prefillMs: 0,
        decodeMs: 0,
      },
    };
    this.#hooks.onPiece?.(piece, true);
    this.end(null);
  }

  /** The engine is gone: true if it is to be asked again, else it has ended here. */
  survives(loss: Loss, isCulprit: boolean): boolean {
    this.#wasLost ||= this.isSent;
    this.isSent = false;
    this.isLost = this.isOwn;
    if (this.isOwn) this.fail(lossError(loss));
    else if (this.isCancelled) this.cancel();
    else if (this.type === "unload") this.end(null); // there is nothing left to unload
    else if (ONCE.has(this.type) || !this.#isRepeatable) this.interrupt(loss);
    else if (!this.#mayTry(loss, isCulprit)) this.fail(lossError(loss));
    else return true;
    return false;
  }

  #mayTry(loss: Loss, isCulprit: boolean): boolean {
    if (isInnocent(loss) || (loss.culprit && !isCulprit)) return true;
    this.#tries += 1;
    return this.#tries <= (loss.reason === "memory" ? MAX_MEMORY_TRIES : MAX_TRIES);
  }
}

/** Nothing this page asked is to blame: another tab has the engine now, or brought it down. */
export function isInnocent({ reason, isOthers = false }: Loss): boolean {
  return reason === "leader" || reason === "frozen" || isOthers;
}

/** Draws can only be repeated if the seed is known. */
function seeded(body: Calls["generate"]["body"]): Calls["generate"]["body"] {
  const [seed = 0] = crypto.getRandomValues(new Uint32Array(1));
  const settings: GenerateSettings = { seed, ...body.settings };
  return { ...body, settings };
}

function interrupted({ detail }: Loss): EngineError {
  return new EngineError(
    "engine.interrupted",
    "The engine had to start again while it worked on this. Ask again.",
    detail,
  );
}

/** What is said when an engine died too often. */
export function lossError(loss: Loss): EngineError {
  if (loss.culprit) return EngineError.fromBody(loss.culprit.error);
  const kept = "What was written is kept.";
  switch (loss.reason) {
    case "gpu":
    case "memory":
      return new EngineError(
        "gpu.lost",
        `The graphics chip went away again and again. ${kept} Load a smaller model or use the ` +
          "processor.",
        loss.detail,
      );
    case "killed":
      return new EngineError(
        "engine.killed",
        `The browser ended the engine again and again, often because memory ran out. ${kept} ` +
          "Load a smaller model, or close other tabs.",
        loss.detail,
      );
    default:
      return new EngineError(
        "engine.crash",
        `The engine stopped unexpectedly, again and again. ${kept} Start it again, and report ` +
          "this if it stays.",
        loss.detail,
      );
  }
}
