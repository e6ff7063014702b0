import type { StoredModel } from "@ingle/engine";

import { bytes } from "./format.js";
import { t, tn } from "./i18n/index.js";

const KEY = "ingle.tally";

/**
 * What was here the last time, in a few bytes of `localStorage`, which browsers spare when they
 * make room. If chats or models were here and are not, says what is gone; else null. Without the
 * tally (a cleaned profile) nobody can know, and the page behaves as on a first visit.
 */
export function tallyLoss(chats: number, models: readonly StoredModel[]): string | null {
  const before = read();
  const size = models.reduce((sum, model) => sum + model.size, 0);
  write({ chats, models: models.length, bytes: size });
  const gone: string[] = [];
  if (before.models > 0 && models.length === 0)
    gone.push(`${tn("n.models", before.models)} (${bytes(before.bytes)})`);
  if (before.chats > 0 && chats === 0) gone.push(tn("n.chats", before.chats));
  if (gone.length === 0) return null;
  return t("store.evicted.text", { what: gone.join(", ") });
}

/** A person has deleted something: it is not missed. */
export function keepTally(chats: number, models: readonly StoredModel[]): void {
  const size = models.reduce((sum, model) => sum + model.size, 0);
  write({ chats, models: models.length, bytes: size });
}

interface Tally {
  readonly chats: number;
  readonly models: number;
  readonly bytes: number;
}

function read(): Tally {
  try {
    const { chats, models, bytes } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return { chats: Number(chats) || 0, models: Number(models) || 0, bytes: Number(bytes) || 0 };
  } catch {
    return { chats: 0, models: 0, bytes: 0 };
  }
}

function write(tally: Tally): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(tally));
  } catch {
    // Storage is off: nothing is kept that could be lost.
  }
}
