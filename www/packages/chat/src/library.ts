import type { Engine } from "@ingle/engine";

/** The models kept in this browser, as the pages of this app see them; sizes are bytes. */

export interface Kept {
  readonly name: string;
  readonly size: number;
  readonly digest?: string;
  /** Milliseconds since 1970. */
  readonly modifiedAt?: number;
  readonly usedAt?: number | null;
  readonly details?: {
    readonly family: string;
    readonly parameterSize: string;
    readonly quantizationLevel: string;
  };
  readonly sources?: readonly string[];
}

/** What is known of one model. */
export interface About extends Kept {
  readonly template: string | null;
  readonly license: string | null;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  readonly files: readonly { readonly name: string; readonly digest: string }[];
}

export interface Checked {
  readonly good: boolean;
  readonly files: readonly { readonly size: number; readonly good: boolean }[];
}

export interface Fit {
  readonly verdict: "well" | "tight" | "storage" | "no";
  readonly device: "gpu" | "cpu";
  readonly contextLength: number;
  readonly needs: {
    readonly weights: number;
    readonly context: number;
    readonly scratch: number;
    readonly total: number;
    readonly storage: number;
  };
  readonly has: {
    readonly device: number | null;
    readonly storage: number | null;
    readonly memory: number | null;
  };
  readonly sentence: string;
  readonly nearest?: string;
}

export interface Step {
  readonly phase: string;
  readonly loaded: number;
  readonly total: number | null;
}

export interface Watch {
  readonly onProgress?: (step: Step) => void;
  readonly signal?: AbortSignal;
}

export interface Storage {
  readonly kind: "opfs" | "indexeddb" | "memory";
  readonly persisted: boolean;
  readonly usage: number | null;
  readonly quota: number | null;
}

/** The store behind `engine.models`. */
export interface Library {
  list(): Promise<Kept[]>;
  rm(name: string): Promise<void>;
  pull(ref: string, watch: Watch): Promise<Kept>;
  add(files: File | File[], watch: Watch): Promise<Kept>;
  show(name: string): Promise<About>;
  verify(name: string, watch: Watch): Promise<Checked>;
  file(name: string, part?: number): Promise<File | Blob>;
  fit(what: string | File | File[], options: { signal?: AbortSignal }): Promise<Fit>;
  storage(): Promise<Storage>;
  persist(): Promise<boolean>;
}

export function libraryOf(engine: Engine): Library {
  return engine.models as unknown as Library;
}
