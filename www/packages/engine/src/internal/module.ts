import { builds } from "../wasm/builds.js";

import { EngineError } from "../public/errors.js";
import { compile } from "./compile.js";
import { hasRelaxedSimd, hasThreads } from "./features.js";
import { startThreads } from "./threads.js";

/** The glue of any of the modules: they differ in instructions and not in what they offer. */
export type Glue = typeof import("../wasm/ingle.js");
export type { ApiResponse, CancelFlag, WasmEngine, WasmStore } from "../wasm/ingle.js";

/** What a page asks of the module; everything left out is chosen here. */
export interface ModuleWishes {
  /** Threads in all; 1 takes a module without shared memory. */
  readonly threads?: number | undefined;
  /** Name of a module, for tests and comparisons. */
  readonly module?: string | undefined;
}

/** A module that is ready to be used. */
export interface LoadedModule {
  readonly name: string;
  readonly glue: Glue;
  readonly memory: WebAssembly.Memory;
  /** For further workers. */
  readonly module: WebAssembly.Module;
}

/** More threads than this share one memory bus without gain. */
const MAX_DEFAULT_THREADS = 8;
/** From this many cores on one is left to the page and the rest of the machine. */
const SPARE_A_CORE_FROM = 6;

function defaultThreads(): number {
  const cores = navigator.hardwareConcurrency || 1;
  return Math.min(cores >= SPARE_A_CORE_FROM ? cores - 1 : cores, MAX_DEFAULT_THREADS);
}

/** Names of the modules this browser and page can run, best first. */
function candidates(threads: number): string[] {
  const relaxed = hasRelaxedSimd();
  const names = relaxed ? ["relaxed", "simd"] : ["simd"];
  const threaded = threads > 1 && hasThreads() ? names.map((name) => `${name}-threads`) : [];
  return [...threaded, ...names].filter((name) => builds[name]);
}

/**
 * Loads the best module for computing on the processor, with its threads, or (for a graphics chip)
 * the best one of a single thread, because nothing there is gained from shared memory.
 */
export async function loadModule(wishes: ModuleWishes, forGpu: boolean): Promise<LoadedModule> {
  const threads = forGpu ? 1 : Math.max(1, Math.floor(wishes.threads ?? defaultThreads()));
  const name = wishes.module ?? candidates(threads)[0] ?? "simd";
  const build = builds[name];
  if (!build) {
    const known = Object.keys(builds).join(", ");
    throw new EngineError("api.argument", `There is no module '${name}', only ${known}.`);
  }
  try {
    const [glue, module] = await Promise.all([build.load(), compile(build.file, build.integrity)]);
    const { memory } = await glue.default({ module_or_path: module });
    if (name.endsWith("-threads")) await startThreads(name, module, memory, threads - 1);
    return { name, glue, memory, module };
  } catch (error) {
    const file = build.file.pathname.split("/").pop() ?? name;
    const isPinned = build.integrity !== undefined;
    throw new EngineError(
      "engine.module",
      `The engine's WebAssembly module could not be loaded${isPinned ? ", or was changed" : ""}. ` +
        `Check that ${file} is served ${isPinned ? "unchanged " : ""}beside the script, ` +
        "then reload.",
      String(error),
    );
  }
}
