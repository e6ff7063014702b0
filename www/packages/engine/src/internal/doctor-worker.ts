/**
 * The doctor's own worker: it opens the graphics chip for itself, runs the probes and ends. A
 * driver that hangs or dies of one takes no model and no conversation with it.
 */

import { openGraphics } from "./features.js";
import { loadModule } from "./module.js";
import { writeRecord } from "./record.js";

export interface Kernel {
  readonly form: string;
  readonly error: number | null;
  readonly tolerance: number;
  readonly right: boolean;
}

export interface Graphics {
  readonly subgroups: boolean;
  readonly f16: boolean;
  readonly software: boolean;
  readonly maxBufferBytes: number;
  readonly maxBindingBytes: number;
  readonly off: readonly { readonly part: string; readonly reason: string }[];
  /** Kernels there was no time for. */
  readonly nLeft: number;
  readonly file: string;
  readonly record: string;
}

/** In this order: `chip` once, `kernel` often, then `graphics` or `failed`. */
export type Said =
  | { readonly type: "chip"; readonly name: string | null }
  | { readonly type: "kernel"; readonly kernel: Kernel }
  | { readonly type: "graphics"; readonly graphics: Graphics }
  | { readonly type: "failed"; readonly message: string };

const say = (said: Said) => postMessage(said);

async function run(): Promise<void> {
  const chip = await openGraphics();
  say({ type: "chip", name: chip?.name ?? null });
  if (!chip) return;
  const { glue } = await loadModule({}, true);
  const graphics = (await glue.examineGraphics(
    chip.name,
    navigator.userAgent,
    chip.subgroups,
    (kernel: Kernel) => say({ type: "kernel", kernel }),
  )) as Graphics;
  await writeRecord(graphics.file, graphics.record);
  say({ type: "graphics", graphics });
}

function failed(error: unknown): void {
  const { message = String(error) } = (error ?? {}) as { message?: string };
  say({ type: "failed", message });
}

addEventListener("error", (event) => failed(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => failed(event.reason));
run().catch(failed);
