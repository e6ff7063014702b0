import type { Setup } from "./history/types.js";

/** What a person can change, kept in this browser. Chats have a setup of their own beside it. */

/** How the app looks and behaves. */
export interface Prefs {
  theme: "system" | "light" | "dark";
  /** Percent. */
  textSize: number;
  follow: boolean;
  figures: "all" | "speed" | "none";
  calm: boolean;
  enter: "sends" | "newline";
  /** When a screen reader is told about an answer. */
  reading: "done" | "written" | "short";
  language: string | null;
  /** Start with the model that was used last. */
  reload: boolean;
  /** Keep what the model has of long chats on disk, for a faster start. */
  remember: boolean;
}

const PREFS_KEY = "ingle.prefs";
const SETUP_KEY = "ingle.settings";
const LAST_KEY = "ingle.last";

const PREFS: Prefs = {
  theme: "system",
  textSize: 100,
  follow: false,
  figures: "all",
  calm: false,
  enter: "sends",
  reading: "done",
  language: null,
  reload: true,
  remember: false,
};

/** Temperature where neither a person nor the model's Modelfile says one. */
export const CREATIVITY = 0.7;

/** What new chats begin with, unless a person has said otherwise. */
export const SETUP: Setup = {
  instructions: "",
  creativity: null,
  maxTokens: 1024,
  topP: null,
  topK: null,
  minP: null,
  repeatPenalty: null,
  presencePenalty: null,
  frequencyPenalty: null,
  seed: null,
  stop: [],
  schema: "",
  think: true,
  trim: false,
};

/** The one copy that all parts read; `savePrefs` keeps it. */
export const prefs: Prefs = load(PREFS_KEY, PREFS);

export function savePrefs(): void {
  save(PREFS_KEY, prefs);
  showPrefs();
}

/** Puts what changes the look onto the page. */
export function showPrefs(): void {
  const root = document.documentElement;
  if (prefs.theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = prefs.theme;
  root.style.fontSize = prefs.textSize === 100 ? "" : `${prefs.textSize}%`;
  root.classList.toggle("calm", prefs.calm);
}

/** What new chats begin with. */
export function defaultSetup(): Setup {
  return load(SETUP_KEY, SETUP);
}

export function saveDefaultSetup(setup: Setup): void {
  save(SETUP_KEY, setup);
}

/** The model that was used last: `{ name }` of this browser, or `{ served }` of the server. */
export interface Last {
  readonly name?: string;
  readonly served?: string;
}

export function lastModel(): Last {
  return load<Last>(LAST_KEY, {});
}

export function saveLastModel(last: Last): void {
  save(LAST_KEY, last);
}

/** What was stored under `key`, as far as its parts have the types of `defaults`. */
function load<T extends object>(key: string, defaults: T): T {
  try {
    const stored = JSON.parse(localStorage.getItem(key) ?? "{}") as Record<string, unknown>;
    const entries = Object.entries(stored).filter(([name, value]) => {
      const known = (defaults as Record<string, unknown>)[name];
      if (Array.isArray(known)) return Array.isArray(value);
      return known === undefined || known === null || typeof known === typeof value;
    });
    return { ...defaults, ...Object.fromEntries(entries) };
  } catch {
    return { ...defaults }; // no storage, or something else wrote there
  }
}

function save(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A private window: it holds until the tab closes.
  }
}
