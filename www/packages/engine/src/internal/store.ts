/**
 * The worker's side of the store: the module does the work, here are its calls, and what of it
 * belongs to a load. Calls run beside each other and beside answers.
 */

import type { MadeRequest, Notice, Progress } from "../public/types.js";
import type { ModelDetails, StoredModel } from "../public/models.js";
import { aborted } from "./aborted.js";
import type { SyncFile } from "./files.js";
import type { LoadedModule, WasmEngine, WasmStore } from "./module.js";
import type { SourceBody } from "./protocol.js";
import type { StoreCall, StoreCallName, StoreCalls, StoreKind } from "./store-calls.js";
import { Sum } from "./sums.js";
import { nextTask } from "./task.js";

/** A stored model, open for loading. */
export interface OpenModel {
  readonly name: string;
  /** What tells its weights from others. */
  readonly keys: readonly string[];
  readonly files: readonly SyncFile[];
}

type OnProgress = (progress: Progress) => void;

export class ModelStore {
  /** What earlier versions kept has been taken over; nothing is listed before. */
  readonly #ready: Promise<void>;

  private constructor(
    readonly module: WasmStore,
    private readonly engine: WasmEngine,
    onNotice: (notice: Notice) => void,
  ) {
    this.#ready = this.#adopt(onNotice);
  }

  static async open(
    { glue, name, module: compiled }: LoadedModule,
    engine: WasmEngine,
    onNotice: (notice: Notice) => void,
  ): Promise<ModelStore> {
    const beginSum = () => Sum.begin({ name, module: compiled });
    const module = await glue.WasmStore.open(nextTask, beginSum);
    engine.useStore(module);
    const store = new ModelStore(module, engine, onNotice);
    if (store.kind === "memory") {
      const message =
        "This browser keeps no files for this page, so models are held until the tab closes.";
      onNotice({ code: "store.memory", message });
    }
    return store;
  }

  get kind(): StoreKind {
    return this.module.kind() as StoreKind;
  }

  /** Takes over what earlier versions kept, says so once, and clears what nobody needs. */
  async #adopt(onNotice: (notice: Notice) => void): Promise<void> {
    const names = (await this.module.adopt().catch(() => [])) as string[];
    if (names.length > 0) {
      const what = names.length === 1 ? `The model ${names[0]}` : `${names.length} models`;
      const message = `${what} of an earlier version moved into the new storage.`;
      onNotice({ code: "store.adopted", message });
    }
    // Rests that cannot be removed now are removed at a later start.
    void this.module.prune().catch(() => undefined);
  }

  requests(): MadeRequest[] {
    return this.module.requests() as MadeRequest[];
  }

  async answer(
    call: StoreCall,
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<StoreCalls[StoreCallName]["result"]> {
    await this.#ready;
    switch (call.type) {
      case "models.pull":
        return this.pull(call.ref, call, signal, onProgress);
      case "models.add":
        return this.add(call.files, call.name, signal, onProgress);
      case "models.list":
        return (await this.module.list()) as StoredModel[];
      case "models.show":
        return (await this.module.show(call.name)) as StoreCalls["models.show"]["result"];
      case "models.rm":
        await this.module.rm(call.name);
        return null;
      case "models.verify":
        return (await this.module.verify(
          call.name,
          onProgress,
          signal,
        )) as StoreCalls["models.verify"]["result"];
      case "models.blobs":
        return (await this.module.blobs(call.name)) as StoreCalls["models.blobs"]["result"];
      case "models.fit":
        return (await this.engine.fit(
          this.module,
          call.source,
          call.wishes,
          signal,
        )) as StoreCalls["models.fit"]["result"];
      case "models.kind":
        return this.kind;
    }
  }

  async pull(
    ref: string,
    { name, digest }: { readonly name?: string | undefined; readonly digest?: string | undefined },
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<StoredModel> {
    const settings = { ...(name && { name }), ...(digest && { digest }) };
    return (await this.module.pull(ref, settings, onProgress, signal)) as StoredModel;
  }

  async add(
    files: readonly File[],
    name: string | undefined,
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<StoredModel> {
    return (await this.module.add([...files], name, onProgress, signal)) as StoredModel;
  }

  /** Brings what `source` names into the store; `fresh` if it was not there before. */
  async bring(
    source: SourceBody,
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<{ name: string; fresh: boolean }> {
    await this.#ready;
    if (source.kind === "name") return { name: source.name, fresh: false };
    const before = (await this.module.list()) as StoredModel[];
    const stored =
      source.kind === "url"
        ? await this.#fromUrl(source.url, source.name, before, signal, onProgress)
        : await this.add(source.files, undefined, signal, onProgress);
    if (signal.aborted) throw aborted();
    return { name: stored.name, fresh: before.every(({ digest }) => digest !== stored.digest) };
  }

  /** The model from an address; without a network, the one that came from there. */
  async #fromUrl(
    url: string,
    name: string | null,
    before: readonly StoredModel[],
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<StoredModel> {
    const wished = name?.replace(/\.gguf$/i, "");
    try {
      return await this.pull(url, { name: wished }, signal, onProgress);
    } catch (error) {
      const code = String((error as { code?: unknown } | null)?.code);
      const known = before.find(({ sources }) => sources.includes(url));
      if (known && (code === "net.offline" || code === "net.refused")) return known;
      throw error;
    }
  }

  /** Those of the files of each model. */
  async digests(): Promise<string[][]> {
    const models = (await this.module.list()) as StoredModel[];
    const shown = models.map(({ name }) => this.module.show(name) as Promise<ModelDetails>);
    return (await Promise.all(shown)).map(({ files }) => files.map(({ digest }) => digest));
  }

  async openModel(name: string): Promise<OpenModel> {
    return (await this.module.openModel(name)) as OpenModel;
  }

  async remove(name: string): Promise<void> {
    await this.module.rm(name);
  }
}
