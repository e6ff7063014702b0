import type { TransferOptions } from "./models.js";

/** A text, and how it is cut. */
export interface JudgeOptions extends Pick<TransferOptions, "signal"> {
  /**
   * Default: a text of ingle's own, some 12,000 tokens of short talk, stories and sums. It is good
   * for comparing a model with itself; for perplexities that others quote, take the text they took.
   */
  readonly text?: string;
  /** Windows to read at most; default: 8. */
  readonly chunks?: number;
  /** Tokens of a window, of which the second half is scored; default: 512. */
  readonly contextLength?: number;
  readonly onProgress?: (progress: JudgeProgress) => void;
}

export interface ValidateOptions extends JudgeOptions {
  /** Compare the weights too, which reads both files once more; default: true. */
  readonly weights?: boolean;
}

/** How far the judging of a model is. */
export interface JudgeProgress {
  /** A model comes into memory, reads the text, or is compared with the other weight by weight. */
  readonly phase: "load" | "read" | "weights";
  /** The model under work. */
  readonly model: string;
  /** Bytes; where texts are read, windows of all models, with fractions of one. */
  readonly loaded: number;
  readonly total: number;
  /** Of this phase; null while too little was seen. */
  readonly secondsLeft: number | null;
  /** The model's so far, when a window is done; else null. */
  readonly perplexity: number | null;
}

/** A number with its standard error. */
export interface Measured {
  readonly value: number;
  readonly error: number;
}

/** How a result came to be. */
export interface Judged {
  /** "own": ingle's text. */
  readonly text: "own" | "given";
  readonly contextLength: number;
  /** Windows that were read. */
  readonly chunks: number;
  /** Tokens that were scored, and that each model read. */
  readonly tokens: number;
  readonly tokensRead: number;
  /** Perplexity (of the quantized model) after each window. */
  readonly running: readonly number[];
  /** "WebAssembly simd128, 1 thread". */
  readonly device: string;
  readonly seconds: number;
}

/** How well a model foresees a text: the numbers of `ingle perplexity`. */
export interface Perplexity extends Judged {
  readonly model: string;
  readonly weightBytes: number;
  /** Of most of its weights: "Q4_K". */
  readonly type: string;
  /** Among how many tokens it hesitates, as it were: `exp` of the mean surprise. */
  readonly perplexity: number;
  /** One standard deviation of it. */
  readonly error: number;
  /** The mean surprise. */
  readonly nats: Measured;
}

/** Values by their place: "min", "0.1" (percent) … "median" … "99.9", "max". */
export type Percentiles = Readonly<Record<string, number>>;

/** One of two models that were compared. */
export interface ValidatedModel {
  readonly model: string;
  readonly weightBytes: number;
  readonly type: string;
  readonly perplexity: Measured;
}

/** Is a model still the one it was made from: the numbers of `ingle quantize --validate`. */
export interface Validation extends Judged {
  readonly baseline: ValidatedModel;
  readonly quantized: ValidatedModel;
  /** Mean divergence of its answers from the baseline's, in nats. */
  readonly kl: Measured;
  readonly klPercentiles: Percentiles;
  /** Share of places where both find the same token most probable, 0 to 1. */
  readonly sameTop: Measured;
  /** Its perplexity over the baseline's, the logarithm of that, and the difference. */
  readonly ratio: Measured;
  readonly logRatio: Measured;
  readonly difference: Measured;
  /** Of both models' surprises. */
  readonly correlation: number;
  /** Change of the probability of the token that follows: mean, and root of the mean square. */
  readonly deltaP: Measured;
  readonly deltaPRms: Measured;
  readonly deltaPPercentiles: Percentiles;
  /** Error of what each layer hands on, relative to the baseline's. */
  readonly layers: readonly { readonly name: string; readonly error: number }[];
  /** Error of each tensor's weights, relative to the baseline's; empty without `weights`. */
  readonly tensors: readonly {
    readonly name: string;
    readonly from: string;
    readonly to: string;
    readonly bytes: number;
    readonly error: number;
    /** Cosine of the angle between both. */
    readonly cosine: number;
  }[];
}
