import type { Client } from "../internal/client.js";
import { request } from "../internal/http.js";
import { askJudge } from "../internal/judge.js";
import type { ModuleWishes } from "../internal/module.js";
import { create, type Fetch } from "../internal/openai.js";
import { listSnapshots, modelMark, removeSnapshots } from "../internal/snapshot-folder.js";
import { atWorkshop } from "../internal/workshop.js";
import { EngineError } from "./errors.js";
import type { JudgeOptions, Perplexity, ValidateOptions, Validation } from "./judge.js";
import type {
  QuantizeChoices,
  QuantizeOptions,
  QuantizePlan,
  QuantizePlanOptions,
} from "./quantize.js";
import type { KvType, Message, Progress } from "./types.js";

/** A model kept in this browser. */
export interface StoredModel {
  /** "llama3.2:1b", "hf.co/owner/repo:Q4_K_M", "my-file:latest". */
  readonly name: string;
  /** Of the model as a whole: equal where every byte is. */
  readonly digest: string;
  /** Bytes of all its files. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  /** When it was loaded last; null if it never was. */
  readonly usedAt: number | null;
  readonly details: {
    /** "llama". */
    readonly family: string;
    /** "1.2B". */
    readonly parameterSize: string;
    /** "Q4_K_M". */
    readonly quantizationLevel: string;
  };
  /** Addresses, and names of files, that it came from; empty for models of a registry. */
  readonly sources: readonly string[];
}

export interface ModelDetails extends StoredModel {
  /** The chat template: the model's own, or the one in its file. */
  readonly template: string | null;
  readonly system: string | null;
  readonly license: string | null;
  /** Of its Modelfile, in Ollama's names; empty where it sets none. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Single values of the file's metadata; lists (a vocabulary) are left out. */
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  readonly files: readonly {
    readonly name: string;
    readonly digest: string;
    readonly size: number;
  }[];
}

export interface VerifyReport {
  readonly good: boolean;
  readonly files: readonly {
    readonly digest: string;
    readonly size: number;
    readonly good: boolean;
    /** What is wrong, as a sentence; empty where nothing is. */
    readonly problem: string;
  }[];
}

export interface TransferOptions {
  /**
   * Phase `transfer`, or `check`: bytes of all files together, and only growing. A pull whose
   * server stopped answering says in `retry` which try comes next, and when.
   */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends it. What a pull has brought so far is kept, and the next pull goes on from there. */
  readonly signal?: AbortSignal;
}

export interface PullOptions extends TransferOptions {
  /** The name it shall have; default: what its name or address says. */
  readonly name?: string;
  /** The digest it must have, "sha256:…": of the file at an address, of a registry's manifest. */
  readonly digest?: string;
}

export interface AddOptions extends TransferOptions {
  readonly name?: string;
}

export interface FitWishes {
  /** Tokens of context; default: what the model was made for, at most 4096. */
  readonly contextLength?: number | undefined;
  readonly kvType?: KvType | undefined;
  /** As if its weights took so many bytes, which are to be stored: what `quantize` would make. */
  readonly weightBytes?: number | undefined;
}

export interface FitOptions extends FitWishes {
  readonly signal?: AbortSignal;
}

/** The texts of a Modelfile. What is left out is as in `from`. */
export interface CreateOptions {
  /** A stored model. */
  readonly from: string;
  /** In Jinja, or in Go as Ollama has it. */
  readonly template?: string;
  readonly system?: string;
  /** Before every conversation. */
  readonly messages?: readonly Message[];
  /** In Ollama's names: `{ temperature: 0.2, stop: ["<end>"], num_ctx: 8192 }`. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

/** What is known of a model whose file is elsewhere, as a catalogue has it. */
export interface ModelFacts {
  /** Of the file. */
  readonly bytes: number;
  readonly nParams: number;
  readonly nLayers: number;
  /** Heads of keys and values of a layer, and values of a head. */
  readonly nKvHeads: number;
  readonly headDim: number;
  /** Width of the residual stream, and inside a feed-forward block. */
  readonly dim: number;
  readonly ffnDim: number;
  readonly nVocab: number;
  /** Tokens it was made for. */
  readonly contextLength: number;
}

/** Whether a model can run here, with the numbers. Bytes throughout. */
export interface Fit {
  readonly verdict: "well" | "tight" | "storage" | "no";
  readonly device: "gpu" | "cpu";
  /** What would be used: as wished, or less where that makes it fit. */
  readonly contextLength: number;
  /** What was wished, or what the model has. */
  readonly wishedContextLength: number;
  readonly kvType: KvType;
  readonly needs: {
    readonly weights: number;
    readonly context: number;
    readonly scratch: number;
    readonly total: number;
    /** Of storage: 0 for a model that is here. */
    readonly storage: number;
  };
  /** Null where the browser does not say. */
  readonly has: {
    readonly device: number | null;
    readonly storage: number | null;
    readonly memory: number | null;
  };
  /** All of this as one sentence. */
  readonly sentence: string;
  /** A stored model, or what to look for, that would fit. */
  readonly nearest?: string;
}

export interface StorageInfo {
  /** Where models are kept. `memory`: gone with the tab. */
  readonly kind: "opfs" | "indexeddb" | "memory";
  /** The browser does not evict this page's data when space is short. */
  readonly persisted: boolean;
  /** Bytes this origin uses and may use, as the browser says; null where it does not. */
  readonly usage: number | null;
  readonly quota: number | null;
}

/** The models kept in this browser. */
export class Models {
  readonly #client: Client;
  readonly #workerUrl: string | URL | undefined;
  readonly #wishes: ModuleWishes;
  #asked = false;

