/**
 * One schema for what goes between page and frame. Whatever does not fit is dropped without a word:
 * it comes from somebody who does not speak it, or from somebody who tries something.
 */

import type { Command, Config, Detail, EventName, Report, State } from "./types.js";

/** No text from a page is longer. */
export const MAX_CHARS = 100_000;
const MAX_THEME = 16;
const STATES = ["idle", "asking", "loading", "ready", "writing", "trouble", "unsupported"];
const EVENTS = ["progress", "ready", "turn", "error"];

type Fields = Record<string, unknown>;

function fields(value: unknown): Fields | null {
  if (typeof value !== "object" || value === null) return null;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype ? (value as Fields) : null;
}

const text = (value: unknown): value is string =>
  typeof value === "string" && value.length <= MAX_CHARS;
const number = (value: unknown): value is number => Number.isFinite(value);
const flag = (value: unknown): value is boolean => typeof value === "boolean";

const oneOf =
  (...words: string[]) =>
  (value: unknown): boolean =>
    words.includes(value as string);

const SHAPE: Readonly<Record<keyof Config, (value: unknown) => boolean>> = {
  model: text,
  sha256: text,
  size: number,
  heading: text,
  greeting: text,
  placeholder: text,
  system: text,
  context: number,
  maxTokens: number,
  temperature: number,
  keep: oneOf("tab", "none", "device"),
  share: oneOf("none", "text"),
  isolation: oneOf("frame", "shadow"),
  inline: flag,
  keepLoaded: flag,
  lang: oneOf("en", "de"),
  scheme: oneOf("auto", "light", "dark"),
  askOver: number,
  theme: (value) => {
    const theme = fields(value);
    return !!theme && Object.keys(theme).length <= MAX_THEME && Object.values(theme).every(text);
  },
};

function has(found: Fields, shape: Readonly<Record<string, (value: unknown) => boolean>>): boolean {
  const names = Object.keys(shape);
  const fits = names.every((name) => Object.hasOwn(found, name) && shape[name]?.(found[name]));
  return fits && Object.keys(found).every((name) => names.includes(name));
}

/** What a page says, or null. */
export function asCommand(value: unknown): Command | null {
  const found = fields(value);
  const is = oneOf;
  const fits =
    found &&
    (has(found, { do: is("prepare", "stop", "clear", "close") }) ||
      has(found, { do: is("open"), touch: flag }) ||
      has(found, { do: is("ask"), text }) ||
      has(found, { do: is("export"), id: number }) ||
      has(found, {
        do: is("config"),
        config: (config) => {
          const inner = fields(config);
          return !!inner && has(inner, SHAPE);
        },
      }));
  return fits ? (value as Command) : null;
}

/** What a frame says, or null. */
export function asReport(value: unknown): Report | null {
  const found = fields(value);
  const is = oneOf;
  const fits =
    found &&
    (has(found, { is: is("close") }) ||
      has(found, { is: is("state"), state: is(...STATES) }) ||
      has(found, { is: is("exported"), id: number, text: (v) => v === null || text(v) }) ||
      has(found, { is: is("event"), name: is(...EVENTS), detail: isDetail }));
  return fits ? (value as Report) : null;
}

function isDetail(value: unknown): value is Detail {
  const detail = fields(value);
  const plain = (v: unknown) => v === null || text(v) || number(v) || flag(v);
  return !!detail && Object.values(detail).every(plain);
}

export type { EventName, State };
