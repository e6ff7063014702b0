import { type EngineError } from "@ingle/engine";

import { noteCard } from "./cards.js";
import { bar } from "./bars.js";
import { t, tn } from "./i18n/index.js";

/**
 * Whether the browser has a network, as far as it knows. It is asked only after something failed:
 * a server on this computer answers without any.
 */

/** Nothing came, and the browser says that there is no network: it is worth waiting for one. */
export function waitsForNetwork({ code }: EngineError): boolean {
  if (code === "net.offline") return true;
  return /^net\.(cut|refused|stalled)$/.test(code) && !navigator.onLine;
}

/** Runs `run` when the network is back; what it returns stops the wait. */
export function whenOnline(run: () => unknown): () => void {
  addEventListener("online", run, { once: true });
  return () => removeEventListener("online", run);
}

/** Says once in a visit that there is no network, and how much works without; `models` counts. */
export function sayOffline(models: () => number): void {
  let wasSaid = false;
  const say = () => {
    if (wasSaid || navigator.onLine) return;
    wasSaid = true;
    const n = models();
    const text = n > 0 ? tn("text.net.offline", n) : t("text.net.offline.none");
    const close = bar(noteCard(t("title.net.offline"), text, { code: "net.offline" }));
    whenOnline(close);
  };
  addEventListener("offline", say);
  say();
}