  /** @internal */
  constructor(client: Client, workerUrl: string | URL | undefined, wishes: ModuleWishes) {
    this.#client = client;
    this.#workerUrl = workerUrl;
    this.#wishes = wishes;
  }

  /**
   * Gets a model: by its name in a registry ("llama3.2:1b", "hf.co/owner/repo:QUANT"), or the file
   * at an address, all parts of a split one. Several connections at once; what is interrupted goes
   * on where it was; nothing is listed before all its bytes are here and hashed.
   */
  async pull(ref: string, options: PullOptions = {}): Promise<StoredModel> {
    const { onProgress, signal, name, digest } = options;
    const address = /^(\.{0,2}\/|https?:)/.test(ref) ? new URL(ref, document.baseURI).href : ref;
    this.askToPersist();
    const body = { ref: address, name, digest };
    return this.#client.call("models.pull", body, { onProgress, signal });
  }

  /** Keeps files a person chose (all parts of a split model) as a model. */
  async add(files: File | readonly File[], options: AddOptions = {}): Promise<StoredModel> {
    const { onProgress, signal, name } = options;
    const all = files instanceof File ? [files] : [...files];
    if (all.length === 0) throw new EngineError("api.argument", "Give at least one file.");
    this.askToPersist();
    return this.#client.call("models.add", { files: all, name }, { onProgress, signal });
  }

  /** All models, the one that changed last first. */
  list(): Promise<StoredModel[]> {
    return this.#client.call("models.list", {});
  }

  show(name: string): Promise<ModelDetails> {
    return this.#client.call("models.show", { name });
  }

  /** Deletes a model, and its files that no other model has. A loaded one goes on working. */
  async rm(name: string): Promise<void> {
    const isKept = (await listSnapshots()).length > 0;
    const known = isKept ? await this.show(name).catch(() => null) : null;
    await this.#client.call("models.rm", { name });
    // What is kept of conversations with it goes too, in its own time.
    const mark = known && modelMark(known.files.map(({ digest }) => digest));
    if (mark) void removeSnapshots(({ model }) => model === mark);
  }

