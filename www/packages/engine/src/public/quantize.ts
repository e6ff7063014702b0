import type { TransferOptions } from "./models.js";

export interface QuantizePlanOptions {
  /** The new model's name; default: the source's with the type in it. */
  readonly as?: string;
  /** A model that is quantized already may be quantized again, which loses more than it saves. */
  readonly requantize?: boolean;
}

export interface QuantizeOptions extends QuantizePlanOptions, Pick<TransferOptions, "signal"> {
  /** Told of every tensor, and of the pieces of a large one from time to time. */
  readonly onProgress?: (progress: QuantizeProgress) => void;
}

/** How far a smaller model is. */
export interface QuantizeProgress {
  /** The work, and then reading what was written. */
  readonly phase: "quantize" | "check";
  /** The tensor: "blk.0.attn_q.weight". */
  readonly name: string;
  /** Its new type. */
  readonly type: string;
  /** Counts tensors from 1 to `nSteps`. */
  readonly step: number;
  readonly nSteps: number;
  /** Bytes: of the source's tensors, and then of the new file's. */
  readonly loaded: number;
  readonly total: number;
  /** Of this phase; null while too little was seen. */
  readonly secondsLeft: number | null;
}

/** What would be made of a model. Bytes throughout. */
export interface QuantizePlan {
  readonly source: string;
  /** The name it would get. */
  readonly name: string;
  /** "Q4_K_M". */
  readonly type: string;
  /** Of the tensors. */
  readonly oldBytes: number;
  readonly newBytes: number;
  /** Of the whole new file. */
  readonly fileBytes: number;
  /** Numbers in the tensors. */
  readonly elements: number;
  readonly bitsPerWeight: number;
  /** Tensors whose rows the recipe's blocks do not divide; they have a larger type. */
  readonly fallbacks: number;
  /** What the types take, the largest first. */
  readonly types: readonly {
    readonly type: string;
    readonly tensors: number;
    readonly bytes: number;
  }[];
  readonly tensors: readonly {
    readonly name: string;
    /** The first one is contiguous, as in the file. */
    readonly dims: readonly number[];
    readonly from: string;
    readonly to: string;
    /** What the recipe would have chosen, if its blocks divided the rows. */
    readonly insteadOf: string | null;
    readonly bytes: number;
  }[];
}

/** What each type would give. */
export interface QuantizeChoices {
  readonly source: string;
  /** The type that most of its bytes have. */
  readonly type: string;
  /** Of its files. */
  readonly bytes: number;
  /** Numbers in its tensors. */
  readonly elements: number;
  /** It is quantized already: `requantize` has to be said. */
  readonly quantized: boolean;
  /** The smallest type first. */
  readonly choices: readonly {
    readonly type: string;
    /** "4 bits, 6 where it hurts". */
    readonly about: string;
    /** Of the new file; null where it cannot be made. */
    readonly fileBytes: number | null;
    readonly bitsPerWeight: number | null;
    /** Why it cannot be made, as a sentence. */
    readonly problem: string | null;
  }[];
}
