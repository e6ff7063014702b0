/**
 * `CreateMLCEngine` and `MLCEngine` as programs written for @mlc-ai/web-llm use them, over this
 * package's engine and GGUF files.
 *
 * A model's id is looked up in `appConfig.model_list`, where `model` is the address of a GGUF file
 * (or of a repository on Hugging Face that has one) and `model_lib` is not used; an id that is not
 * in the list is an address, a reference such as `hf.co/owner/repo:Q4_K_M`, or the name of a model
 * of this browser. WebLLM's own compiled models are of another kind and are refused.
 */

import { Engine } from "../public/engine.js";
import { EngineError } from "../public/errors.js";
import type { Model } from "../public/model.js";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
  Completion,
  CompletionCreateParams,
  CompletionUsage,
  CreateEmbeddingResponse,
  EmbeddingCreateParams,
} from "../public/openai.js";
import type { Stream } from "../public/stream.js";
import type { Progress, Source } from "../public/types.js";

/** The model is the one that was loaded. */
export type WithoutModel<T> = Omit<T, "model"> & { model?: string };

export interface InitProgressReport {
  /** From 0 to 1. */
  progress: number;
  /** Seconds. */
  timeElapsed: number;
  text: string;
}

export type InitProgressCallback = (report: InitProgressReport) => void;

export interface ModelRecord {
  readonly model: string;
  readonly model_id: string;
  readonly model_lib?: string;
  readonly overrides?: ChatOptions;
  readonly [other: string]: unknown;
}

export interface AppConfig {
  readonly model_list: readonly ModelRecord[];
  readonly [other: string]: unknown;
}

export interface ChatOptions {
  readonly context_window_size?: number;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly frequency_penalty?: number;
  readonly presence_penalty?: number;
  readonly [other: string]: unknown;
}

export interface MLCEngineConfig {
  readonly appConfig?: AppConfig;
  readonly initProgressCallback?: InitProgressCallback;
  readonly logLevel?: string;
  /** Of this package: an engine to share; without one its own is started. */
  readonly engine?: Engine;
  readonly [other: string]: unknown;
}

/** Nothing is built in: every GGUF file is a model. */
export const prebuiltAppConfig: AppConfig = { model_list: [] };

/** Starts an engine and loads a model. */
export async function CreateMLCEngine(
  modelId: string,
  engineConfig: MLCEngineConfig = {},
  chatOpts: ChatOptions = {},
): Promise<MLCEngine> {
  const engine = new MLCEngine(engineConfig);
  await engine.reload(modelId, chatOpts);
  return engine;
}

/** The engine always lives in a worker of its own, so that of the page is not needed. */
export async function CreateWebWorkerMLCEngine(
  _worker: unknown,
  modelId: string,
  engineConfig: MLCEngineConfig = {},
  chatOpts: ChatOptions = {},
): Promise<MLCEngine> {
  return CreateMLCEngine(modelId, engineConfig, chatOpts);
}

/** As {@link CreateMLCEngine}; see the bridge for an engine behind a service worker. */
export const CreateServiceWorkerMLCEngine = CreateMLCEngine;

/** The other end of {@link CreateWebWorkerMLCEngine}, which has nothing to do. */
export class WebWorkerMLCEngineHandler {
  onmessage(_event: MessageEvent): void {
    // see CreateWebWorkerMLCEngine
  }
}

/** See the module's header. */
export class MLCEngine {
  #config: MLCEngineConfig;
  #engine: Promise<Engine> | null = null;
  #model: Model | null = null;
  #defaults: Record<string, unknown> = {};
  #running = new Set<AbortController>();
  #message = "";
  #usage: CompletionUsage | null = null;

