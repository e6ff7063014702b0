/**
 * What the doctor found out about the graphics chip's numbers: kept like the tuning, given to the
 * module before the first load, and told to the person when something is switched off.
 */

import type { Notice } from "../public/types.js";
import type { WasmEngine } from "./module.js";
import { readText, writeText } from "./tuning.js";

const FOLDER = "ingle-doctor";

interface Off {
  readonly part: "integers" | "subgroups" | "f16" | "device";
  readonly reason: string;
}

/** Gives the module what an earlier page found out. A text of no use is found out again. */
export async function recallRecord(engine: WasmEngine, notices: Notice[]): Promise<void> {
  const name = engine.recordFile();
  const text = name ? await readText(FOLDER, name) : null;
  if (text !== null) engine.useRecord(text);
  tell(engine, notices);
}

/** Keeps what the last load found out. */
export async function keepRecord(engine: WasmEngine, notices: Notice[]): Promise<void> {
  const name = engine.recordFile();
  const text = engine.takeRecord();
  if (!name || !text) return;
  tell(engine, notices);
  await writeText(FOLDER, name, text);
}

/** One notice for all that is switched off, in the place of an earlier one. */
function tell(engine: WasmEngine, notices: Notice[]): void {
  const off = engine.switchedOff() as readonly Off[];
  if (off.length === 0) return;
  const at = notices.findIndex(({ code }) => code === "gpu.wrong");
  if (at >= 0) notices.splice(at, 1);
  const reasons = off.map(({ reason }) => reason).join("; ");
  const rest = off.some(({ part }) => part === "device")
    ? "Answers come from the processor and are slower."
    : "Answers stay right and may be slower.";
  const message = `This graphics chip gave wrong numbers: ${reasons}. ${rest}`;
  notices.push({ code: "gpu.wrong", message });
}

/** Keeps what the doctor's own worker found out. */
export function writeRecord(name: string, text: string): Promise<void> {
  return writeText(FOLDER, name, text);
}
