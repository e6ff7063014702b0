/** How fast models are made smaller here: remembered, since only having done it tells. */

const KEY = "ingle.smaller.rate";

/** Weights per second of the last time; null before the first. */
export function rate(): number | null {
  try {
    const kept = Number(localStorage.getItem(KEY));
    return kept > 0 ? kept : null;
  } catch {
    return null;
  }
}

export function keepRate(weights: number, seconds: number): void {
  try {
    if (seconds > 0) localStorage.setItem(KEY, String(weights / seconds));
  } catch {
    // A private window: the next time is as unknown as this one was.
  }
}