  readonly chat = {
    completions: {
      create: ((body: WithoutModel<ChatCompletionCreateParams>) => this.#chat(body)) as {
        (body: WithoutModel<ChatCompletionCreateParamsNonStreaming>): Promise<ChatCompletion>;
        (
          body: WithoutModel<ChatCompletionCreateParamsStreaming>,
        ): Promise<AsyncIterable<ChatCompletionChunk>>;
      },
    },
  };
  readonly completions = {
    create: (
      body: WithoutModel<CompletionCreateParams>,
    ): Promise<Completion | AsyncIterable<Completion>> => this.#completion(body),
  };
  readonly embeddings = {
    create: (body: WithoutModel<EmbeddingCreateParams>): Promise<CreateEmbeddingResponse> =>
      this.#embedding(body),
  };

  constructor(config: MLCEngineConfig = {}) {
    this.#config = config;
  }

  setInitProgressCallback(initProgressCallback: InitProgressCallback): void {
    this.#config = { ...this.#config, initProgressCallback };
  }

  getInitProgressCallback(): InitProgressCallback | undefined {
    return this.#config.initProgressCallback;
  }

  setAppConfig(appConfig: AppConfig): void {
    this.#config = { ...this.#config, appConfig };
  }

  setLogLevel(_level: string): void {
    // this engine writes no log
  }

