/**
 * `Wllama` as programs written for @wllama/wllama (version 3) use it, over this package's engine.
 * What has no meaning here (addresses of WebAssembly files, GPU layers, batch sizes) is accepted
 * and left out; what this engine cannot do (audio, images, reranking) rejects with a sentence.
 */

import { Engine } from "../public/engine.js";
import { EngineError } from "../public/errors.js";
import type { Model } from "../public/model.js";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionMessageParam,
  Completion,
  CreateEmbeddingResponse,
} from "../public/openai.js";
import type { KvType, Progress, Source } from "../public/types.js";

/** Addresses of wllama's own files; not used. */
export type AssetsPathConfig = Readonly<Record<string, string>>;

export interface WllamaLogger {
  debug(...words: unknown[]): void;
  log(...words: unknown[]): void;
  warn(...words: unknown[]): void;
  error(...words: unknown[]): void;
}

export interface WllamaConfig {
  readonly logger?: WllamaLogger;
  readonly suppressNativeLog?: boolean;
  readonly parallelDownloads?: number;
  readonly allowOffline?: boolean;
  /** Of this package: an engine to share; without one its own is started. */
  readonly engine?: Engine;
}

export interface LoadModelParams {
  readonly n_ctx?: number;
  readonly n_parallel?: number;
  readonly n_threads?: number;
  /** 0 computes on the processor. */
  readonly n_gpu_layers?: number;
  readonly cache_type_k?: string;
  readonly [other: string]: unknown;
}

export interface DownloadOptions {
  readonly progressCallback?: (progress: { loaded: number; total: number }) => unknown;
  readonly signal?: AbortSignal;
  readonly useCache?: boolean;
}

export interface HuggingFaceParams {
  readonly repo: string;
  readonly file?: string;
  readonly quant?: string;
}

/** How tokens are chosen, in wllama's words and OpenAI's. */
export interface Sampling {
  readonly abortSignal?: AbortSignal;
  readonly max_tokens?: number;
  readonly temperature?: number;
  readonly temp?: number;
  readonly top_k?: number;
  readonly top_p?: number;
  readonly min_p?: number;
  readonly seed?: number;
  readonly stop?: string | string[];
  readonly model?: string;
  readonly [other: string]: unknown;
}

export type ChatCompletionParams = Sampling & {
  readonly messages: readonly ChatCompletionMessageParam[];
};
export type RawCompletionParams = Sampling & { readonly prompt: string | string[] };
/** Each chunk goes to a function. */
export interface Streamed<T> {
  readonly stream: true;
  readonly onData: (chunk: T) => void;
}

export type WllamaErrorType =
  | "model_not_loaded"
  | "download_error"
  | "load_error"
  | "kv_cache_full"
  | "unknown_error"
  | "inference_error";

export class WllamaError extends Error {
  readonly type: WllamaErrorType;

  constructor(message: string, type: WllamaErrorType = "unknown_error") {
    super(message);
    this.name = "WllamaError";
    this.type = type;
  }
}

export class WllamaAbortError extends Error {
  override name = "AbortError";

  constructor() {
    super("Operation aborted");
  }
}

/** A logger that says nothing of what only developers want to know. */
export const LoggerWithoutDebug: WllamaLogger = {
  debug: () => undefined,
  log: (...words) => console.log(...words),
  warn: (...words) => console.warn(...words),
  error: (...words) => console.error(...words),
};

/** See the module's header. */
export class Wllama {
  readonly #config: WllamaConfig;
  #engine: Promise<Engine> | null = null;
  #model: Model | null = null;

  constructor(_paths: AssetsPathConfig = {}, config: WllamaConfig = {}) {
    this.#config = config;
  }

  isModelLoaded(): boolean {
    return this.#model !== null;
  }

  isSupportWebGPU(): boolean {
    return "gpu" in navigator;
  }

  /** Loads a GGUF file by its address; of a split model, by that of its first part. */
  loadModelFromUrl(
    source: string | { readonly url: string },
    params: LoadModelParams & DownloadOptions = {},
  ): Promise<void> {
    const url = typeof source === "string" ? source : source.url;
    return this.#load({ url }, params);
  }

  /** Loads a file of a repository on Hugging Face. */
  async loadModelFromHF(
    { repo, file, quant }: HuggingFaceParams,
    params: LoadModelParams & DownloadOptions = {},
  ): Promise<void> {
    if (file) {
      return this.#load({ url: `https://huggingface.co/${repo}/resolve/main/${file}` }, params);
    }
    const name = `hf.co/${repo}${quant ? `:${quant}` : ""}`;
    const engine = await this.#started(params);
    try {
      await pull(engine, name, params);
    } catch (error) {
      throw wrapped(error, "download_error");
    }
    return this.#load({ name }, params);
  }

  /** Loads a model of files that were chosen: one, or all parts of a split one. */
  loadModel(blobs: readonly Blob[], params: LoadModelParams = {}): Promise<void> {
    const file = blobs.map((blob, i) =>
      blob instanceof File ? blob : new File([blob], `model-${i}.gguf`),
    );
    return this.#load({ file }, params);
  }

