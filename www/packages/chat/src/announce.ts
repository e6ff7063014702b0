import { byId } from "./dom.js";

/** Pause between two polite messages, so that a screen reader can finish. */
const POLITE_GAP_MS = 500;
/** The same text again within this time says nothing new. */
const REPEAT_MS = 5_000;
/** An emptied region must be seen empty before it is filled again. */
const REFILL_MS = 50;

const queue: string[] = [];
let busy = false;
let last = { text: "", at: 0 };

/**
 * Says something to people who do not see the page. The conversation itself is never a live region:
 * it would be read token by token. Finished, rare pieces go through here instead.
 */
export function announce(text: string, level: "polite" | "urgent" = "polite"): void {
  const now = performance.now();
  if (text === "" || (text === last.text && now - last.at < REPEAT_MS)) return;
  last = { text, at: now };
  if (level === "urgent") return fill("shout", text);
  queue.push(text);
  speak();
}

function speak(): void {
  const text = queue[0];
  if (busy || text === undefined) return;
  queue.shift();
  busy = true;
  fill("say", text);
  setTimeout(() => {
    busy = false;
    speak();
  }, POLITE_GAP_MS);
}

function fill(id: string, text: string): void {
  const region = byId(id);
  region.textContent = "";
  setTimeout(() => (region.textContent = text), REFILL_MS);
}
