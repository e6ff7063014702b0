import { EngineError } from "../public/errors.js";
import type {
  BenchRow,
  Device,
  EngineInfo,
  ModelInfo,
  Notice,
  Progress,
  Tuning,
} from "../public/types.js";
import { aborted } from "./aborted.js";
import { openGraphics } from "./features.js";
import { BlobFile, type SyncFile } from "./files.js";
import {
  type CancelFlag,
  loadModule,
  type LoadedModule,
  type ModuleWishes,
  type WasmEngine,
} from "./module.js";
import type { Calls, Loaded, SourceBody } from "./protocol.js";
import { MemoryStore, openBrowserStore, type Store } from "./store.js";
import { keepRecord, recallRecord } from "./record.js";
import { nextTask } from "./task.js";
import { readTuning, writeTuning } from "./tuning.js";
import { inOrder, requireModelFile, type Stored, transfer } from "./transfer.js";

type Requests = { host: string; bytes: number }[];
/** Only the last few requests are kept: the list is for people. */
const MAX_REQUESTS = 100;

/** Errors after which a file is of no use here. */
const USELESS = new Set(["model.damaged", "model.unsupported"]);

/** What the module answers about its device; the rest of `EngineInfo` is known on this side. */
type ModuleInfo = Pick<EngineInfo, "device" | "adapter" | "features" | "kernels" | "tuned">;

/** Everything behind one worker: the module, its device, the stored files and the model in use. */
export class Session {
  readonly #requests: Requests = [];
  #model = 0;
  /** Name of the file that was loaded last. */
  #file = "";

  private constructor(
    private readonly engine: WasmEngine,
    private readonly module: LoadedModule,
    private readonly store: Store,
    private readonly tuning: Tuning,
    private readonly notices: Notice[],
  ) {}

  static async open(device: Device, wishes: ModuleWishes, tuning: Tuning): Promise<Session> {
    const notices: Notice[] = [];
    const graphics = device === "cpu" ? null : await openGraphics();
    const forGpu = device === "gpu" || graphics !== null;
    const [first, browserStore] = await Promise.all([
      loadModule(wishes, forGpu),
      openBrowserStore(),
    ]);
    if (!browserStore) {
      notices.push({
        code: "store.memory",
        message:
          "This browser keeps no files for this page, so models are held until the tab closes.",
      });
    }
    const { name = "", subgroups = false } = graphics ?? {};
    let module = first;
    const browser = navigator.userAgent;
    let engine = await module.glue.WasmEngine.open(device, name, browser, subgroups, nextTask);
    if (tuning !== "off") await recallRecord(engine, notices);
    const { device: chosen } = engine.info() as ModuleInfo;
    if (forGpu && chosen === "cpu") {
      // The chip was not good enough: the processor has a better module than the one for chips.
      module = await loadModule(wishes, false);
      engine = await module.glue.WasmEngine.open("cpu", "", browser, false, nextTask);
    }
    if (device === "auto" && chosen === "cpu") {
      const why = (navigator as { gpu?: unknown }).gpu
        ? "WebGPU found no graphics chip it can use"
        : "This browser has no WebGPU";
      const message = `${why}, so answers come from the processor and are slower.`;
      notices.push({ code: "gpu.missing", message });
    }
    if (tuning !== "off") await recall(engine, notices);
    return new Session(engine, module, browserStore ?? new MemoryStore(), tuning, notices);
  }

  info(): EngineInfo {
    return {
      ...(this.engine.info() as ModuleInfo),
      module: this.module.name,
      peakWasmBytes: this.module.memory.buffer.byteLength,
      storage: this.store.kind,
      notices: this.notices,
      requests: this.#requests,
    };
  }

  async load(
    body: Calls["load"]["body"],
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Loaded> {
    this.#check(body.source);
    const stored = await transfer(body.source, {
      store: this.store,
      signal,
      onProgress,
      onRequest: (host) => this.#record(host),
    });
    if (signal.aborted) throw aborted();
    const { contextLength, kvType } = body.settings;
    const names = stored.map(({ name }) => name);
    const files: SyncFile[] = [];
    this.#model += 1; // handles of the model before are stale from here on, even if this load fails
    try {
      for (const name of names) files.push(await this.store.open(name));
      const name = names[0] ?? "";
      this.#file = name;
      const progress = (phase: Progress["phase"], loaded: number, total: number | null) =>
        onProgress({ phase, name, loaded, total });
      const { tuning } = this;
      const info = (await this.#withFlag(signal, (flag) =>
        this.engine.load({ names, contextLength, kvType, tuning }, files, progress, flag),
      )) as ModelInfo;
      await keepRecord(this.engine, this.notices);
      await this.#keepTuning();
      return { model: this.#model, info };
    } catch (error) {
      closeAll(files.splice(0));
      await this.#forget(stored, error);
      throw error;
    } finally {
      closeAll(files);
    }
  }

  async #keepTuning(): Promise<void> {
    const name = this.engine.tuningFile();
    const text = this.engine.takeTuning();
    if (name && text) await writeTuning(name, text);
  }

