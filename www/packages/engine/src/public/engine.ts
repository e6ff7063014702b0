import { requireBrowser } from "../internal/features.js";
import { Client } from "../internal/client.js";
import { Host } from "../internal/lead-host.js";
import { Tabs } from "../internal/lead-tabs.js";
import { settled } from "../internal/recover-states.js";
import type { BenchEvent, SourceBody } from "../internal/protocol.js";
import { request } from "../internal/http.js";
import { Chat } from "./chat.js";
import { Completions } from "./completions.js";
import { Embeddings } from "./embeddings.js";
import { doctor, type DoctorOptions, type DoctorReport } from "./doctor.js";
import { EngineError } from "./errors.js";
import { Model } from "./model.js";
import { Models } from "./models.js";
import type {
  BenchOptions,
  BenchRow,
  EngineInfo,
  EngineState,
  LoadOptions,
  Notice,
  Source,
  StartOptions,
} from "./types.js";

/**
 * The engine of one page. A dedicated worker behind it owns the WebAssembly module, the graphics
 * device and the stored files; the page itself holds nothing that could freeze it.
 */
export class Engine {
  readonly #client: Client;
  #onState: ((state: EngineState) => void) | null = null;
  #role: EngineState | null = null;

  /** Answers in OpenAI's form: `engine.chat.completions.create({ model, messages })`. */
  readonly chat = new Chat((path, init) => this.fetch(path, init));
  /** Continues a text as it is, in OpenAI's form. */
  readonly completions = new Completions((path, init) => this.fetch(path, init));
  /** Vectors of texts, in OpenAI's form. */
  readonly embeddings = new Embeddings((path, init) => this.fetch(path, init));

  /** The models kept in this browser: `engine.models.pull("llama3.2:1b")`. */
  readonly models: Models;

  private constructor(options: StartOptions) {
    const { workerUrl, device = "auto", threads, module, tuning = "auto" } = options;
    const host = { workerUrl, body: { device, wishes: { threads, module }, tuning } };
    if (options.share === "tabs" && Tabs.isPossible) {
      const group = JSON.stringify([device, threads, module, tuning, String(workerUrl ?? "")]);
      const tabs = new Tabs(group, host);
      this.#client = new Client(tabs);
      tabs.onRole = (role) => this.#tell(settled(role, null));
    } else {
      this.#client = new Client(new Host({ ...host, scope: "ingle-worker/", isShared: false }));
    }
    this.#client.onState = (state) => this.#tell(state);
    this.models = new Models(this.#client, workerUrl, { threads, module });
  }

  /**
   * Starts the worker and chooses the device. Rejects before any WebAssembly is fetched if this
   * browser cannot run it. Without WebGPU the processor is used and a notice says so.
   */
  static async start(options: StartOptions = {}): Promise<Engine> {
    requireBrowser();
    const engine = new Engine(options);
    try {
      await engine.#client.start();
      return engine;
    } catch (error) {
      const reason = EngineError.from(error);
      engine.#client.close(reason);
      throw reason;
    }
  }

  /**
   * Loads a model, replacing the one before: a stored one, or one that is stored first, in pieces
   * and then from there to the device, so that it is never whole in memory.
   */
  async load(source: Source, options: LoadOptions = {}): Promise<Model> {
    const { onProgress, signal, contextLength, kvType, slots } = options;
    if (!("name" in source) || "url" in source) this.models.askToPersist();
    const loaded = await this.#client.call(
      "load",
      { source: sourceBody(source), settings: { contextLength, kvType, slots } },
      { onProgress, signal },
    );
    return new Model(this.#client, loaded);
  }

  /**
   * Measures how fast the model in use reads and writes, on this device and right now; what was in
   * its context is forgotten. Give it a context that the tests fit into, and keep the page in
   * front: browsers slow hidden pages down.
   */
  bench(options: BenchOptions = {}): Promise<BenchRow[]> {
    const { onProgress, onRow, signal, ...settings } = options;
    const onBench = (event: BenchEvent) =>
      "row" in event ? onRow?.(event.row) : onProgress?.(event.progress);
    return this.#client.call("bench", { settings }, { onBench, signal });
  }

  /**
   * Asks the engine as one asks a server: `/api/*` as Ollama answers, `/v1/*` as OpenAI does.
   * Nothing leaves the page. The body of the answer is a stream; aborting `init.signal` or
   * cancelling the stream ends the work behind it.
   */
  fetch(path: string | URL, init: RequestInit = {}): Promise<Response> {
    return request(this.#client, path, init);
  }

  /**
   * Looks at everything a model needs here: the graphics chip's numbers against the processor's,
   * storage, threads, speed. Each row comes as soon as it is known; seconds in all.
   */
  doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
    return doctor(this, options);
  }

  info(): Promise<EngineInfo> {
    return this.#client.call("info", {});
  }

  /** Called with things a person should know that are not errors. */
  set onNotice(listener: ((notice: Notice) => void) | null) {
    this.#client.onNotice = listener;
  }

  /**
   * Called when the engine is lost and found again, and when this tab's part in a shared one
   * changes; with the part it has at once.
   */
  set onState(listener: ((state: EngineState) => void) | null) {
    this.#onState = listener;
    if (this.#role) listener?.(this.#role);
  }

  #tell(state: EngineState): void {
    if (state.state === "leader" || state.state === "follower") this.#role = state;
    this.#onState?.(state);
  }

  /** Called once when the engine has ended: stopped, or lost too often to be started again. */
  set onGone(listener: ((error: EngineError) => void) | null) {
    this.#client.onGone = listener;
  }

  async stop(): Promise<void> {
    this.#client.close(new EngineError("engine.stopped", "The engine was stopped."));
  }
}

function sourceBody(source: Source): SourceBody {
  if ("file" in source) {
    const files = source.file instanceof File ? [source.file] : [...source.file];
    if (files.length > 0) return { kind: "files", files };
  } else if ("url" in source) {
    const url = new URL(source.url, document.baseURI);
    return { kind: "url", url: url.href, name: source.name ?? null };
  } else if (source.name) {
    return { kind: "name", name: source.name };
  }
  throw new EngineError("api.argument", "Say what to load: { file }, { url } or { name }.");
}
