import { EngineError } from "@ingle/engine";

import { language, number } from "./index.js";
import { saidDe } from "./said-de.js";

/**
 * A sentence of the engine in the language of the page. The engine says it in English, with a code;
 * a sentence that is not in the table is shown as it is.
 */
export function said(code: string, sentence: string): string {
  if (language() !== "de") return sentence;
  for (const [pattern, words] of saidDe[code] ?? []) {
    const found = pattern.exec(sentence);
    if (found) return fill(words, found.groups ?? {});
  }
  return sentence;
}

/** Of whatever was thrown. */
export function saidOf(thrown: unknown): string {
  const { code, message } = EngineError.from(thrown);
  return said(code, message);
}

function fill(words: string, values: Readonly<Record<string, string | undefined>>): string {
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => inWords(values[name] ?? whole));
}

/** "3.1 MB" and "12000" as the language writes them; any other value as it is. */
export function inWords(value: string): string {
  const [, n = "", unit] = /^(\d+(?:\.\d+)?)(?: ([KMGT]?B))?$/.exec(value) ?? [];
  if (n === "") return value;
  const figure = number(Number(n), n.includes(".") ? 1 : 0);
  return unit === undefined ? figure : `${figure}\u00a0${unit.replace("K", "k")}`;
}