  /** Reads the header of local files where they are, before gigabytes of them are copied. */
  #check(source: SourceBody): void {
    if (source.kind !== "files") return;
    const files = inOrder(source.files);
    for (const file of files) {
      const start = new Uint8Array(Math.min(4, file.size));
      new BlobFile(file).read(start, { at: 0 });
      requireModelFile(start, file.name);
    }
    this.engine.check(files.map((file) => new BlobFile(file)));
  }

  /** A file that turned out not to be a usable model is not kept, unless it was here before. */
  async #forget(stored: readonly Stored[], error: unknown): Promise<void> {
    const code = String((error as { code?: unknown } | null)?.code);
    if (!USELESS.has(code)) return;
    for (const { name, fresh } of stored) {
      // The first error is the one to tell.
      if (fresh) await this.store.remove(name).catch(() => undefined);
    }
  }

  async generate(
    body: Calls["generate"]["body"],
    signal: AbortSignal,
    onPiece: (piece: unknown) => void,
  ): Promise<null> {
    this.#require(body.model);
    await this.#withFlag(signal, (flag) => this.engine.generate(body.settings, onPiece, flag));
    return null;
  }

  bench(
    body: Calls["bench"]["body"],
    signal: AbortSignal,
    onEvent: (event: unknown) => void,
  ): Promise<BenchRow[]> {
    return this.#withFlag(signal, (flag) =>
      this.engine.bench(body.settings, this.#file, onEvent, flag),
    ) as Promise<BenchRow[]>;
  }

  tokenize(body: Calls["tokenize"]["body"]): number[] {
    this.#require(body.model);
    const { addSpecial = true, parseSpecial = true } = body.options;
    return [...this.engine.tokenize(body.text, addSpecial, parseSpecial)];
  }

  async logits(body: Calls["logits"]["body"]): Promise<Float32Array> {
    this.#require(body.model);
    return this.engine.logits(Uint32Array.from(body.ids), body.options.all ?? false);
  }

  unload(body: Calls["unload"]["body"]): null {
    this.#require(body.model);
    this.#model += 1;
    this.engine.unload();
    return null;
  }

  models(): Promise<Calls["models"]["result"]> {
    return this.store.list();
  }

  async remove(body: Calls["remove"]["body"]): Promise<null> {
    await this.store.remove(body.name);
    return null;
  }

  /** Gives the module a flag it can look at while it works, set when the signal is aborted. */
  async #withFlag<T>(signal: AbortSignal, run: (flag: CancelFlag) => Promise<T>): Promise<T> {
    const flag = new this.module.glue.CancelFlag();
    const cancel = () => flag.cancel();
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await run(flag);
    } finally {
      signal.removeEventListener("abort", cancel);
      flag.free();
    }
  }

  #record(host: string): Requests[number] {
    const entry = { host, bytes: 0 };
    this.#requests.push(entry);
    if (this.#requests.length > MAX_REQUESTS) this.#requests.shift();
    return entry;
  }

  #require(model: number): void {
    if (model === this.#model) return;
    throw new EngineError(
      "model.unloaded",
      "This model was unloaded or another one took its place. Load it again.",
    );
  }
}

/** Gives the module what an earlier page found out about this graphics chip. */
async function recall(engine: WasmEngine, notices: Notice[]): Promise<void> {
  const name = engine.tuningFile();
  const text = name ? await readTuning(name) : null;
  const refused = text === null ? undefined : engine.useTuning(text);
  if (refused === undefined) return;
  const message =
    `What was stored about this graphics chip is of no use, because ${refused}. ` +
    "The next model finds it out again.";
  notices.push({ code: "gpu.tuning", message });
}

function closeAll(files: readonly SyncFile[]): void {
  for (const file of files) file.close();
}
