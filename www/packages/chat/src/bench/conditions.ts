import type { BenchRow, EngineInfo } from "@ingle/engine";

import { t, tn } from "../i18n/index.js";

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
  return safari ? `Safari ${safari}` : t("bench.browser.unknown");
}

/** Null where the browser does not say. */
export async function power(): Promise<"mains" | "battery" | null> {
  try {
    const battery = await (navigator as Brands).getBattery?.();
    return battery ? (battery.charging ? "mains" : "battery") : null;
  } catch {
    return null;
  }
}

/** Watches what would make numbers useless: a tab that was hidden, power that changed. */
export class Conditions {
  #hidden = document.hidden;
  #before: Awaited<ReturnType<typeof power>> = null;
  #after: Awaited<ReturnType<typeof power>> = null;
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
    const tab = t(this.#hidden ? "bench.tab.hidden" : "bench.tab.front");
    if (this.#before === null) return tab;
    const power = this.#before === this.#after ? this.#before : "changed";
    return `${tab}, ${t(`bench.power.${power}`)}`;
  }

  /** Why these numbers should not be compared with others. */
  get problems(): string[] {
    const problems: string[] = [];
    if (this.#hidden) problems.push(t("bench.problem.hidden"));
    if (this.#before !== this.#after) problems.push(t("bench.problem.power"));
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
  return t("bench.headline", {
    runs: tn("bench.headline.runs", n),
    warm: tn("bench.headline.warm", warm),
    state: conditions.words,
    device: info ? info.adapter : t("bench.device.unknown"),
    browser: browserName(),
  });
}
