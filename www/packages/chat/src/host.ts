import {
  Engine,
  EngineError,
  type EngineInfo,
  type Model,
  type Progress,
  type Source,
  type StoredModel,
} from "@ingle/engine";

/** Lasts from one start of the engine to its end; after a crash the next call starts a new one. */
export class Host {
  #engine: Promise<Engine> | null = null;
  #loading: AbortController | null = null;
  model: Model | null = null;
  /** File of the model that was in use last; it can be loaded again after a crash. */
  lastName: string | null = null;
  info: EngineInfo | null = null;
  /** The worker ended by itself: crashed, or killed by the browser. */
  onGone: (error: EngineError) => void = () => undefined;

  get isLoading(): boolean {
    return this.#loading !== null;
  }

  /** The engine, started if there is none. */
  engine(): Promise<Engine> {
    this.#engine ??= this.#start();
    return this.#engine;
  }

  async #start(): Promise<Engine> {
    const params = new URLSearchParams(location.search);
    const wanted = params.get("device");
    const device = wanted === "cpu" || wanted === "gpu" ? wanted : "auto";
    try {
      const engine = await Engine.start({ device });
      engine.onGone = (error) => {
        this.#engine = null;
        this.model = null;
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
  async load(source: Source, onProgress: (progress: Progress) => void): Promise<Model> {
    this.cancelLoad();
    const stop = new AbortController();
    const before = this.model;
    this.#loading = stop;
    try {
      const engine = await this.engine();
      this.model = null;
      this.model = await engine.load(source, { onProgress, signal: stop.signal });
      this.lastName = this.model.info.name;
      this.info = await engine.info();
      return this.model;
    } catch (error) {
      // A file that was refused at its header, or a cancelled copy, leaves the model in its place.
      if (before && this.#engine)
        this.model = await before.tokenize("").then(
          () => before,
          () => null,
        );
      throw error;
    } finally {
      if (this.#loading === stop) this.#loading = null;
    }
  }

  /** Ends the engine, so that the next load starts a new one: after the graphics chip was reset. */
  async reset(): Promise<void> {
    const engine = await this.#engine?.catch(() => null);
    this.#engine = null;
    this.model = null;
    if (!engine) return;
    engine.onGone = null;
    await engine.stop();
  }

  cancelLoad(): void {
    this.#loading?.abort();
    this.#loading = null;
  }

  async stored(): Promise<StoredModel[]> {
    return (await this.engine()).models();
  }

  async remove(name: string): Promise<void> {
    await (await this.engine()).remove(name);
  }

  async refresh(): Promise<EngineInfo | null> {
    if (!this.#engine) return this.info;
    this.info = await (await this.engine()).info();
    return this.info;
  }
}

export { EngineError };
