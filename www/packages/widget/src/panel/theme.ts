/**
 * What the site chose, as far as it can be read. Values are data: a color is one if the browser
 * says so and text on it can be read, a length is a number, a font is a list of names.
 */

import { contrast, MIN_CONTRAST, rgb, textOn } from "../contrast.js";
import type { Config } from "../types.js";

/** Grounds of both schemes, as in the sheet. */
const GROUND = { light: "#fff", dark: "#1c201e" } as const;

export function paint(node: HTMLElement, { theme, scheme }: Config): void {
  node.classList.add(scheme);
  const set = (name: string, value: string | null) => node.style.setProperty(name, value);
  const color = (name: string) => (rgb(theme[name] ?? "") ? (theme[name] ?? null) : null);
  for (const name of ["bg", "surface", "border", "mine"]) set(`--${name}`, color(name));
  const dark =
    scheme === "auto" ? matchMedia("(prefers-color-scheme:dark)").matches : scheme === "dark";
  const surface = color("surface") ?? GROUND[dark ? "dark" : "light"];
  const ownGround = color("surface") !== null || color("bg") !== null;
  for (const name of ["text", "text-2"]) {
    const wanted = color(name);
    const [above, below] = [rgb(wanted ?? ""), rgb(surface)];
    const reads = above && below && contrast(above, below) >= MIN_CONTRAST;
    // A ground of the site's own needs text that fits it; else the panel's own text stays.
    set(`--${name}`, reads ? wanted : ownGround ? textOn(surface, "#19201c") : null);
  }
  const accent = color("accent");
  set("--accent", accent);
  set("--on-accent", accent ? textOn(accent, theme["on-accent"] ?? "#fff") : null);
  for (const name of ["font", "mono"]) set(`--${name}`, font(theme[name] ?? ""));
  const radius = /^(\d{1,2}(?:\.\d+)?)px$/.exec(theme["radius"] ?? "");
  if (radius) set("--radius", `${Math.min(24, Number(radius[1]))}px`);
}

/** Names and nothing else: no `url()`, no functions. */
function font(value: string): string | null {
  return /^[\w\s"',-]{1,200}$/.test(value) ? value : null;
}