  /** Loads a model in place of the one before. */
  async reload(modelId: string | readonly string[], chatOpts: ChatOptions = {}): Promise<void> {
    const id = typeof modelId === "string" ? modelId : (modelId[0] ?? "");
    const record = this.#config.appConfig?.model_list.find(({ model_id }) => model_id === id);
    if (record?.model_lib?.endsWith(".wasm") && !/\.gguf($|\?)/.test(record.model)) refuse(id);
    const start = performance.now();
    const { context_window_size: contextLength, ...defaults } = {
      ...record?.overrides,
      ...chatOpts,
    };
    this.#defaults = defaults;
    const engine = await this.#started();
    const source = await stored(engine, record?.model ?? id);
    const onProgress = (progress: Progress) => this.#report(progress, start);
    this.#model = await engine.load(source, {
      onProgress,
      ...(contextLength ? { contextLength } : {}),
    });
    const timeElapsed = (performance.now() - start) / 1000;
    this.#config.initProgressCallback?.({
      progress: 1,
      timeElapsed,
      text: `Finish loading on ${this.#model.info.deviceName}`,
    });
  }

  chatCompletion(
    body: WithoutModel<ChatCompletionCreateParams>,
  ): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>> {
    return this.#chat(body);
  }

  completion(
    body: WithoutModel<CompletionCreateParams>,
  ): Promise<Completion | AsyncIterable<Completion>> {
    return this.#completion(body);
  }

  embedding(body: WithoutModel<EmbeddingCreateParams>): Promise<CreateEmbeddingResponse> {
    return this.#embedding(body);
  }

  /** Ends what is being written; the loop over it ends too. */
  interruptGenerate(): void {
    for (const controller of this.#running) controller.abort();
  }

  /** The text of the last answer. */
  async getMessage(): Promise<string> {
    return this.#message;
  }

  async runtimeStatsText(): Promise<string> {
    const { prompt_tokens = 0, completion_tokens = 0 } = this.#usage ?? {};
    return `prompt: ${prompt_tokens} tokens, answer: ${completion_tokens} tokens`;
  }

  /** Conversations are not kept here: each request brings its own. */
  async resetChat(): Promise<void> {
    this.#message = "";
    this.#usage = null;
  }

  async getGPUVendor(): Promise<string> {
    return (await (await this.#started()).info()).adapter;
  }

  /** Frees the model, and the engine unless it is shared. */
  async unload(): Promise<void> {
    this.interruptGenerate();
    const engine = await this.#engine?.catch(() => null);
    if (this.#config.engine) await this.#model?.unload();
    else await engine?.stop();
    this.#engine = null;
    this.#model = null;
  }

  async #chat(
    body: WithoutModel<ChatCompletionCreateParams>,
  ): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>> {
    const [engine, model] = this.#loaded();
    const controller = new AbortController();
    const asked = { ...this.#defaults, ...body, model } as ChatCompletionCreateParams;
    const answer = await this.#run(controller, async (options) =>
      (await engine).chat.completions.create(asked, options),
    );
    if (asked.stream) {
      return this.#follow(answer as Stream<ChatCompletionChunk>, controller, (chunk) => {
        this.#usage = chunk.usage ?? this.#usage;
        return chunk.choices[0]?.delta.content ?? "";
      });
    }
    const whole = answer as ChatCompletion;
    this.#message = whole.choices[0]?.message.content ?? "";
    this.#usage = whole.usage ?? null;
    return whole;
  }

  async #completion(
    body: WithoutModel<CompletionCreateParams>,
  ): Promise<Completion | AsyncIterable<Completion>> {
    const [engine, model] = this.#loaded();
    const controller = new AbortController();
    const asked = { ...this.#defaults, ...body, model } as CompletionCreateParams;
    const answer = await this.#run(controller, async (options) =>
      (await engine).completions.create(asked, options),
    );
    if (asked.stream) {
      const text = (chunk: Completion) => chunk.choices[0]?.text ?? "";
      return this.#follow(answer as Stream<Completion>, controller, text);
    }
    return answer as Completion;
  }

  async #embedding(body: WithoutModel<EmbeddingCreateParams>): Promise<CreateEmbeddingResponse> {
    const [engine, model] = this.#loaded();
    return (await engine).embeddings.create({ ...body, model });
  }

  /** Passes chunks on and keeps the text. */
  async *#follow<T>(
    chunks: AsyncIterable<T>,
    controller: AbortController,
    text: (chunk: T) => string,
  ): AsyncGenerator<T, void, void> {
    this.#message = "";
    this.#running.add(controller);
    try {
      for await (const chunk of chunks) {
        this.#message += text(chunk);
        yield chunk;
      }
    } finally {
      this.#running.delete(controller);
    }
  }

  /** Until the answer is there, or begins, `interruptGenerate` ends it; then its reader does. */
  async #run<T>(
    controller: AbortController,
    ask: (options: { signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    this.#running.add(controller);
    try {
      return await ask({ signal: controller.signal });
    } finally {
      this.#running.delete(controller);
    }
  }

  #started(): Promise<Engine> {
    this.#engine ??= this.#config.engine
      ? Promise.resolve(this.#config.engine)
      : Engine.start();
    return this.#engine;
  }

  #loaded(): [Promise<Engine>, string] {
    if (!this.#engine || !this.#model) {
      throw new EngineError(
        "model.unloaded",
        "No model is loaded. Call CreateMLCEngine() or reload() with one first.",
      );
    }
    return [this.#engine, this.#model.info.name];
  }

  #report({ phase, name, loaded, total }: Progress, start: number): void {
    const progress = total ? loaded / total : 0;
    const what = phase === "transfer" ? "Fetching" : "Loading";
    const text = `${what} ${name}: ${Math.round(100 * progress)}% completed`;
    const timeElapsed = (performance.now() - start) / 1000;
    // The whole is done when it is loaded, so fetching counts for half.
    const done = phase === "transfer" ? progress / 2 : 0.5 + progress / 2;
    this.#config.initProgressCallback?.({ progress: Math.min(done, 1), timeElapsed, text });
  }
}

/** What `load` takes for an id; references are pulled first. */
async function stored(engine: Engine, id: string): Promise<Source> {
  if (/\.gguf($|\?)/.test(id)) return { url: new URL(id, document.baseURI) };
  const reference = id.replace(/^https:\/\/(huggingface\.co|hf\.co)\//, "hf.co/");
  if (reference.startsWith("hf.co/")) {
    const response = await engine.fetch("/api/pull", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: reference, stream: false }),
    });
    const { error } = (await response.json()) as { error?: string };
    if (error) throw new EngineError("model.missing", error);
  }
  return { name: reference };
}

function refuse(id: string): never {
  throw new EngineError(
    "model.unsupported",
    `${id} is compiled for WebLLM, which this engine does not run. Give its entry in model_list ` +
      "the address of a GGUF file as 'model'.",
  );
}
