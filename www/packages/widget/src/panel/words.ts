/** What the panel says, in the languages it speaks. Text from the site is the site's. */

const en = {
  title: "Chat",
  private: "Runs in your browser. Nothing is sent.",
  shared: "Runs in your browser. This site can read this chat.",
  askTitle: "This chat runs in your browser.",
  askText: "It needs a one-time download of {size} from {host}. What you type is not sent.",
  askCopy: "Browsers keep a separate copy for each website.",
  download: "Download {size}",
  notNow: "Not now",
  placeholder: "Type a message",
  message: "Message",
  send: "Send",
  stop: "Stop writing",
  close: "Close chat",
  clear: "New chat",
  conversation: "Conversation",
  you: "You",
  assistant: "Assistant",
  starting: "Starting",
  loading: "Downloading {done} of {total}",
  loadingUnknown: "Downloading, {done}",
  preparing: "Getting ready",
  timeLeft: "about {n} left",
  seconds: "{n} s",
  minutes: "{n} min",
  waits: "Will be answered when the model is ready.",
  reading: "Reading",
  thinking: "Thinking",
  writing: "Writing",
  ready: "The model is ready.",
  answered: "Answer: {text}",
  stopped: "Stopped. The text is kept.",
  tokens: "{used} of {total} tokens",
  details: "Details",
  instructions: "Instructions of this site",
  model: "Model",
  noModelTitle: "This chat has no model",
  noModelText: "The site has to name one.",
  again: "Try again",
  troubleTitle: "The chat cannot go on",
  unsupported: "This browser cannot run the chat here.",
  full: "This chat is longer than the model can read",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Press Ctrl C",
  failed: "It did not work. Your text is kept.",
} as const;

export type Key = keyof typeof en;

const de: Readonly<Record<Key, string>> = {
  title: "Chat",
  private: "Läuft in deinem Browser. Nichts wird gesendet.",
  shared: "Läuft in deinem Browser. Diese Website kann den Chat lesen.",
  askTitle: "Dieser Chat läuft in deinem Browser.",
  askText: "Er braucht einmal {size} von {host}. Was du schreibst, wird nicht gesendet.",
  askCopy: "Browser behalten für jede Website eine eigene Kopie.",
  download: "{size} laden",
  notNow: "Nicht jetzt",
  placeholder: "Nachricht schreiben",
  message: "Nachricht",
  send: "Senden",
  stop: "Schreiben anhalten",
  close: "Chat schließen",
  clear: "Neuer Chat",
  conversation: "Unterhaltung",
  you: "Du",
  assistant: "Assistent",
  starting: "Startet",
  loading: "{done} von {total} geladen",
  loadingUnknown: "{done} geladen",
  preparing: "Wird vorbereitet",
  timeLeft: "noch etwa {n}",
  seconds: "{n} s",
  minutes: "{n} min",
  waits: "Die Antwort kommt, sobald das Modell bereit ist.",
  reading: "Liest",
  thinking: "Denkt nach",
  writing: "Schreibt",
  ready: "Das Modell ist bereit.",
  answered: "Antwort: {text}",
  stopped: "Angehalten. Der Text bleibt.",
  tokens: "{used} von {total} Token",
  details: "Einzelheiten",
  instructions: "Anweisungen dieser Website",
  model: "Modell",
  noModelTitle: "Dieser Chat hat kein Modell",
  noModelText: "Die Website muss eines nennen.",
  again: "Noch einmal",
  troubleTitle: "Der Chat kann nicht weitergehen",
  unsupported: "Dieser Browser kann den Chat hier nicht ausführen.",
  full: "Dieser Chat ist länger, als das Modell lesen kann",
  copy: "Kopieren",
  copied: "Kopiert",
  copyFailed: "Strg C drücken",
  failed: "Es ging nicht. Dein Text bleibt.",
};

export type Language = "en" | "de";
const TABLES = { en, de } as const;
let language: Language = "en";

export function speak(chosen: Language): void {
  language = chosen;
}

/** The words for `key`, with `{name}` replaced. */
export function t(key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  // The renderer may know words that the widget does not.
  const text = (TABLES[language] as Partial<Record<Key, string>>)[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** "770 MB", decimal, as the language writes numbers. */
export function size(bytes: number): string {
  const [value, unit] = bytes >= 1e9 ? [bytes / 1e9, "GB"] : [bytes / 1e6, "MB"];
  const digits = value < 10 ? 1 : 0;
  const text = value.toLocaleString(language, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${text}\u00a0${unit}`;
}

export function count(n: number): string {
  return n.toLocaleString(language);
}
