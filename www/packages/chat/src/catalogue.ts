import type { Fit, ModelFacts } from "@ingle/engine";

/**
 * Small open models that run in a page: facts, so that what fits can be said and nobody is asked.
 * Sizes and digests are those of the files, as Hugging Face states them; the numbers of layers and
 * heads are of the models' own configurations. A name here is no praise: the order is by size.
 */

export interface Entry {
  readonly title: string;
  /** "1.7B". */
  readonly parameters: string;
  readonly type: string;
  readonly license: string;
  readonly repository: string;
  readonly file: string;
  /** Of the file: "sha256:…". */
  readonly digest: string;
  readonly facts: ModelFacts;
}

/** Layers, heads of keys and values, size of a head, width, inner width, vocabulary. */
type Shape = readonly [number, number, number, number, number, number];

const APACHE = "Apache-2.0";
const LLAMA = "Llama 3.2 Community License";
const GEMMA = "Gemma Terms of Use";

function entry(
  [title, parameters, type, license]: readonly [string, string, string, string],
  [repository, file, bytes, sha256]: readonly [string, string, number, string],
  [nParams, contextLength]: readonly [number, number],
  [nLayers, nKvHeads, headDim, dim, ffnDim, nVocab]: Shape,
): Entry {
  const shape = { nLayers, nKvHeads, headDim, dim, ffnDim, nVocab };
  const facts = { bytes, nParams, contextLength, ...shape };
  return {
    title,
    parameters,
    type,
    license,
    repository,
    file,
    digest: `sha256:${sha256}`,
    facts,
  };
}

/** The smallest first. */
export const CATALOGUE: readonly Entry[] = [
  entry(
    ["SmolLM2 360M", "362M", "Q8_0", APACHE],
    [
      "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF",
      "smollm2-360m-instruct-q8_0.gguf",
      386_404_992,
      "48ab3034d0dd401fbc721eb1df3217902fee7dab9078992d66431f09b7750201",
    ],
    [361_821_120, 8192],
    [32, 5, 64, 960, 2560, 49_152],
  ),
  entry(
    ["Qwen2.5 0.5B", "0.5B", "Q4_K_M", APACHE],
    [
      "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
      "qwen2.5-0.5b-instruct-q4_k_m.gguf",
      491_400_032,
      "74a4da8c9fdbcd15bd1f6d01d621410d31c6fc00986f5eb687824e7b93d7a9db",
    ],
    [494_032_768, 32_768],
    [24, 2, 64, 896, 4864, 151_936],
  ),
  entry(
    ["Qwen3 0.6B", "0.6B", "Q8_0", APACHE],
    [
      "Qwen/Qwen3-0.6B-GGUF",
      "Qwen3-0.6B-Q8_0.gguf",
      639_446_688,
      "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
    ],
    [596_049_920, 32_768],
    [28, 8, 128, 1024, 3072, 151_936],
  ),
  entry(
    ["TinyLlama 1.1B", "1.1B", "Q4_K_M", APACHE],
    [
      "TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF",
      "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
      668_788_096,
      "9fecc3b3cd76bba89d504f29b616eedf7da85b96540e490ca5824d3f7d2776a0",
    ],
    [1_100_048_384, 2048],
    [22, 4, 64, 2048, 5632, 32_000],
  ),
  entry(
    ["Gemma 3 1B", "1B", "Q4_K_M", GEMMA],
    [
      "ggml-org/gemma-3-1b-it-GGUF",
      "gemma-3-1b-it-Q4_K_M.gguf",
      806_058_240,
      "8ccc5cd1f1b3602548715ae25a66ed73fd5dc68a210412eea643eb20eb75a135",
    ],
    [999_885_952, 32_768],
    [26, 1, 256, 1152, 6912, 262_144],
  ),
  entry(
    ["Llama 3.2 1B", "1.2B", "Q4_K_M", LLAMA],
    [
      "bartowski/Llama-3.2-1B-Instruct-GGUF",
      "Llama-3.2-1B-Instruct-Q4_K_M.gguf",
      807_694_464,
      "6f85a640a97cf2bf5b8e764087b1e83da0fdb51d7c9fab7d0fece9385611df83",
    ],
    [1_235_814_400, 131_072],
    [16, 8, 64, 2048, 8192, 128_256],
  ),
  entry(
    ["Qwen2.5 1.5B", "1.5B", "Q4_K_M", APACHE],
    [
      "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
      "qwen2.5-1.5b-instruct-q4_k_m.gguf",
      1_117_320_736,
      "6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
    ],
    [1_543_714_304, 32_768],
    [28, 2, 128, 1536, 8960, 151_936],
  ),
  entry(
    ["Qwen3 1.7B", "1.7B", "Q4_K_M", APACHE],
    [
      "ggml-org/Qwen3-1.7B-GGUF",
      "Qwen3-1.7B-Q4_K_M.gguf",
      1_282_439_264,
      "d2387ca2dbfee2ffabce7120d3770dadca0b293052bc2f0e138fdc940d9bc7b5",
    ],
    [1_720_574_976, 32_768],
    [28, 8, 128, 2048, 6144, 151_936],
  ),
  entry(
    ["Llama 3.2 3B", "3.2B", "Q4_K_M", LLAMA],
    [
      "bartowski/Llama-3.2-3B-Instruct-GGUF",
      "Llama-3.2-3B-Instruct-Q4_K_M.gguf",
      2_019_377_696,
      "6c1a2b41161032677be168d354123594c0e6e67d2b9227c84f296ad037c728ff",
    ],
    [3_212_749_824, 131_072],
    [28, 8, 128, 3072, 8192, 128_256],
  ),
  entry(
    ["Gemma 3 4B", "4B", "Q4_K_M", GEMMA],
    [
      "ggml-org/gemma-3-4b-it-GGUF",
      "gemma-3-4b-it-Q4_K_M.gguf",
      2_489_757_856,
      "882e8d2db44dc554fb0ea5077cb7e4bc49e7342a1f0da57901c0802ea21a0863",
    ],
    [3_880_263_168, 131_072],
    [34, 4, 256, 2560, 10_240, 262_144],
  ),
  entry(
    ["Qwen3 4B", "4B", "Q4_K_M", APACHE],
    [
      "Qwen/Qwen3-4B-GGUF",
      "Qwen3-4B-Q4_K_M.gguf",
      2_497_280_256,
      "7485fe6f11af29433bc51cab58009521f205840f5b4ae3a32fa7f92e8534fdf5",
    ],
    [4_022_468_096, 32_768],
    [36, 8, 128, 2560, 9728, 151_936],
  ),
];

