import type { Models, StoredModel } from "@ingle/engine";

import {
  addressOf,
  CATALOGUE,
  type Choice,
  type Device,
  recommended,
  smallest,
} from "./catalogue.js";
import type { Host } from "./host.js";

/** Models smaller than this say little about how fast a larger one would be. */
const MEASURE_BYTES_MIN = 200e6;
const SPEED_KEY = "ingle.speed";

/** What the catalogue has for this device. */
export interface Offer {
  /** All that are not here, the smallest first. */
  readonly choices: readonly Choice[];
  readonly best: Choice | null;
  readonly least: Choice | null;
}

/** Asks the planner about every model of the catalogue; nothing leaves the page. */
export async function offerFor(host: Host): Promise<Offer> {
  const library = await host.library();
  const stored = await library.list();
  const all = await Promise.all(CATALOGUE.map((entry) => choiceOf(library, entry)));
  const choices = all.filter(({ entry }) => !isHere(stored, addressOf(entry), entry.digest));
  const device = await deviceOf(library, host.info?.device ?? "cpu");
  return { choices, best: recommended(all, device), least: smallest(all) };
}

async function choiceOf(library: Models, entry: (typeof CATALOGUE)[number]): Promise<Choice> {
  return { entry, fit: await library.fit(entry.facts, { contextLength: 4096 }) };
}

function isHere(stored: readonly StoredModel[], address: string, digest: string): boolean {
  return stored.some((model) => model.sources.includes(address) || model.digest === digest);
}

async function deviceOf(library: Models, device: string): Promise<Device> {
  const { usage, quota } = await library.storage();
  return {
    storage: quota === null ? null : Math.max(0, quota - (usage ?? 0)),
    isPhone: matchMedia("(pointer:coarse) and (max-width:640px)").matches,
    bytesPerSecond: measured(device),
  };
}

/** An answer was written here: so many bytes of weights were read for every token. */
export function noteSpeed(device: string, bytes: number, tokensPerSecond: number): void {
  if (bytes < MEASURE_BYTES_MIN || !(tokensPerSecond > 0)) return;
  try {
    localStorage.setItem(SPEED_KEY, JSON.stringify({ device, rate: bytes * tokensPerSecond }));
  } catch {
    // Without storage there is no basis for a prediction, and none is made.
  }
}

function measured(device: string): number | null {
  try {
    const kept = JSON.parse(localStorage.getItem(SPEED_KEY) ?? "{}") as Record<string, unknown>;
    return kept["device"] === device && typeof kept["rate"] === "number" ? kept["rate"] : null;
  } catch {
    return null;
  }
}
