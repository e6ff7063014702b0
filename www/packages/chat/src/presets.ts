import { el } from "./dom.js";
import { t } from "./i18n/index.js";

/** Instructions that a person keeps by name, in this browser. */
export interface Preset {
  readonly name: string;
  readonly text: string;
}

const KEY = "ingle.presets";
/** Longer names would not fit the list. */
const NAME_CHARACTERS_MAX = 60;

export function presets(): readonly Preset[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isPreset) : [];
  } catch {
    return [];
  }
}

function isPreset(value: unknown): value is Preset {
  const { name, text } = (value ?? {}) as Partial<Preset>;
  return typeof name === "string" && typeof text === "string";
}

/** Keeps a text under a name, in place of what had that name. False if nothing can be kept. */
export function keepPreset(name: string, text: string): boolean {
  const others = presets().filter((preset) => preset.name !== name);
  return save([...others, { name, text }].sort((a, b) => a.name.localeCompare(b.name)));
}

export function dropPreset(name: string): void {
  save(presets().filter((preset) => preset.name !== name));
}

function save(all: readonly Preset[]): boolean {
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
    return true;
  } catch {
    return false; // a private window, or no room
  }
}

interface Instructions {
  get(): string;
  set(text: string): void;
}

/** Under the instructions: those that are kept, and a name to keep these under. */
export function presetRow({ get, set }: Instructions): HTMLElement {
  const select = el("select", { "aria-label": t("preset.use"), "data-ui": "preset.use" });
  const drop = button(t("preset.drop"), "preset.drop");
  const name = el("input", {
    type: "text",
    maxlength: NAME_CHARACTERS_MAX,
    placeholder: t("preset.name"),
    "aria-label": t("preset.name"),
    "data-ui": "preset.name",
    autocomplete: "off",
  });
  const keep = button(t("preset.keep"), "preset.keep");
  const said = el("span", { class: "facts", role: "status" });
  const fill = (chosen: string) => {
    const all = presets();
    const options = all.map((preset) => el("option", { value: preset.name }, preset.name));
    select.replaceChildren(el("option", { value: "" }, t("preset.none")), ...options);
    select.value = chosen;
    select.hidden = all.length === 0;
    drop.hidden = chosen === "";
  };
  select.addEventListener("change", () => {
    const found = presets().find((preset) => preset.name === select.value);
    if (found) set(found.text);
    name.value = found?.name ?? "";
    said.textContent = "";
    drop.hidden = !found;
  });
  keep.addEventListener("click", () => {
    const called = name.value.trim();
    if (called === "" || get().trim() === "") return name.focus();
    said.textContent = t(keepPreset(called, get()) ? "preset.kept" : "preset.full");
    fill(called);
  });
  drop.addEventListener("click", () => {
    dropPreset(select.value);
    said.textContent = t("preset.dropped");
    fill("");
    name.focus();
  });
  const chosen = presets().find((preset) => preset.text === get())?.name ?? "";
  name.value = chosen;
  fill(chosen);
  return el("div", { class: "do presets" }, select, drop, name, keep, said);
}

function button(label: string, ui: string): HTMLButtonElement {
  return el("button", { class: "b b-sm", type: "button", "data-ui": ui }, label);
}
