/** The element's attributes as a checked configuration; numbers are clamped, words looked up. */

import type { Config } from "./types.js";

/** The demo model beside this script, as the build found it; null where there is none. */
declare const __DEMO__: { readonly bytes: number; readonly sha256: string } | null;
const DEMO_PLACE = "./models/demo.gguf";

/** Custom properties that a page may set, without their `--ingle-`. */
const THEME = [
  "accent",
  "on-accent",
  "bg",
  "surface",
  "text",
  "text-2",
  "border",
  "mine",
  "font",
  "mono",
  "radius",
];

const LANGUAGES = ["en", "de"] as const;
/** Above this a download is asked about, in bytes. */
const ASK_OVER = 50_000_000;

export function configOf(element: HTMLElement, isolation: Config["isolation"]): Config {
  const text = (name: string) => element.getAttribute(name)?.trim() ?? "";
  const number = (name: string, usual: number, least: number, most: number) => {
    const value = element.hasAttribute(name) ? Number(text(name)) : Number.NaN;
    return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : usual;
  };
  const word = <T extends string>(name: string, words: readonly T[], usual: T) =>
    words.find((known) => known === text(name)) ?? usual;
  return {
    ...modelOf(element, text, number),
    heading: text("heading"),
    greeting: text("greeting"),
    placeholder: text("placeholder"),
    system: text("system"),
    context: Math.round(number("context", 2048, 256, 131_072)),
    maxTokens: Math.round(number("max-tokens", 512, 1, 32_768)),
    temperature: number("temperature", 0.7, 0, 2),
    keep: word("keep", ["tab", "none", "device"], "tab"),
    share: word("share", ["none", "text"], "none"),
    isolation,
    inline: isInline(element),
    keepLoaded: element.hasAttribute("keep-loaded"),
    lang: languageOf(element),
    scheme: schemeOf(element),
    askOver: number("ask-over", ASK_OVER, 0, 1e13),
    theme: themeOf(element),
  };
}

type Text = (name: string) => string;
type Numeric = (name: string, usual: number, least: number, most: number) => number;

/** What the attributes name; a tag without `model` has the demo model of the widget's folder. */
function modelOf(
  element: HTMLElement,
  text: Text,
  number: Numeric,
): Pick<Config, "model" | "sha256" | "size"> {
  if (__DEMO__ && !element.hasAttribute("model")) {
    const { sha256, bytes: size } = __DEMO__;
    return { model: new URL(DEMO_PLACE, import.meta.url).href, sha256, size };
  }
  return {
    model: text("model"),
    sha256: text("model-sha256").toLowerCase(),
    size: number("model-size", 0, 0, 1e13),
  };
}

export function isInline(element: HTMLElement): boolean {
  return element.getAttribute("mode") === "inline";
}

/** The nearest `lang` that there are words for, else the browser's, else English. */
export function languageOf(element: HTMLElement): Config["lang"] {
  const near = element.closest<HTMLElement>("[lang]")?.lang ?? "";
  for (const code of [near, ...navigator.languages]) {
    const known = LANGUAGES.find((language) => code.toLowerCase().split("-")[0] === language);
    if (known) return known;
  }
  return "en";
}

/** `auto` follows the page, then the system. */
export function schemeOf(element: HTMLElement): Config["scheme"] {
  const wanted = element.getAttribute("theme");
  if (wanted === "light" || wanted === "dark") return wanted;
  // The element itself takes nothing over from the page.
  const page = getComputedStyle(element.parentElement ?? document.documentElement).colorScheme;
  const [light, dark] = [page.includes("light"), page.includes("dark")];
  return light === dark ? "auto" : light ? "light" : "dark";
}

function themeOf(element: HTMLElement): Record<string, string> {
  const style = getComputedStyle(element);
  const found: Record<string, string> = {};
  for (const name of THEME) {
    const value = style.getPropertyValue(`--ingle-${name}`).trim();
    if (value) found[name] = value.slice(0, 200);
  }
  return found;
}
