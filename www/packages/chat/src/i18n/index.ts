import { de } from "./de.js";
import { en, type Key } from "./en.js";

export type { Key };

/** All words of the screen in one language. */
export type Words = Readonly<Record<Key, string>>;

/** Languages by their code, with the name they call themselves. */
export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

const TABLES: Readonly<Record<Language, Words>> = { en, de };

let words: Words = en;
let current: Language = "en";

/** The chosen language, else the browser's first one that there is a table for. */
export function pickLanguage(chosen: string | null): Language {
  const wanted = [chosen ?? "", ...navigator.languages].map((code) => code.split("-")[0] ?? "");
  return wanted.find((code): code is Language => code in TABLES) ?? "en";
}

/** Changes the language, and the words of the static page with it. */
export function setLanguage(language: Language): void {
  current = language;
  words = TABLES[language];
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll<HTMLElement>("[data-t]"))
    node.textContent = t(node.dataset["t"] as Key);
  for (const attribute of ["aria-label", "placeholder", "title"])
    for (const node of document.querySelectorAll(`[data-t-${attribute}]`))
      node.setAttribute(attribute, t(node.getAttribute(`data-t-${attribute}`) as Key));
}

export function language(): Language {
  return current;
}

/** Whether there are words of this name. */
export function isKey(name: string): name is Key {
  return name in en;
}

/** The words for `key`, with `{name}` replaced by values. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  return words[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

type Plural<K> = K extends `${infer Base}.one` ? Base : never;

/** `key.one` or `key.many`, with `{n}` as the number. */
export function tn(
  key: Plural<Key>,
  n: number,
  values: Readonly<Record<string, string | number>> = {},
): string {
  const form = `${key}.${n === 1 ? "one" : "many"}` as Key;
  return t(form, { n: number(n), ...values });
}

/** A number as the language writes it. */
export function number(n: number, digits = 0): string {
  return n.toLocaleString(current === "de" ? "de-DE" : "en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A moment as the language writes it. */
export function when(ms: number, options: Intl.DateTimeFormatOptions): string {
  return new Date(ms).toLocaleString(current === "de" ? "de-DE" : "en-GB", options);
}
