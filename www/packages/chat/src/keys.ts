import type { Conversation } from "./conversation.js";
import { byId } from "./dom.js";
import { undoLast } from "./undo.js";

interface Targets {
  readonly conversation: Conversation;
  stop(): void;
  newChat(): void;
  search(): void;
}

/** Regions in the order of F6; what is hidden is passed over. */
const REGIONS = ["ask", "log", "model", "side"];

/** Keys that work anywhere, and those of a focused message. The page `#/keys` lists the same. */
export function listenKeys(targets: Targets): void {
  document.addEventListener("keydown", (event) => {
    const isHandled = anywhere(event, targets) || onMessage(event);
    if (isHandled && event.key !== "Escape") event.preventDefault();
  });
}

function anywhere(event: KeyboardEvent, { conversation, ...targets }: Targets): boolean {
  const mod = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const dialog = document.querySelector("dialog[open]");
  if (key === "escape" && !dialog && !event.isComposing) targets.stop();
  else if (mod && event.shiftKey && key === "o") targets.newChat();
  else if (mod && key === "k" && !dialog) targets.search();
  else if (mod && key === "/") location.hash = "#/keys";
  else if (mod && key === "z" && !isTyping()) return undoLast();
  else if (key === "f6" && !mod) return nextRegion(event.shiftKey ? -1 : 1);
  else if (event.altKey && key === "arrowup") conversation.focusMessage(-1);
  else if (event.altKey && key === "arrowdown") conversation.focusMessage(1);
  else if (key === "end" && inConversation()) conversation.toEnd();
  else if (key === "home" && inConversation()) conversation.toStart();
  else return false;
  return true;
}

/** C, E, R, B, [, ] and Delete, only where a message itself has the focus (WCAG 2.1.4). */
function onMessage(event: KeyboardEvent): boolean {
  const message = document.activeElement;
  if (event.ctrlKey || event.metaKey || event.altKey || !message?.matches(".msg")) return false;
  const key = event.key.toLowerCase();
  const selector = key === "[" || key === "]" ? `[data-step="${key}"]` : `[data-key="${key}"]`;
  const button = /^[cer[\]]$/.test(key) ? message.querySelector<HTMLElement>(selector) : null;
  if (button) button.click();
  else if (key === "b" || key === "delete" || key === "e")
    message.dispatchEvent(new CustomEvent("message-key", { detail: key }));
  else return false;
  return true;
}

function inConversation(): boolean {
  return byId("log").contains(document.activeElement) && !isTyping();
}

function isTyping(): boolean {
  return document.activeElement?.matches("input, textarea, select") ?? false;
}

function nextRegion(step: 1 | -1): boolean {
  const shown = REGIONS.map(byId).filter((node) => node.checkVisibility());
  const at = shown.findIndex((node) => node.contains(document.activeElement));
  // Behind the last one the browser's own F6 goes on.
  const next = at < 0 ? shown[0] : shown[at + step];
  if (!next) return false;
  const target = next.id === "side" ? next.querySelector<HTMLElement>("button") : next;
  target?.focus();
  return true;
}