/** Where its file is. */
export function addressOf({ repository, file }: Entry): string {
  return `https://huggingface.co/${repository}/resolve/main/${file}`;
}

/** The entry whose file is at an address; undefined where that is none of them. */
export function entryAt(address: string): Entry | undefined {
  return CATALOGUE.find((entry) => addressOf(entry) === address);
}

/** A model with what the planner says of it. */
export interface Choice {
  readonly entry: Entry;
  readonly fit: Fit;
}

export interface Device {
  /** Bytes that can still be stored; null where the browser does not say. */
  readonly storage: number | null;
  readonly isPhone: boolean;
  /** Bytes of weights a second, as the last answers were written here; null where none were. */
  readonly bytesPerSecond: number | null;
}

/** A recommended model writes at least this fast, where that can be told. */
const TOKENS_PER_SECOND = 8;
/** And takes at most this share of the storage that is left. */
const STORAGE_SHARE = 0.3;
const PHONE_BYTES = 1.5e9;

/** The largest that fits well, writes fast enough and leaves room; null if none does. */
export function recommended(choices: readonly Choice[], device: Device): Choice | null {
  const { storage, isPhone, bytesPerSecond } = device;
  const suits = ({ entry, fit }: Choice) => {
    const { bytes } = entry.facts;
    return (
      fit.verdict === "well" &&
      (bytesPerSecond === null || bytesPerSecond / bytes >= TOKENS_PER_SECOND) &&
      (storage === null || bytes <= storage * STORAGE_SHARE) &&
      (!isPhone || bytes <= PHONE_BYTES)
    );
  };
  return choices.findLast(suits) ?? null;
}

/** The smallest that runs at all; null if none does. */
export function smallest(choices: readonly Choice[]): Choice | null {
  return choices.find(({ fit }) => fit.verdict === "well" || fit.verdict === "tight") ?? null;
}
