/**
 * What the renderer says to its page, said to the panel's own regions: the widget may live in
 * somebody else's document, where it must not look for anything.
 */

import { t } from "./words.js";

const COPIED_MS = 1_500;
/** An emptied region must be seen empty before it is filled again. */
const REFILL_MS = 50;

let regions: { polite: HTMLElement; urgent: HTMLElement } | null = null;

export function sayIn(polite: HTMLElement, urgent: HTMLElement): void {
  regions = { polite, urgent };
}

/** For people who do not see the panel: rare, finished pieces. */
export function announce(text: string, level: "polite" | "urgent" = "polite"): void {
  const region = regions?.[level];
  if (!region || !text) return;
  region.textContent = "";
  setTimeout(() => (region.textContent = text), REFILL_MS);
}

/** Copies and says so in place. */
export async function copyText(value: string, label: HTMLElement): Promise<void> {
  const copied = await navigator.clipboard.writeText(value).then(
    () => true,
    () => false,
  );
  label.textContent = t(copied ? "copied" : "copyFailed");
  if (copied) announce(t("copied"));
  setTimeout(() => (label.textContent = t("copy")), COPIED_MS);
}

/** Code is plain here: its colors would be a third request, larger than the whole panel. */
export function highlight(): Promise<void> {
  return Promise.resolve();
}

export { t };
