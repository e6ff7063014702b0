/**
 * The engine as the panel needs it: fetched from its own folder at the first question and not
 * before. Only what is used is described, so the panel is compiled without a byte of it.
 */

import type { Engine, Model, Progress, Thoughts } from "@ingle/engine";

import type { Config } from "../types.js";

/** Stored models with digests, where this engine has them. */
interface Shelf {
  list(): Promise<readonly { name: string; sources: readonly string[] }[]>;
  show(name: string): Promise<{ files: readonly { digest: string }[] }>;
  pull(
    ref: string,
    options: {
      digest?: string;
      signal?: AbortSignal;
      onProgress?: (progress: Progress) => void;
    },
  ): Promise<{ name: string }>;
}

export interface Running {
  readonly engine: Engine;
  readonly model: Model;
  /** Takes what the model thinks apart from its answer. */
  thoughts(): Thoughts;
}

const ENTRY = new URL(/* @vite-ignore */ "./engine/public/index.js", import.meta.url).href;

/** True if the model is an address and no stored name. */
export function isAddress(model: string): boolean {
  return /^https?:|^\.{0,2}\//.test(model);
}

/** Where the model comes from, for people. */
export function hostOf({ model }: Config): string {
  return isAddress(model) ? new URL(model, document.baseURI).host : "";
}

/** Starts the engine and loads the model. */
export async function start(
  config: Config,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Running> {
  const module = await import(/* @vite-ignore */ ENTRY);
  const { Engine, Thoughts } = module as typeof import("@ingle/engine");
  const engine = await Engine.start();
  try {
    const options = { onProgress, signal, contextLength: config.context };
    const from = await source(engine, config, onProgress, signal);
    const model = await engine.load(from, options);
    return { engine, model, thoughts: () => new Thoughts() };
  } catch (error) {
    await engine.stop();
    throw error;
  }
}

async function source(
  engine: Engine,
  { model, sha256 }: Config,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<{ readonly name: string } | { readonly url: string }> {
  if (!isAddress(model)) return { name: model };
  const url = new URL(model, document.baseURI).href;
  const shelf = (engine as unknown as { models: Shelf }).models;
  if (typeof shelf.pull === "function") {
    const digest = sha256 ? `sha256:${sha256}` : null;
    const here = await stored(shelf, url, digest);
    if (here !== null) return { name: here };
    return shelf.pull(url, { ...(digest ? { digest } : {}), signal, onProgress });
  }
  // Without a shelf nothing can be compared with a digest; to use the file would be a lie.
  if (sha256)
    throw Object.assign(new Error("This engine cannot check model-sha256. Update it."), {
      code: "api.argument",
    });
  return { url };
}

/** The name of a model that came from `url`, and has the digest if one is asked for. */
async function stored(shelf: Shelf, url: string, digest: string | null): Promise<string | null> {
  const found = (await shelf.list()).find(({ sources }) => sources.includes(url));
  if (!found) return null;
  if (digest === null) return found.name;
  const { files } = await shelf.show(found.name);
  return files.some((file) => file.digest === digest) ? found.name : null;
}
