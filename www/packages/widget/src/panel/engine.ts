/**
 * The engine as the panel needs it: fetched from its own folder at the first question and not
 * before. Only what is used is described, so the panel is compiled without a byte of it.
 */

import type { Engine, Model, Progress } from "@ingle/engine";

import type { Config } from "../types.js";

/** Stored models with digests, where this engine has them. */
interface Shelf {
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
  const { Engine } = (await import(/* @vite-ignore */ ENTRY)) as typeof import("@ingle/engine");
  const engine = await Engine.start();
  try {
    const options = { onProgress, signal, contextLength: config.context };
    const model = await engine.load(await source(engine, config, onProgress, signal), options);
    return { engine, model };
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
): Promise<{ name: string } | { url: string }> {
  if (!isAddress(model)) return { name: model };
  const url = new URL(model, document.baseURI).href;
  const shelf = (engine as unknown as { models: Partial<Shelf> }).models;
  if (typeof shelf.pull === "function") {
    const digest = sha256 ? { digest: `sha256:${sha256}` } : {};
    const { name } = await shelf.pull(url, { ...digest, signal, onProgress });
    return { name };
  }
  // Without a shelf nothing can be compared with a digest; to use the file would be a lie.
  if (sha256)
    throw Object.assign(new Error("This engine cannot check model-sha256. Update it."), {
      code: "api.argument",
    });
  return { url };
}
