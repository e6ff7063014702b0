import { DOCTOR_ROWS, type DoctorReport, type DoctorRow } from "@ingle/engine";

import { doctorDe, doctorNamesDe } from "./doctor-de.js";
import { language, t, tn } from "./index.js";
import { inWords } from "./said.js";

/**
 * The doctor's sentences. The engine says them in English, by names with values; here are the same
 * names in the other languages.
 */

export function rowName(id: DoctorRow["id"]): string {
  if (language() === "de") return doctorNamesDe[id];
  return DOCTOR_ROWS.find(([known]) => known === id)?.[1] ?? id;
}

/** What a row says, and its advice. */
export function rowWords({ finding, help, said }: DoctorRow): [string, string | null] {
  if (language() !== "de") return [finding, help];
  const [words, advice]: readonly string[] = doctorDe[said.key];
  return [
    fill(words ?? "", said.values),
    advice === undefined ? null : fill(advice, said.values),
  ];
}

export function summaryWords({ summary, said }: DoctorReport): string {
  if (language() !== "de") return summary;
  const { key, values, improvements } = said;
  const rest = improvements === 0 ? "" : ` ${tn("doctor.improve", improvements)}`;
  return fill(doctorDe[key][0], values) + rest;
}

function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    inWords(String(values[name] ?? whole)),
  );
}

/** Each mark as a word, because color alone tells nobody anything. */
export function markWord(mark: DoctorRow["mark"]): string {
  return t(`doctor.mark.${mark}`);
}
