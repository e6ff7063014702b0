import {
  Engine,
  EngineError,
  type EngineInfo,
  type EngineState,
  type Model,
  type Models,
  type Notice,
  type Progress,
  type Source,
  type StoredModel,
} from "@ingle/engine";

import { isDemo } from "./demo.js";
import { type ChatModel, TabModel } from "./model.js";
import type { Served } from "./server/model.js";
import { Server } from "./server/server.js";
import { saveLastModel } from "./settings.js";
import { openTemplates } from "./templates/dialog.js";

/** What can be loaded: a model for this tab, or one that the server has. */
export type AnySource = Source | Pulled | { readonly served: Served };

/** An address whose file is stored under a name first, and must have this digest. */
export interface Pulled {
  readonly pull: string;
  readonly name: string;
  readonly digest: string;
}

interface LoadWishes {
  readonly onProgress: (progress: Progress) => void;
  /** Tokens; without it the engine decides. */
  readonly contextLength: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Where models come from: the engine, which all tabs of the app share, and the server that sent the
 * page, if one did. An engine lasts from its start to its end, over all it recovers from by itself;
 * when it has given up the next call starts a new one.
 */
export class Host {
  readonly server = Server.ofPage();
  #engine: Promise<Engine> | null = null;
  #loading: AbortController | null = null;
  /** The one that answers. */
  current: ChatModel | null = null;
  /** The one in this tab, which the bench measures. */
  model: Model | null = null;
  /** File of the model that was in use last; it can be loaded again after a crash. */
  lastName: string | null = null;
  info: EngineInfo | null = null;
  /** It was lost too often to be started again. */
  onGone: (error: EngineError) => void = () => undefined;
  /** It is lost, or back, or another tab has it. */
  onState: (state: EngineState) => void = () => undefined;
  onNotice: (notice: Notice) => void = () => undefined;
  /** Where it shall compute. */
  device: "auto" | "cpu" | "gpu" = wantedDevice();

  /** The page has begun and may still load the model that was used last. */
  isStarting = true;

  /** The demo model answers. */
  get usesDemo(): boolean {
    return this.current instanceof TabModel && isDemo(this.lastName ?? "");
  }

  /** There is no engine now, and none on its way. */
  get isGone(): boolean {
    return this.#engine === null;
  }

  get isLoading(): boolean {
    return this.#loading !== null;
  }

  /** The engine, started if there is none. */
  engine(): Promise<Engine> {
    this.#engine ??= this.#start();
    return this.#engine;
  }

  async #start(): Promise<Engine> {
    try {
      const engine = await Engine.start({ device: this.device, share: "tabs" });
      engine.onState = (state) => this.onState(state);
      engine.onNotice = (notice) => this.onNotice(notice);
      engine.onGone = (error) => {
        this.#engine = null;
        this.#forget();
        this.onGone(error);
      };
      this.info = await engine.info();
      return engine;
    } catch (error) {
      this.#engine = null;
      throw error;
    }
  }

  /** Loads a model; a load that is still running is cancelled first. */
  async load(
    source: AnySource,
    onProgress: (progress: Progress) => void,
    contextLength?: number,
  ): Promise<ChatModel> {
    this.cancelLoad();
    const stop = new AbortController();
    this.#loading = stop;
    try {
      this.current =
        "served" in source
          ? await this.#open(source.served, stop.signal)
          : await this.#load(source, { onProgress, contextLength, signal: stop.signal });
      saveLastModel(
        "served" in source ? { served: source.served.name } : { name: this.lastName ?? "" },
      );
      return this.current;
    } finally {
      if (this.#loading === stop) this.#loading = null;
    }
  }

  /** A model of the server; the one in this tab gives its memory back. */
  async #open(served: Served, signal: AbortSignal): Promise<ChatModel> {
    if (!this.server)
      throw new EngineError("server.error", "This page came from no ingle server.");
    const opened = await this.server.open(served, signal);
    const before = this.model;
    this.model = null;
    await before?.unload().catch(() => undefined); // an engine that is gone holds nothing
    return opened;
  }

  async #load(
    source: Source | Pulled,
    { onProgress, contextLength, signal }: LoadWishes,
  ): Promise<ChatModel> {
    const before = this.model;
    try {
      const engine = await this.engine();
      const there =
        "pull" in source ? await this.#bring(engine.models, source, onProgress, signal) : source;
      this.#forget();
      this.model = await engine.load(there, {
        onProgress,
        signal,
        ...(contextLength === undefined ? {} : { contextLength }),
      });
      this.lastName = this.model.info.name;
      this.info = await engine.info();
      return new TabModel(this.model, engine);
    } catch (error) {
      // A file that was refused at its header, or a cancelled copy, leaves the model in its place.
      // While another one is on its way, to ask for it would load it again behind that one.
      const isReplaced = this.#loading !== null && this.#loading.signal !== signal;
      if (before && this.#engine && !isReplaced) {
        const isThere = await before.tokenize("").then(
          () => true,
          () => false,
        );
        this.model = isThere ? before : null;
        if (isThere && !this.current) this.current = new TabModel(before, await this.engine());
      }
      throw error;
    }
  }

  /** Stores it, unless it is here. Tabs that are opened together get it once. */
  #bring(
    models: Models,
    { pull, name, digest }: Pulled,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<{ name: string }> {
    const bring = async () => {
      for (const model of await models.list()) {
        if (!model.sources.includes(pull)) continue;
        const { files } = await models.show(model.name);
        if (files.every((file) => file.digest === digest)) return { name: model.name };
      }
      const stored = await models.pull(pull, { name, digest, onProgress, signal });
      return { name: stored.name };
    };
    return navigator.locks.request(`ingle.bring.${name}`, { signal }, bring) as Promise<{
      name: string;
    }>;
  }

  /** The tab's model is gone; a server's stays in use. */
  #forget(): void {
    this.model = null;
    if (this.current?.where.kind === "tab") this.current = null;
  }

  /** Ends the engine, so that the next load starts a new one: after the graphics chip was reset. */
  async reset(): Promise<void> {
    const engine = await this.#engine?.catch(() => null);
    this.#engine = null;
    this.#forget();
    if (!engine) return;
    engine.onGone = null;
    await engine.stop();
  }

  cancelLoad(): void {
    this.#loading?.abort();
    this.#loading = null;
  }

  /** The models kept in this browser. */
  async library(): Promise<Models> {
    return (await this.engine()).models;
  }

  /** Asks in which form the model in this tab is talked to. */
  chooseTemplate(done?: () => void): void {
    const name = this.lastName;
    if (name !== null) void this.library().then((library) => openTemplates(library, name, done));
  }

  async stored(): Promise<StoredModel[]> {
    return (await this.library()).list();
  }

  async remove(name: string): Promise<void> {
    await (await this.library()).rm(name);
  }

  async refresh(): Promise<EngineInfo | null> {
    if (!this.#engine) return this.info;
    this.info = await (await this.engine()).info();
    return this.info;
  }

  /** The engine was started again: what is known of it is asked again. */
  async again(): Promise<void> {
    const info = await this.refresh();
    if (info && this.current instanceof TabModel) this.current.moved(info);
  }
}

/** What `?device=` in the address says. */
function wantedDevice(): "auto" | "cpu" | "gpu" {
  const wanted = new URLSearchParams(location.search).get("device");
  return wanted === "cpu" || wanted === "gpu" ? wanted : "auto";
}

export { EngineError };
