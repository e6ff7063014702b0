/** What the package speaks: plain data, the same on both sides of the worker. */

/** Where to compute. `auto` takes the graphics chip if there is one and the processor otherwise. */
export type Device = "auto" | "gpu" | "cpu";

/** One complete model: a file, an address, or the name of a file already in this browser. */
export type Source =
  | { readonly file: File | readonly File[] }
  | { readonly url: string | URL; readonly name?: string }
  | { readonly name: string };

export type KvType = "f32" | "f16" | "q8_0";

/**
 * Whether a load may try out which kernels are the fastest on this graphics chip: some seconds,
 * once for each shape of matrix. The result is kept in the browser. `auto` leaves out chips that
 * are emulated on the processor, `on` does not; `off` neither tries nor uses what is kept.
 */
export type Tuning = "auto" | "on" | "off";

export interface StartOptions {
  readonly device?: Device;
  /** Where `worker.js` is, for pages that move it. Default: beside this module. */
  readonly workerUrl?: string | URL;
  /**
   * Threads on the processor. More than one needs a page that is cross-origin isolated. Default:
   * as many as there are cores, at most 8, and one core is left free where there are 6 or more.
   */
  readonly threads?: number;
  readonly tuning?: Tuning;
  /**
   * `tabs`: all tabs of this origin that start with the same options share one engine; the first
   * has it, and when that tab ends another takes over within seconds. `off` (default): an engine of
   * this page's own.
   */
  readonly share?: "tabs" | "off";
  /** The WebAssembly module, for tests and comparisons; default: the best this browser can run. */
  readonly module?: "simd" | "relaxed" | "simd-threads" | "relaxed-threads";
}

/** What a load is doing. Bytes only grow; `total` is null while nobody knows it. */
export interface Progress {
  /**
   * Into browser storage, from there to the device; (on WebGPU) trying and compiling kernels; or
   * reading what is stored again.
   */
  readonly phase: "transfer" | "load" | "prepare" | "check";
  readonly name: string;
  readonly loaded: number;
  readonly total: number | null;
  /** Only while a pull stands still and waits for its server; bytes are as before. */
  readonly retry?: Retry;
}

/**
 * A wait before a server is asked again. It is told once, when it begins; the next progress without
 * it ends it, or the pull fails when the last try has failed too.
 */
export interface Retry {
  /** Which try comes next; the first of all is 1. */
  readonly attempt: number;
  /** Tries in a row without a byte before the pull gives up. */
  readonly of: number;
  /** Milliseconds until it comes, counted from this message. */
  readonly waitMs: number;
  /** The server answered that it cannot now; otherwise it did not answer, or stopped. */
  readonly busy: boolean;
}

export interface LoadOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** Tokens of context; default: what the model was made for, at most 4096. */
  readonly contextLength?: number;
  readonly kvType?: KvType;
  /**
   * Conversations that are answered at the same time, each with a context of its own. Default: 2,
   * or 1 where the memory of a second context would be more than 256 MiB.
   */
  readonly slots?: number;
}

export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
}