  /**
   * Makes a model of a stored one with texts of its own, as `FROM` in a Modelfile does: no weights
   * are copied. Under the name of a model that is loaded it counts from its next answer on.
   */
  async create(name: string, options: CreateOptions): Promise<StoredModel> {
    const { signal, ...texts } = options;
    const fetch: Fetch = (path, init) => request(this.#client, path, init);
    const body = { model: name, ...texts, stream: false };
    try {
      await create(fetch, "/api/create", body, signal ? { signal } : {});
    } catch (thrown) {
      throw ofTemplate(EngineError.from(thrown));
    }
    return this.show(name);
  }

  /** Reads every byte of a model again and compares its digests. */
  verify(name: string, options: TransferOptions = {}): Promise<VerifyReport> {
    const { onProgress, signal } = options;
    return this.#client.call("models.verify", { name }, { onProgress, signal });
  }

  /**
   * The model's file, byte for byte as it came, to be saved: no copy is made. A split model has
   * several; `part` counts them from 0.
   */
  async file(name: string, part?: number): Promise<File> {
    const blobs = await this.#client.call("models.blobs", { name });
    if (part === undefined && blobs.length > 1) {
      throw new EngineError(
        "api.argument",
        `${name} has ${blobs.length} files. Ask for one after the other: file(name, 0) to ` +
          `file(name, ${blobs.length - 1}).`,
      );
    }
    const found = blobs[part ?? 0];
    if (!found) throw new EngineError("api.argument", `${name} has no part ${part}.`);
    return new File([found.blob], found.name, { type: "application/octet-stream" });
  }

  /**
   * Whether a model can run here, read from its header: a few megabytes are fetched at most. From
   * the facts of a model it is worked out without a request, with its small parts rounded.
   */
  fit(
    what: string | File | readonly File[] | ModelFacts,
    options: FitOptions = {},
  ): Promise<Fit> {
    const { signal, ...wishes } = options;
    const source = what instanceof File ? [what] : what;
    return this.#client.call("models.fit", { source, wishes }, { signal });
  }

  /**
   * Makes a smaller model of a stored one: "Q4_K_M", or another of llama.cpp's types, with the same
   * bytes as `ingle quantize`. It runs in a worker of its own, in a module that is fetched for it;
   * rows pass through a few megabytes of memory. The source stays as it is, and nothing gets a name
   * before all of it was written and read again; template, parameters and license are the source's.
   */
  async quantize(
    name: string,
    type: string,
    options: QuantizeOptions = {},
  ): Promise<StoredModel> {
    const { onProgress, signal, ...rest } = options;
    this.askToPersist();
    const body = { name, settings: { type, ...rest } };
    const made = await atWorkshop(this.#workerUrl, "quantize", body, { signal, onProgress });
    const found = (await this.list()).find((model) => model.name === made);
    if (found) return found;
    throw new EngineError("model.missing", `${made} was made, and deleted at once elsewhere.`);
  }

  /** What `quantize` would make, with its size. Only the model's header is read. */
  quantizePlan(
    name: string,
    type: string,
    options: QuantizePlanOptions = {},
  ): Promise<QuantizePlan> {
    return atWorkshop(this.#workerUrl, "plan", { name, settings: { type, ...options } });
  }

  /** The size that each type would give, for a person to choose from. */
  quantizeChoices(name: string): Promise<QuantizeChoices> {
    return atWorkshop(this.#workerUrl, "choices", { name });
  }

  /**
   * How well a stored model foresees a text; lower is better. Compare it only between models with
   * the same tokens, on the same text and windows. It runs on the processor, in a worker of its
   * own, which loads the model beside the one in use.
   */
  perplexity(name: string, options: JudgeOptions = {}): Promise<Perplexity> {
    const { onProgress, signal, ...settings } = options;
    const body = { name, settings, wishes: this.#wishes };
    return askJudge(this.#workerUrl, "perplexity", body, { signal, onProgress });
  }

  /**
   * Whether `quantized` is still the model that it was made from: what it says, what it computes
   * behind each layer, and how far its weights were moved. As `perplexity`; one of both models is
   * in memory at a time, and what the baseline said is kept in between, in a file of the browser's
   * storage if it is much (half a gigabyte for 8 windows of a model with 128,000 tokens).
   */
  validate(
    baseline: string,
    quantized: string,
    options: ValidateOptions = {},
  ): Promise<Validation> {
    const { onProgress, signal, ...settings } = options;
    const body = { baseline, quantized, settings, wishes: this.#wishes };
    return askJudge(this.#workerUrl, "validate", body, { signal, onProgress });
  }

  /** Where models are kept, and how much room there is. */
  async storage(): Promise<StorageInfo> {
    const kind = await this.#client.call("models.kind", {});
    const { storage } = navigator as { storage?: StorageManager };
    const [estimate, persisted] = await Promise.all([
      storage?.estimate().catch(() => null) ?? null,
      storage?.persisted?.().catch(() => false) ?? false,
    ]);
    return { kind, persisted, usage: estimate?.usage ?? null, quota: estimate?.quota ?? null };
  }

  /** Asks the browser to keep this page's data when space is short; what it says. */
  async persist(): Promise<boolean> {
    const { storage } = navigator as { storage?: StorageManager };
    return (await storage?.persist?.().catch(() => false)) ?? false;
  }

  /**
   * Asks once per page, before the first bytes are kept. Not waited for: some browsers ask a
   * person, and a download need not stand still meanwhile.
   */
  askToPersist(): void {
    if (this.#asked) return;
    this.#asked = true;
    void this.persist().then((isKept) => {
      if (isKept) return;
      const message =
        "This browser may delete models when space is short, and Safari deletes them after seven " +
        "days without a visit. Nothing is lost that cannot be fetched again.";
      this.#client.onNotice?.({ code: "store.evictable", message });
    });
  }
}

/** How the router begins what it says of a template. */
const TEMPLATE_ERROR = "template error: ";

/** What is wrong with a template, as a sentence. */
function ofTemplate(error: EngineError): EngineError {
  const { message } = error;
  if (!message.startsWith(TEMPLATE_ERROR)) return error;
  const [first = "", ...rest] = message.slice(TEMPLATE_ERROR.length);
  const text = `${first.toUpperCase()}${rest.join("")}.`;
  return new EngineError("model.template", text, message);
}
