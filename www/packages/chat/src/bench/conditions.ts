import type { BenchRow, EngineInfo } from "@ingle/engine";

/** What the numbers were measured under; each part is said only where the browser tells it. */

interface Brands {
  readonly userAgentData?: { readonly brands: readonly { brand: string; version: string }[] };
  readonly getBattery?: () => Promise<{ readonly charging: boolean }>;
}

/** "Chromium 156", "Firefox 153". */
export function browserName(): string {
  const { userAgentData } = navigator as Brands;
  const brands = userAgentData?.brands.filter(({ brand }) => !/not.a.brand/i.test(brand)) ?? [];
  const best = brands.find(({ brand }) => brand !== "Chromium") ?? brands[0];
  if (best) return `${best.brand} ${best.version}`;
  const agent = navigator.userAgent;
  const firefox = /Firefox\/(\d+)/.exec(agent)?.[1];
  if (firefox) return `Firefox ${firefox}`;
  const safari = /Version\/([\d.]+).*Safari/.exec(agent)?.[1];
  return safari ? `Safari ${safari}` : "an unnamed browser";
}

/** "mains power" or "battery", or null where the browser does not say. */
export async function power(): Promise<string | null> {
  try {
    const battery = await (navigator as Brands).getBattery?.();
    return battery ? (battery.charging ? "mains power" : "battery") : null;
  } catch {
    return null;
  }
}

/** Watches what would make numbers useless: a tab that was hidden, power that changed. */
export class Conditions {
  #hidden = document.hidden;
  #before: string | null = null;
  #after: string | null = null;
  readonly #onChange = () => {
    if (document.hidden) this.#hidden = true;
  };

  static async start(): Promise<Conditions> {
    const conditions = new Conditions();
    document.addEventListener("visibilitychange", conditions.#onChange);
    conditions.#before = conditions.#after = await power();
    return conditions;
  }

  async stop(): Promise<void> {
    document.removeEventListener("visibilitychange", this.#onChange);
    this.#after = await power();
  }

  /** "tab in front, mains power". */
  get words(): string {
    const tab = this.#hidden ? "tab hidden for a while" : "tab in front";
    if (this.#before === null) return tab;
    return `${tab}, ${this.#before === this.#after ? this.#before : "power changed"}`;
  }

  /** Why these numbers should not be compared with others. */
  get problems(): string[] {
    const problems: string[] = [];
    if (this.#hidden)
      problems.push("The tab was hidden during the bench, and browsers slow hidden tabs down.");
    if (this.#before !== this.#after) problems.push("The power source changed during the bench.");
    return problems;
  }
}

/** The line under the heading: runs, circumstances, device, browser. */
export function headline(
  rows: readonly BenchRow[],
  runs: number,
  conditions: Conditions,
  info: EngineInfo | null,
): string {
  // A test that could not be run says so in its row; it is not "0 runs" of the others.
  const made = rows.map((row) => row.samples_ts.length).filter((n) => n > 0);
  const n = made.length > 0 ? Math.min(...made) : runs;
  const warm = rows[0]?.n_warmup ?? 1;
  const times = n === 1 ? "1 run" : `${n} runs`;
  const warmUps = `${warm} warm-up${warm === 1 ? "" : "s"}`;
  const device = info ? info.adapter : "unknown device";
  return `${times} after ${warmUps}, ${conditions.words}. ${device}, ${browserName()}.`;
}