/** Sampling as in the `ingle` command: a value left out is the model-independent default. */
export interface Sampling {
  /** 0 is greedy. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly typicalP?: number;
  readonly repeatPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly repeatLastN?: number;
  readonly seed?: number;
}

/**
 * What is not said here is as the model's Modelfile says (its parameters but the seed, its system
 * prompt before `messages` that begin with none), else as the engine does by itself.
 */
export interface GenerateSettings extends Sampling {
  /** Text as it is, or a conversation that goes through the model's chat template. */
  readonly prompt?: string;
  readonly messages?: readonly Message[];
  /** Instead of the model's chat template: one in Jinja, or in Go as a Modelfile has it. */
  readonly template?: string;
  /** Token ids as they are; nothing is added. */
  readonly tokens?: readonly number[];
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
  /** Goes on where the model ends its answer, until `maxTokens` (default false). */
  readonly ignoreEos?: boolean;
  /**
   * Ids of this very answer that were written before: of all its pieces, in their order. They are
   * played again and not given again; the answer goes on behind them, as it would have with the
   * same seed. Text of an earlier last piece that came without ids comes again. `maxTokens` counts
   * them.
   */
  readonly resume?: readonly number[];
  /**
   * Keeps what the model has of this conversation in this browser's private storage, so that it is
   * not read again after a reload; see `snapshots` for their room and how to delete them. Without
   * it nothing is kept. Where the browser has no private file system it means nothing.
   */
  readonly snapshot?: SnapshotWish;
}

export interface SnapshotWish {
  /** Of the conversation: any text, the same for each of its turns. */
  readonly name: string;
  /**
   * Most bytes that the snapshots of all conversations may have together (default 1 GiB); those go
   * first that were not used for longest.
   */
  readonly maxBytes?: number;
}

export interface GenerateOptions extends GenerateSettings {
  readonly signal?: AbortSignal;
}

export type FinishReason = "stop" | "length" | "context" | "cancelled";

export interface Timings {
  readonly promptTokens: number;
  /** Prompt tokens that were in the cache from the turn before, or came from a snapshot. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

/** A piece of an answer. The last one has `done`; its text is what was held back until then. */
export type Piece =
  | {
      readonly done: false;
      /** Never ends inside a character. Empty while the prompt is read. */
      readonly text: string;
      readonly tokens: readonly number[];
      /** Given once instead of text, before everything else, of a model that thinks. */
      readonly thinking?: Thinking;
      /** Given instead of text while the prompt is read. */
      readonly reading?: Reading;
      /** Given instead of text: the engine was lost, and this answer goes on in the next one. */
      readonly resumed?: LossReason;
    }
  | {
      readonly done: true;
      readonly text: string;
      readonly tokens: readonly number[];
      readonly reason: FinishReason;
      readonly timings: Timings;
    };

/**
 * Why an engine was lost: the graphics device went away or had no memory left, the WebAssembly
 * module trapped, the browser ended the worker, the tab that had it was closed or put to sleep.
 */
export type LossReason = "gpu" | "memory" | "crash" | "killed" | "leader" | "frozen";

/**
 * What became of the engine. `recovering`: it was lost, and the next one is started with the same
 * model, and goes on with what was asked. `failed`: that did not help, and this engine has ended.
 */
export interface EngineState {
  readonly state: "ready" | "recovering" | "failed" | "follower" | "leader";
  readonly reason: LossReason | null;
  /** For a person. */
  readonly sentence: string;
}

/**
 * How a model writes what it thinks before it answers: between two marks, which are part of the
 * text of its pieces. `Thoughts` takes them apart.
 */
export interface Thinking {
  readonly open: string;
  readonly close: string;
  /** The prompt ends with `open`, so the answer begins inside. */
  readonly begun: boolean;
}

/** How much of the prompt has been read. */
export interface Reading {
  readonly done: number;
  readonly total: number;
}

export interface TokenizeOptions {
  /** Begin and end tokens as the file asks for (default true). */
  readonly addSpecial?: boolean;
  /** Read `<|…|>` in the text as the control token of that name (default true). */
  readonly parseSpecial?: boolean;
}

export interface LogitsOptions {
  /** All positions (row by row) instead of the last one. */
  readonly all?: boolean;
}

export interface ModelInfo {
  /** File name. */
  readonly name: string;
  /** `general.name` of the file, or its file name. */
  readonly title: string;
  readonly architecture: string;
  readonly fileBytes: number;
  /** The type most of the weights have, such as "Q4_K". */
  readonly weightType: string;
  readonly nVocab: number;
  readonly nLayers: number;
  readonly contextLength: number;
  /** Conversations at the same time, each with a context of its own. */
  readonly slots: number;
  readonly trainedContext: number;
  /** False if neither file nor Modelfile brings a template and the stated fallback is used. */
  readonly hasTemplate: boolean;
  readonly templateNote: string | null;
  /** What its Modelfile says; null where it says nothing. */
  readonly temperature: number | null;
  readonly device: "cpu" | "gpu";
  readonly deviceName: string;
  readonly kernels: readonly (readonly [string, string])[];
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly scratchBytes: number;
  readonly loadMs: number;
}

/** Something that is not an error and that a person should know, such as "no WebGPU here". */
export interface Notice {
  readonly code: string;
  readonly message: string;
}

export interface EngineInfo {
  readonly device: "cpu" | "gpu";
  readonly adapter: string;
  readonly features: readonly string[];
  readonly kernels: readonly (readonly [string, string])[];
  /** What tuning found about the graphics chip, as sentences. */
  readonly tuned: readonly string[];
  /** The WebAssembly module in use, see `StartOptions.module`. */
  readonly module: string;
  /** Most bytes the WebAssembly memory ever had (it only grows). */
  readonly peakWasmBytes: number;
  /** `browser`: files stay after a reload. `memory`: they are gone with the tab. */
  readonly storage: "browser" | "memory";
  readonly notices: readonly Notice[];
  /** Requests the worker made since it started, newest last. */
  readonly requests: readonly MadeRequest[];
}

/** A request of the worker: when it was made (milliseconds since 1970), and the bytes that came. */
export interface MadeRequest {
  readonly at: number;
  readonly host: string;
  readonly bytes: number;
}

/** One thing to measure, in tokens: read a prompt, write an output, or one after the other. */
export interface BenchTest {
  readonly prompt?: number;
  readonly output?: number;
  /** Tokens that are in the context before; they are read first, and not timed. */
  readonly depth?: number;
}

export interface BenchSettings {
  /** Default: read 512 tokens; write 128. */
  readonly tests?: readonly BenchTest[];
  /** Timed runs of each test (default 5). */
  readonly runs?: number;
  /** Runs before them that are not timed (default 1). */
  readonly warmUps?: number;
  /** Measure what the device can do at best, for the limits (default true). */
  readonly peaks?: boolean;
  /** One more run of each test, with a timer around every kernel (default false). */
  readonly profile?: boolean;
}

export interface BenchOptions extends BenchSettings {
  readonly onProgress?: (progress: BenchProgress) => void;
  /** Called with each row when it is complete. */
  readonly onRow?: (row: BenchRow) => void;
  /** Ends the bench early: the rows so far are the result. */
  readonly signal?: AbortSignal;
}

export interface BenchProgress {
  /** "pp512" reads 512 tokens, "tg128@d2048" writes 128 behind 2048 others. */
  readonly test: string;
  /** Its place among the tests, from 0. */
  readonly index: number;
  readonly nTests: number;
  readonly step: "fill" | "warm-up" | "peaks" | "run" | "profile";
  /** Number of the timed run, from 1; 0 in other steps. */
  readonly run: number;
  readonly nRuns: number;
  /** Null while nothing comparable was measured. */
  readonly secondsLeft: number | null;
}

/** All calls of one kernel within a run. */
export interface BenchKernel {
  readonly op: string;
  readonly kernel: string;
  readonly calls: number;
  readonly ms: number;
}

/**
 * What one test gave, under the names of `ingle bench --format json`. `_ts` is tokens per second;
 * a number is null where it was not measured or does not apply.
 */
export interface BenchRow {
  readonly model: string;
  readonly type: string;
  readonly file: string;
  readonly device: string;
  /** The device and its kernels, for people. */
  readonly name: string | null;
  readonly kv_type: KvType;
  readonly test: string;
  readonly n_prompt: number;
  readonly n_gen: number;
  readonly n_depth: number;
  readonly n_warmup: number;
  readonly outcome: "done" | "interrupted" | "failed";
  /** Why there are no numbers. */
  readonly error: string | null;
  readonly avg_ts: number | null;
  readonly stddev_ts: number | null;
  readonly median_ts: number | null;
  readonly samples_ts: readonly number[];
  readonly first_token_ms: number | null;
  /** Time to write and submit one token's commands to the graphics chip. */
  readonly host_us_per_token: number | null;
  /** False if other work on the device, or an interruption, shaped the numbers. */
  readonly is_steady: boolean;
  /** What to know before comparing this row with another, as sentences. */
  readonly notes: readonly string[];
  readonly size_bytes: number | null;
  readonly load_ms: number | null;
  readonly peak_read_bytes_per_s: number | null;
  readonly peak_op_per_s: number | null;
  readonly peak_op_kind: string | null;
  /** What the device's peaks allow. */
  readonly limit_ts: number | null;
  /** Which of them it is. */
  readonly bound: string | null;
  /** Mean over limit. */
  readonly limit_share: number | null;
  /** With `profile`: where one run's time went. Empty where the device has no timers. */
  readonly profile: readonly BenchKernel[];
}
