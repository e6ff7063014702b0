/**
 * The messages between a client and an engine: one discriminated union in each direction. The
 * engine is the page's worker, or another tab's (see `lead-channel`).
 *
 * Every request has an `id`; its answers carry the same one. A request ends with exactly one
 * `result` or `error`; `progress`, `piece`, `bench`, `head` and `chunk` may come before. `cancel`
 * and `more` name the request they are about and have no answer of their own.
 */

import type {
  BenchProgress,
  BenchRow,
  BenchSettings,
  Device,
  EngineInfo,
  GenerateSettings,
  KvType,
  LogitsOptions,
  ModelInfo,
  Notice,
  Piece,
  Progress,
  TokenizeOptions,
  Tuning,
} from "../public/types.js";

import type { ModuleWishes } from "./module.js";
import type { StoreCalls } from "./store-calls.js";

export interface LoadSettings {
  readonly contextLength?: number | undefined;
  readonly kvType?: KvType | undefined;
  readonly slots?: number | undefined;
}

/** What HTTP says before a request's body; the path is as it was sent, without the query. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** What it says before an answer's. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: [string, string][];
}

export type SourceBody =
  | { readonly kind: "files"; readonly files: readonly File[] }
  | { readonly kind: "url"; readonly url: string; readonly name: string | null }
  | { readonly kind: "name"; readonly name: string };

/** What each request asks with and answers with. */
export interface Calls extends StoreCalls {
  start: {
    body: {
      readonly device: Device;
      readonly wishes: ModuleWishes;
      readonly tuning: Tuning;
      readonly lock: string;
    };
    result: EngineInfo;
  };
  load: { body: { readonly source: SourceBody; readonly settings: LoadSettings }; result: Loaded };
  /** Answers with `piece`s as far as `more` lets it, then with the result. */
  generate: { body: { readonly model: number; readonly settings: GenerateSettings }; result: null };
  bench: { body: { readonly settings: BenchSettings }; result: BenchRow[] };
  tokenize: {
    body: { readonly model: number; readonly text: string; readonly options: TokenizeOptions };
    result: number[];
  };
  logits: {
    body: {
      readonly model: number;
      readonly ids: readonly number[];
      readonly options: LogitsOptions;
    };
    result: Float32Array;
  };
  unload: { body: { readonly model: number }; result: null };
  /**
   * Answers with `head`, then with `chunk`s as far as `more` lets it, then with the result. With
   * the tape of an earlier answer it is that answer, from its beginning.
   */
  fetch: {
    body: {
      readonly head: RequestHead;
      readonly payload: Blob | null;
      readonly tape?: readonly TapeEntry[];
    };
    result: null;
  };
  info: { body: object; result: EngineInfo };
}

/**
 * What an answer was made of that is not in the request: draws, times, what the model said. The
 * module's own; a page keeps it for the next engine.
 */
export type TapeEntry = { readonly [kind: string]: unknown };

export type CallName = keyof Calls;

/** A loaded model: its number goes into later requests, so that an old handle is noticed. */
export interface Loaded {
  readonly model: number;
  readonly info: ModelInfo;
}

/** What a bench tells while it runs. */
export type BenchEvent = { readonly progress: BenchProgress } | { readonly row: BenchRow };

export type Request =
  | { [K in CallName]: { readonly type: K; readonly id: number } & Calls[K]["body"] }[CallName]
  | { readonly type: "cancel"; readonly id: number }
  /** The reader of a `fetch` took so many chunks, or that of a `generate` so many pieces. */
  | { readonly type: "more"; readonly id: number; readonly n: number };

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly detail: string;
}

export type Reply =
  | { readonly type: "result"; readonly id: number; readonly value: Calls[CallName]["result"] }
  | { readonly type: "error"; readonly id: number; readonly error: ErrorBody }
  | { readonly type: "progress"; readonly id: number; readonly progress: Progress }
  | { readonly type: "piece"; readonly id: number; readonly piece: Piece }
  | { readonly type: "bench"; readonly id: number; readonly event: BenchEvent }
  | { readonly type: "head"; readonly id: number; readonly head: ResponseHead }
  | {
      readonly type: "chunk";
      readonly id: number;
      readonly chunk: Uint8Array<ArrayBuffer>;
      /** What it was made of, since the chunk before. */
      readonly tape: readonly TapeEntry[];
    }
  | { readonly type: "notice"; readonly notice: Notice }
  /**
   * The WebAssembly module trapped, or (`gpu`) the graphics chip does not answer: nothing of this
   * worker can be used any more.
   */
  | { readonly type: "crash"; readonly reason: "crash" | "gpu"; readonly detail: string };
