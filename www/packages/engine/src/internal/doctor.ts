/** The doctor's rows: one question each, answered as soon as it can be. */

import type { BenchRow } from "../public/types.js";
import type { DoctorKernel, DoctorMark, DoctorRow } from "../public/doctor.js";
import { EngineError } from "../public/errors.js";
import { aborted } from "./aborted.js";
import { type DoctorKey, type DoctorValues, doctorWords } from "./doctor-words.js";
import type { Graphics, Said } from "./doctor-worker.js";
import { hasThreads } from "./features.js";
import { makeWorker } from "./trusted.js";

type Id = DoctorRow["id"];

export function row(
  id: Id,
  mark: DoctorMark,
  key: DoctorKey,
  values: DoctorValues = {},
): DoctorRow {
  const [finding, help] = doctorWords(key, values);
  return { id, mark, finding, help, said: { key, values } };
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
export function examine(
  onRow: (row: DoctorRow) => void,
  signal?: AbortSignal,
): Promise<Examined> {
  const worker = makeWorker(
    () =>
      new Worker(new URL("./doctor-worker.js", import.meta.url), {
        type: "module",
        name: "ingle doctor",
      }),
  );
  const kernels: DoctorKernel[] = [];
  let timer = 0;
  return new Promise<Examined>((resolve, reject) => {
    const fail = (why: string) => {
      onRow(row("numbers", "problem", "numbers.failed", { why }));
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
        onRow(row("numbers", "untested", "numbers.none"));
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
  if (name !== null)
    return row("webgpu", "pass", "webgpu.works", { chip: name, browser: browserName() });
  const has = (navigator as { gpu?: unknown }).gpu !== undefined;
  return row("webgpu", "note", has ? "webgpu.no-chip" : "webgpu.missing");
}

function graphicsRows(graphics: Graphics, kernels: readonly DoctorKernel[]): DoctorRow[] {
  return [
    graphics.software ? row("chip", "note", "chip.software") : row("chip", "pass", "chip.used"),
    graphics.f16 ? row("half", "pass", "half.used") : row("half", "note", "half.unused"),
    numbersRow(graphics, kernels),
    row("graphicsMemory", "pass", "graphicsMemory.most", { most: size(graphics.maxBufferBytes) }),
  ];
}

/** `nLeft`: what a slow device had no time for. */
function numbersRow({ off, nLeft: left }: Graphics, kernels: readonly DoctorKernel[]): DoctorRow {
  const n = kernels.length;
  const wrong = kernels.filter(({ right }) => !right).length;
  if (off.length === 0 && left > 0)
    return row("numbers", "pass", "numbers.right-so-far", { n, left });
  if (off.length === 0) return row("numbers", "pass", "numbers.right", { n });
  const reasons = off.map(({ reason }) => reason).join("; ");
  const isUseless = off.some(({ part }) => part === "device");
  const key = isUseless ? "numbers.useless" : "numbers.wrong";
  return row("numbers", "problem", key, { n, wrong, reasons });
}

/** The rows that need no graphics chip. */
export function pageRows(): Promise<DoctorRow>[] {
  return [storageRow(), Promise.resolve(threadsRow()), offlineRow(), Promise.resolve(tabRow())];
}

async function storageRow(): Promise<DoctorRow> {
  const storage = navigator.storage as StorageManager | undefined;
  const estimate = await storage?.estimate().catch(() => null);
  if (!storage || !estimate?.quota) return row("storage", "note", "storage.none");
  const free = size(Math.max(0, estimate.quota - (estimate.usage ?? 0)));
  const isKept = await storage.persisted().catch(() => false);
  if (isKept) return row("storage", "pass", "storage.kept", { free });
  return row("storage", "note", "storage.maybe", { free });
}

function threadsRow(): DoctorRow {
  const n = navigator.hardwareConcurrency || 1;
  if (hasThreads()) return row("threads", "pass", "threads.many", { n });
  return row("threads", "note", "threads.one");
}

async function offlineRow(): Promise<DoctorRow> {
  const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  const registration = await container?.getRegistration().catch(() => undefined);
  if (registration?.active) return row("offline", "pass", "offline.stored");
  return row("offline", "note", container ? "offline.not-yet" : "offline.refused");
}

function tabRow(): DoctorRow {
  return document.visibilityState === "visible"
    ? row("tab", "pass", "tab.front")
    : row("tab", "note", "tab.back");
}

/** How fast the model in use is, from a short bench. */
export async function speedRow(bench: () => Promise<readonly BenchRow[]>): Promise<DoctorRow> {
  try {
    const rows = await bench();
    const speed = (test: string) => rows.find((r) => r.test.startsWith(test))?.median_ts ?? null;
    const [reads, writes] = [speed("pp"), speed("tg")];
    if (reads === null || writes === null) return row("speed", "untested", "speed.slow");
    const tokens = (n: number) => (n < 10 ? n.toFixed(1) : String(Math.round(n)));
    const values = { reads: tokens(reads), writes: tokens(writes) };
    return row("speed", "pass", "speed.measured", values);
  } catch (error) {
    const { code, message } = EngineError.from(error);
    if (code === "aborted") throw error;
    if (code === "model.unloaded") return row("speed", "untested", "speed.no-model");
    return row("speed", "untested", "speed.failed", { why: message });
  }
}
