import { EngineError } from "./errors.js";
import {
  browserName,
  examine,
  type Examined,
  pageRows,
  size,
  speedRow,
} from "../internal/doctor.js";
import { type DoctorKey, type DoctorValues, doctorWords } from "../internal/doctor-words.js";
import type { Engine } from "./engine.js";

export { DOCTOR_WORDS } from "../internal/doctor-words.js";
export type { DoctorKey, DoctorValues } from "../internal/doctor-words.js";

/** A sentence of the doctor by its name and values, for pages that say it in their own words. */
export interface DoctorSaid {
  readonly key: DoctorKey;
  readonly values: DoctorValues;
}

/** Works, could be better, does not work, nothing to try. */
export type DoctorMark = "pass" | "note" | "problem" | "untested";

/** One question and its answer. */
export interface DoctorRow {
  readonly id:
    | "webgpu"
    | "chip"
    | "half"
    | "numbers"
    | "graphicsMemory"
    | "storage"
    | "threads"
    | "offline"
    | "speed"
    | "tab";
  readonly mark: DoctorMark;
  /** A sentence. */
  readonly finding: string;
  /** What to do, as a sentence. */
  readonly help: string | null;
  /** Finding and help by their name. */
  readonly said: DoctorSaid;
}

/** One kernel form that was compared with its scalar twin on this graphics chip. */
export interface DoctorKernel {
  readonly form: string;
  /** Normalized mean squared error; null if the kernel did not run. */
  readonly error: number | null;
  readonly tolerance: number;
  readonly right: boolean;
}

export interface DoctorReport {
  /** "This device …", with how much there is to improve. */
  readonly summary: string;
  /** Its first sentence by its name; `improvements` is how many rows could be better. */
  readonly said: DoctorSaid & { readonly improvements: number };
  /** In the order of the page. */
  readonly rows: readonly DoctorRow[];
  readonly kernels: readonly DoctorKernel[];
  /** All of it as text that can be shown to others: no chats, no names of files, no addresses. */
  readonly text: string;
}

export interface DoctorOptions {
  /** Called with each row as soon as it is known. */
  readonly onRow?: (row: DoctorRow) => void;
  readonly signal?: AbortSignal;
}

/** Names of the rows, in their order. */
export const DOCTOR_ROWS: readonly (readonly [DoctorRow["id"], string])[] = [
  ["webgpu", "WebGPU"],
  ["chip", "Which chip"],
  ["half", "Half precision"],
  ["numbers", "Self-check"],
  ["graphicsMemory", "Graphics memory"],
  ["storage", "Storage"],
  ["threads", "Threads"],
  ["offline", "Offline"],
  ["speed", "Speed"],
  ["tab", "Background"],
];

/** Most time of the speed row. */
const SPEED_MS = 5000;

/**
 * Looks at everything a model needs here. `engine` is asked how fast its model is; without one the
 * rest is done all the same, in a page that could not even start an engine.
 *
 * @throws EngineError `aborted` if the signal says so; everything else is a row.
 */
export async function doctor(
  engine: Engine | null,
  { onRow, signal }: DoctorOptions = {},
): Promise<DoctorReport> {
  const found = new Map<DoctorRow["id"], DoctorRow>();
  const tell = (row: DoctorRow) => {
    found.set(row.id, row);
    onRow?.(row);
  };
  const page = pageRows().map((row) => row.then(tell));
  // The chip does one thing at a time, or the speed would say little.
  const examined = await examine(tell, signal);
  tell(await speedRow(() => bench(engine, signal)));
  await Promise.all(page);
  const rows = DOCTOR_ROWS.flatMap(([id]) => found.get(id) ?? []);
  const { summary, said } = summaryOf(rows, examined.graphics);
  return {
    summary,
    said,
    rows,
    kernels: examined.kernels,
    text: textOf(summary, rows, examined.kernels),
  };
}

function bench(engine: Engine | null, signal?: AbortSignal): ReturnType<Engine["bench"]> {
  if (!engine) throw new EngineError("model.unloaded", "No model is loaded.");
  const late = AbortSignal.timeout(SPEED_MS);
  const tests = [{ prompt: 32 }, { output: 16 }];
  return engine.bench({
    tests,
    runs: 1,
    peaks: false,
    signal: signal ? AbortSignal.any([signal, late]) : late,
  });
}

function summaryOf(
  rows: readonly DoctorRow[],
  graphics: Examined["graphics"],
): Pick<DoctorReport, "summary" | "said"> {
  const isUsed =
    graphics && !graphics.software && graphics.off.every(({ part }) => part !== "device");
  const key: DoctorKey = isUsed ? "summary.gpu" : "summary.cpu";
  const values = isUsed ? { most: size(graphics.maxBufferBytes) } : {};
  const [where] = doctorWords(key, values);
  const n = rows.filter(({ mark }) => mark === "note" || mark === "problem").length;
  const rest = n === 0 ? "" : n === 1 ? " One thing to improve." : ` ${n} things to improve.`;
  return { summary: where + rest, said: { key, values, improvements: n } };
}

function textOf(
  summary: string,
  rows: readonly DoctorRow[],
  kernels: readonly DoctorKernel[],
): string {
  const names = new Map(DOCTOR_ROWS);
  const lines = rows.map(
    ({ id, mark, finding }) => `${mark.padEnd(8)} ${(names.get(id) ?? id).padEnd(16)} ${finding}`,
  );
  const probes = kernels.map(({ form, error, tolerance, right }) => {
    const got = error === null ? "did not run" : error.toExponential(1);
    return `${right ? "right" : "WRONG"}    ${form}: ${got}, allowed ${tolerance.toExponential(1)}`;
  });
  return [`ingle doctor, ${browserName()}`, summary, "", ...lines, "", ...probes].join("\n");
}
