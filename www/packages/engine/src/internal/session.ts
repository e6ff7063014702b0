import { EngineError } from "../public/errors.js";
import type {
  BenchRow,
  Device,
  EngineInfo,
  ModelInfo,
  Notice,
  Piece,
  Progress,
  Timings,
  Tuning,
} from "../public/types.js";
import { aborted } from "./aborted.js";
import { openGraphics } from "./features.js";
import type { SyncFile } from "./files.js";
import {
  type ApiResponse,
  type CancelFlag,
  loadModule,
  type LoadedModule,
  type ModuleWishes,
  type WasmEngine,
} from "./module.js";
import type { Calls, Loaded, ResponseHead, TapeEntry } from "./protocol.js";
import { pieces } from "./payload.js";
import { ModelStore } from "./store.js";
import { keepRecord, recallRecord } from "./record.js";
import {
  MAX_SILENT_EMULATED_MS,
  MAX_SILENT_MS,
  SilenceWatch,
  watchWaits,
} from "./silence.js";
import { modelMark } from "./snapshot-folder.js";
import { type SnapshotFile, Snapshots } from "./snapshots.js";
import { nextTask } from "./task.js";
import { readTuning, writeTuning } from "./tuning.js";

/** Errors after which a file is of no use here. */
const USELESS = new Set(["model.damaged", "model.unsupported"]);

/** What the module answers about its device; the rest of `EngineInfo` is known on this side. */
type ModuleInfo = Pick<EngineInfo, "device" | "adapter" | "features" | "kernels" | "tuned">;

/** Who reads an answer to a request, at a pace of its own. */
interface BodyReader {
  head(head: ResponseHead): void;
  chunk(chunk: Uint8Array<ArrayBuffer>, tape: readonly TapeEntry[]): void;
  /** Returns when another chunk may come. */
  ready(): Promise<void> | void;
}

/** Everything behind one worker: the module, its device, the stored files and the model in use. */
export class Session {
  #model = 0;
  /** Name of the file that was loaded last. */
  #file = "";
  /** Tells it in the names of snapshots. */
  #mark = "";
  /** Of its cache, for each token. */
  #tokenBytes = 0;
  readonly #snapshots = new Snapshots();

  private constructor(
    private readonly engine: WasmEngine,
    private readonly module: LoadedModule,
    readonly store: ModelStore,
    private readonly tuning: Tuning,
    private readonly notices: Notice[],
  ) {}

  /** `onSilent` hears of a graphics chip that does not answer any more. */
  static async open(
    device: Device,
    wishes: ModuleWishes,
    tuning: Tuning,
    onSilent: (ms: number) => void,
  ): Promise<Session> {
    const notices: Notice[] = [];
    const graphics = device === "cpu" ? null : await openGraphics();
    const forGpu = device === "gpu" || graphics !== null;
    const first = await loadModule(wishes, forGpu);
    const { name = "", subgroups = false } = graphics ?? {};
    if (graphics) {
      const maxMs = graphics.emulated ? MAX_SILENT_EMULATED_MS : MAX_SILENT_MS;
      watchWaits(new SilenceWatch(maxMs, onSilent));
    }
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
    const store = await ModelStore.open(module, engine, (notice) => notices.push(notice));
    return new Session(engine, module, store, tuning, notices);
  }

  info(): EngineInfo {
    return {
      ...(this.engine.info() as ModuleInfo),
      module: this.module.name,
      peakWasmBytes: this.module.memory.buffer.byteLength,
      storage: this.store.kind === "memory" ? "memory" : "browser",
      notices: this.notices,
      requests: this.store.requests(),
    };
  }

  async load(
    body: Calls["load"]["body"],
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Loaded> {
    const { name: wanted, fresh } = await this.store.bring(body.source, signal, onProgress);
    const { contextLength, kvType, slots } = body.settings;
    const { name, keys, files } = await this.store.openModel(wanted);
    this.#model += 1; // handles of the model before are stale from here on, even if this load fails
    this.#file = name;
    const { tuning } = this;
    const settings = { names: [name], keys, contextLength, kvType, slots, tuning };
    const progress = (phase: Progress["phase"], loaded: number, total: number | null) =>
      onProgress({ phase, name, loaded, total });
    try {
      const info = (await this.#withFlag(signal, (flag) =>
        this.engine.load(settings, [...files], progress, flag),
      )) as ModelInfo;
      this.#mark = modelMark(keys);
      this.#tokenBytes = info.kvBytes / info.slots / info.contextLength;
      await keepRecord(this.engine, this.notices);
      await this.#keepTuning();
      return { model: this.#model, info };
    } catch (error) {
      closeAll(files);
      if (fresh) await this.#forget(name, error);
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

  /** A model that was just brought and turned out to be of no use is not kept. */
  async #forget(name: string, error: unknown): Promise<void> {
    const code = String((error as { code?: unknown } | null)?.code);
    // The first error is the one to tell.
    if (USELESS.has(code)) await this.store.remove(name).catch(() => undefined);
  }

  /** The promise of `onPiece` is waited for: the model is held until another piece may come. */
  async generate(
    body: Calls["generate"]["body"],
    signal: AbortSignal,
    onPiece: (piece: unknown) => Promise<void> | void,
  ): Promise<null> {
    this.#require(body.model);
    const { snapshot, ...rest } = body.settings;
    const settings = { ...rest, ...(snapshot && { snapshot: snapshot.name }) };
    const mark = this.#mark;
    let timings: Timings | null = null;
    const take = (piece: unknown) => {
      if ((piece as Piece).done) timings = (piece as Extract<Piece, { done: true }>).timings;
      return onPiece(piece);
    };
    await this.#snapshots.with(snapshot, mark, (file) =>
      this.#withFlag(signal, (flag) => this.engine.generate(settings, take, flag, file)),
    );
    if (snapshot && timings) {
      const keep = (file: SnapshotFile) => this.engine.keep(snapshot.name, file);
      void this.#snapshots
        .save(snapshot, mark, timings, this.#tokenBytes, keep)
        .then(() => this.#snapshots.prune(() => this.store.digests()));
    }
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

  async unload(body: Calls["unload"]["body"]): Promise<null> {
    this.#require(body.model);
    this.#model += 1;
    await this.engine.unload();
    return null;
  }

  /** Has the module's router answer a request; an abort ends the work behind it. */
  async fetch(
    body: Calls["fetch"]["body"],
    signal: AbortSignal,
    to: BodyReader,
  ): Promise<null> {
    const payload = body.payload ? pieces(body.payload) : undefined;
    await this.#withFlag(signal, async (flag) => {
      const tape = new this.module.glue.Tape(body.tape ?? []);
      let response: ApiResponse | null = null;
      try {
        response = (await this.engine.fetch(body.head, payload, flag, tape)) as ApiResponse;
        const headers = response.headers as ResponseHead["headers"];
        to.head({ status: response.status, headers });
        for (;;) {
          await to.ready();
          const chunk = (await response.next()) as Uint8Array<ArrayBuffer> | undefined;
          if (!chunk) break;
          to.chunk(chunk, tape.take() as TapeEntry[]);
        }
      } finally {
        response?.free();
        tape.free();
      }
    });
    if (signal.aborted) throw aborted();
    await this.#keepTuning();
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
