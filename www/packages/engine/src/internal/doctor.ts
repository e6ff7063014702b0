/** The doctor's rows: one question each, answered as soon as it can be. */

import type { BenchRow } from "../public/types.js";
import type { DoctorKernel, DoctorMark, DoctorRow } from "../public/doctor.js";
import { EngineError } from "../public/errors.js";
import { aborted } from "./aborted.js";
import type { Graphics, Said } from "./doctor-worker.js";
import { hasThreads } from "./features.js";

type Id = DoctorRow["id"];

const NO_WEBGPU =
  "Update the browser, or use Chrome, Edge or another one with WebGPU. In Firefox on Linux it is " +
  "behind dom.webgpu.enabled.";

export function row(id: Id, mark: DoctorMark, finding: string, help: string | null = null) {
  return { id, mark, finding, help } satisfies DoctorRow;
}

/** "1.5 GB", decimal, as everywhere. */
export function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(bytes >= 1e10 ? 0 : 1)}\u00a0GB`;
  return `${Math.round(bytes / 1e6)}\u00a0MB`;
}

/** "Chrome 156": what people call it, without the rest of what a browser says about itself. */
export function browserName(agent: string = navigator.userAgent): string {
  for (const [pattern, name] of [
    [/\bEdg\/(\d+)/, "Edge"],
    [/\bFirefox\/(\d+)/, "Firefox"],
    [/Chrom(?:e|ium)\/(\d+)/, "Chrome"],
    [/\bVersion\/(\d+)[.\d]* .*Safari/, "Safari"],
  ] as const) {
    const found = pattern.exec(agent);
    if (found) return `${name} ${found[1] ?? ""}`;
  }
  return "this browser";
}

/** What the probes tell, and the rows they make. */
export interface Examined {
  readonly graphics: Graphics | null;
  readonly kernels: readonly DoctorKernel[];
}

/** Most time of one probe; a driver that hangs is not waited for. */
const LIMIT_MS = 60_000;

/** Runs the probes in a worker of their own. */
export function examine(onRow: (row: DoctorRow) => void, signal?: AbortSignal): Promise<Examined> {
  const worker = new Worker(new URL("./doctor-worker.js", import.meta.url), {
    type: "module",
    name: "ingle doctor",
  });
  const kernels: DoctorKernel[] = [];
  let timer = 0;
  return new Promise<Examined>((resolve, reject) => {
    const fail = (message: string) => {
      const help = "Models run on the processor. A newer graphics driver may help.";
      onRow(row("numbers", "problem", `The check did not end: ${message}`, help));
      resolve({ graphics: null, kernels });
    };
    const hung = () => fail("the graphics chip did not answer in a minute.");
    timer = setTimeout(hung, LIMIT_MS);
    const stop = () => reject(aborted());
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    worker.onerror = (event) => {
      event.preventDefault();
      fail(event.message || "its worker could not be loaded.");
    };
    worker.onmessage = ({ data }: MessageEvent<Said>) => {
      clearTimeout(timer);
      timer = setTimeout(hung, LIMIT_MS);
      if (data.type === "kernel") kernels.push(data.kernel);
      if (data.type === "failed") fail(data.message);
      if (data.type === "chip") {
        onRow(chipRow(data.name));
        if (data.name !== null) return;
        onRow(row("numbers", "untested", "There is no graphics chip to check."));
        resolve({ graphics: null, kernels });
      }
      if (data.type === "graphics") {
        for (const found of graphicsRows(data.graphics, kernels)) onRow(found);
        resolve({ graphics: data.graphics, kernels });
      }
    };
  }).finally(() => {
    clearTimeout(timer);
    worker.terminate();
  });
}

function chipRow(name: string | null): DoctorRow {
  if (name !== null) return row("webgpu", "pass", `Works: ${name}, through ${browserName()}.`);
  const has = (navigator as { gpu?: unknown }).gpu !== undefined;
  return row(
    "webgpu",
    "note",
    has
      ? "This browser has WebGPU but no graphics chip for it. Models run on the processor, slower."
      : "This browser has no WebGPU. Models run on the processor, slower.",
    has
      ? "Turn on graphics acceleration in the browser's settings, and update the driver."
      : NO_WEBGPU,
  );
}

function graphicsRows(graphics: Graphics, kernels: readonly DoctorKernel[]): DoctorRow[] {
  const software = "The processor plays the graphics chip.";
  const switchOn = "Turn on graphics acceleration in the browser's settings.";
  return [
    graphics.software
      ? row("chip", "note", software, switchOn)
      : row("chip", "pass", "Using the graphics chip that the browser prefers."),
    graphics.f16
      ? row("half", "pass", "Supported.")
      : row("half", "note", "Not used here; full precision takes more memory for working space."),
    numbersRow(graphics, kernels),
    row("graphicsMemory", "pass", `Pieces up to ${size(graphics.maxBufferBytes)} can be used.`),
  ];
}

function numbersRow({ off, nLeft }: Graphics, kernels: readonly DoctorKernel[]): DoctorRow {
  const wrong = kernels.filter(({ right }) => !right).length;
  if (off.length === 0)
    return row(
      "numbers",
      "pass",
      `${kernels.length} of ${kernels.length} kernels give the right numbers${rest(nLeft)}.`,
    );
  const reasons = off.map(({ reason }) => reason).join("; ");
  const then = off.some(({ part }) => part === "device")
    ? "Models run on the processor."
    : "Answers stay right and may be slower.";
  return row(
    "numbers",
    "problem",
    `${wrong} of ${kernels.length} kernels gave wrong numbers: ${reasons}. ${then}`,
    "A newer graphics driver or browser may help. Reload the page to use what was found.",
  );
}

/** What a slow device had no time for. */
function rest(nLeft: number): string {
  return nLeft === 0 ? "" : `; ${nLeft} more were not tried, because this took long`;
}

/** The rows that need no graphics chip. */
export function pageRows(): Promise<DoctorRow>[] {
  return [storageRow(), Promise.resolve(threadsRow()), offlineRow(), Promise.resolve(tabRow())];
}

async function storageRow(): Promise<DoctorRow> {
  const storage = navigator.storage as StorageManager | undefined;
  const estimate = await storage?.estimate().catch(() => null);
  if (!storage || !estimate?.quota)
    return row(
      "storage",
      "note",
      "This browser keeps no models for this page.",
      "Private windows keep nothing. Use a usual window.",
    );
  const free = size(Math.max(0, estimate.quota - (estimate.usage ?? 0)));
  if (await storage.persisted().catch(() => false))
    return row("storage", "pass", `${free} free for ingle, kept permanently.`);
  return row(
    "storage",
    "note",
    `${free} free for ingle. It may be deleted when space is short.`,
    "Ask the browser to keep the data.",
  );
}

function threadsRow(): DoctorRow {
  const cores = navigator.hardwareConcurrency || 1;
  if (hasThreads()) return row("threads", "pass", `${cores} threads.`);
  return row(
    "threads",
    "note",
    "1 thread, because this page is served without isolation headers.",
    "For whoever serves the page: Cross-Origin-Opener-Policy same-origin and " +
      "Cross-Origin-Embedder-Policy require-corp make answers on the processor faster.",
  );
}

async function offlineRow(): Promise<DoctorRow> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  const registration = await container?.getRegistration().catch(() => undefined);
  if (registration?.active) return row("offline", "pass", "Page and engine are stored.");
  const why = container ? "this page has not stored itself" : "this browser does not allow it here";
  return row("offline", "note", `Not stored yet: ${why}.`);
}

function tabRow(): DoctorRow {
  return document.visibilityState === "visible"
    ? row("tab", "pass", "Tab is in front.")
    : row("tab", "note", "Tab is in the background.", "Browsers slow hidden tabs down.");
}

/** How fast the model in use is, from a short bench. */
export async function speedRow(bench: () => Promise<readonly BenchRow[]>): Promise<DoctorRow> {
  try {
    const rows = await bench();
    const speed = (test: string) => rows.find((r) => r.test.startsWith(test))?.median_ts ?? null;
    const [reads, writes] = [speed("pp"), speed("tg")];
    if (reads === null || writes === null)
      return row("speed", "untested", "It took too long to measure here.");
    const tokens = (n: number) => (n < 10 ? n.toFixed(1) : String(Math.round(n)));
    return row(
      "speed",
      "pass",
      `Reads ${tokens(reads)}, writes ${tokens(writes)} tokens/s with the model in use.`,
    );
  } catch (error) {
    const { code, message } = EngineError.from(error);
    if (code === "aborted") throw error;
    const none = code === "model.unloaded";
    return row(
      "speed",
      "untested",
      none ? "No model is loaded." : message,
      none ? "Load one and run again." : null,
    );
  }
}
