import { el, openDialog } from "./dom.js";

/** What a person can change about answers; kept in this browser. */
export interface ChatSettings {
  instructions: string;
  /** Temperature. */
  creativity: number;
  /** 0: until the model is done. */
  maxTokens: number;
}

const KEY = "ingle.settings";
const DEFAULTS: ChatSettings = { instructions: "", creativity: 0.7, maxTokens: 1024 };
const LENGTHS: readonly [number, string][] = [
  [256, "256 tokens"],
  [512, "512 tokens"],
  [1024, "1,024 tokens"],
  [4096, "4,096 tokens"],
  [0, "Until the model is done"],
];

export function loadSettings(): ChatSettings {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<ChatSettings>;
    return {
      instructions:
        typeof stored.instructions === "string" ? stored.instructions : DEFAULTS.instructions,
      creativity: typeof stored.creativity === "number" ? stored.creativity : DEFAULTS.creativity,
      maxTokens: typeof stored.maxTokens === "number" ? stored.maxTokens : DEFAULTS.maxTokens,
    };
  } catch {
    return { ...DEFAULTS }; // no storage, or something else wrote there
  }
}

function save(settings: ChatSettings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A private window: the settings hold until the tab closes.
  }
}

/** Opens the sheet; changes take effect with the next message and never reload the model. */
export function openSetup(settings: ChatSettings): void {
  const instructions = el("textarea", { rows: 4, placeholder: "You are brief and friendly." });
  instructions.value = settings.instructions;
  const value = el("output", { class: "num" }, settings.creativity.toFixed(1));
  const creativity = el("input", {
    type: "range",
    min: 0,
    max: 1.5,
    step: 0.1,
    value: settings.creativity,
  });
  const length = el(
    "select",
    {},
    ...LENGTHS.map(([n, label]) =>
      el("option", { value: n, selected: n === settings.maxTokens }, label),
    ),
  );
  const store = () => {
    settings.instructions = instructions.value;
    settings.creativity = Number(creativity.value);
    settings.maxTokens = Number(length.value);
    value.textContent = settings.creativity.toFixed(1);
    save(settings);
  };
  for (const input of [instructions, creativity, length]) input.addEventListener("input", store);
  openDialog(
    "Chat setup",
    el(
      "label",
      { class: "field" },
      "Instructions",
      el("small", {}, "Given to the model before the conversation."),
      instructions,
    ),
    el(
      "label",
      { class: "field" },
      el("span", {}, "Creativity ", value),
      el("small", {}, "0 gives the same answer every time."),
      creativity,
    ),
    el("label", { class: "field" }, "Answer length", length),
  );
}