  createChatCompletion(
    options: ChatCompletionParams & Streamed<ChatCompletionChunk>,
  ): Promise<void>;
  createChatCompletion(
    options: ChatCompletionParams & { readonly stream: true },
  ): Promise<AsyncIterable<ChatCompletionChunk>>;
  createChatCompletion(
    options: ChatCompletionParams & { readonly stream?: false },
  ): Promise<ChatCompletion>;
  createChatCompletion(options: ChatCompletionParams): Promise<unknown> {
    return this.#create((engine, body, signal) =>
      engine.chat.completions.create(body as never, { signal }), options);
  }

  createCompletion(options: RawCompletionParams & Streamed<Completion>): Promise<void>;
  createCompletion(
    options: RawCompletionParams & { readonly stream: true },
  ): Promise<AsyncIterable<Completion>>;
  createCompletion(
    options: RawCompletionParams & { readonly stream?: false },
  ): Promise<Completion>;
  createCompletion(options: RawCompletionParams): Promise<unknown> {
    return this.#create((engine, body, signal) =>
      engine.completions.create(body as never, { signal }), options);
  }

  async createEmbedding(options: {
    readonly input: string | string[] | number[] | number[][];
    readonly [other: string]: unknown;
  }): Promise<CreateEmbeddingResponse> {
    const [engine, model] = await this.#loaded();
    try {
      return await engine.embeddings.create({ model: model.info.name, input: options.input });
    } catch (error) {
      throw wrapped(error, "inference_error");
    }
  }

  /** Sizes of the model that is loaded, in wllama's words. */
  getLoadedContextInfo(): { n_vocab: number; n_ctx: number; n_ctx_train: number; n_layer: number } {
    if (!this.#model) throw notLoaded();
    const { nVocab, contextLength, trainedContext, nLayers } = this.#model.info;
    return { n_vocab: nVocab, n_ctx: contextLength, n_ctx_train: trainedContext, n_layer: nLayers };
  }

  /** Frees the model, and the engine unless it is shared. */
  async exit(): Promise<void> {
    const engine = await this.#engine?.catch(() => null);
    if (this.#config.engine) await this.#model?.unload();
    else await engine?.stop();
    this.#engine = null;
    this.#model = null;
  }

  async #load(source: Source, params: LoadModelParams & DownloadOptions): Promise<void> {
    const { n_ctx, n_parallel, cache_type_k, progressCallback, signal } = params;
    const kvType = (["f32", "f16", "q8_0"] as const).find((kind) => kind === cache_type_k);
    const onProgress = ({ phase, loaded, total }: Progress) => {
      if (phase === "transfer") progressCallback?.({ loaded, total: total ?? 0 });
    };
    try {
      const engine = await this.#started(params);
      this.#model = await engine.load(source, {
        onProgress,
        ...given({ signal, contextLength: n_ctx, slots: n_parallel, kvType }),
      });
      this.#config.logger?.debug("model loaded", this.#model.info.title);
    } catch (error) {
      throw wrapped(error, "load_error");
    }
  }

  #started(params: LoadModelParams): Promise<Engine> {
    const { n_gpu_layers, n_threads } = params;
    this.#engine ??= this.#config.engine
      ? Promise.resolve(this.#config.engine)
      : Engine.start({
          device: n_gpu_layers === 0 ? "cpu" : "auto",
          ...given({ threads: n_threads && n_threads > 0 ? n_threads : undefined }),
        });
    return this.#engine;
  }

  async #loaded(): Promise<[Engine, Model]> {
    if (!this.#engine || !this.#model) throw notLoaded();
    return [await this.#engine, this.#model];
  }

  async #create(
    ask: (engine: Engine, body: object, signal: AbortSignal | undefined) => Promise<unknown>,
    options: Sampling & { readonly onData?: (chunk: never) => void },
  ): Promise<unknown> {
    const { abortSignal, onData, temp, ...rest } = options;
    const [engine, { info }] = await this.#loaded();
    const body = { ...given({ temperature: temp }), ...rest, model: info.name };
    try {
      const answer = await ask(engine, body, abortSignal);
      if (!rest.stream || !onData) return answer;
      for await (const chunk of answer as AsyncIterable<never>) onData(chunk);
      if (abortSignal?.aborted) throw new WllamaAbortError();
      return undefined;
    } catch (error) {
      throw wrapped(error, "inference_error");
    }
  }
}

async function pull(engine: Engine, model: string, options: DownloadOptions): Promise<void> {
  const response = await engine.fetch("/api/pull", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, stream: false }),
    ...given({ signal: options.signal }),
  });
  const { error } = (await response.json()) as { error?: string };
  if (error) throw new WllamaError(error, "download_error");
}

/** Without what is undefined, which is not the same as left out. */
function given<T extends object>(options: T): { [K in keyof T]: NonNullable<T[K]> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: NonNullable<T[K]> };
}

function notLoaded(): WllamaError {
  return new WllamaError("No model is loaded. Call loadModel() first.", "model_not_loaded");
}

/** wllama's error for one of this package. */
function wrapped(error: unknown, type: WllamaErrorType): Error {
  if (error instanceof WllamaError || error instanceof WllamaAbortError) return error;
  const { code, message } = EngineError.from(error);
  if (code === "aborted") return new WllamaAbortError();
  if (code === "ctx.full") return new WllamaError(message, "kv_cache_full");
  if (code.startsWith("net.") || code.startsWith("store.")) {
    return new WllamaError(message, "download_error");
  }
  return new WllamaError(message, type);
}

export type { ChatCompletion, ChatCompletionChunk, Completion, KvType };
