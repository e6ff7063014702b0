/** What stays after a reload: the conversation, and that the model was fetched before. */

import type { Config } from "../types.js";

export interface Said {
  readonly role: "user" | "assistant";
  readonly content: string;
}

const MAX_MESSAGES = 400;

/** Storage may be refused (private windows, blocked frames): then nothing is kept. */
function place(keep: Config["keep"]): Storage | null {
  try {
    if (keep === "none") return null;
    return keep === "device" ? localStorage : sessionStorage;
  } catch {
    return null;
  }
}

function key({ model }: Config): string {
  return `ingle-chat ${model}`;
}

export function recall(config: Config): Said[] {
  try {
    const kept: unknown = JSON.parse(place(config.keep)?.getItem(key(config)) ?? "[]");
    if (!Array.isArray(kept)) return [];
    return kept.filter(
      (said): said is Said =>
        (said?.role === "user" || said?.role === "assistant") && typeof said.content === "string",
    );
  } catch {
    return [];
  }
}

export function keep(config: Config, said: readonly Said[]): void {
  try {
    const storage = place(config.keep);
    if (said.length === 0) storage?.removeItem(key(config));
    else storage?.setItem(key(config), JSON.stringify(said.slice(-MAX_MESSAGES)));
  } catch {
    // Full or refused: the chat goes on without.
  }
}

/** True if this model was loaded here before, so that there is nothing to ask. */
export function wasFetched({ model }: Config): boolean {
  try {
    return localStorage.getItem(`ingle-fetched ${model}`) === "1";
  } catch {
    return false;
  }
}

export function noteFetched({ model }: Config): void {
  try {
    localStorage.setItem(`ingle-fetched ${model}`, "1");
  } catch {
    // It is asked again.
  }
}
