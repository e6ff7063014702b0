/** WCAG 2 contrast: the guard rail of every color that a page may choose. */

/** "rgb(…)" as a browser computes it, 0 to 255 each. */
export type Rgb = readonly [number, number, number];

/** Least contrast of text. */
export const MIN_CONTRAST = 4.5;

/** Any CSS color as numbers; null if it is none, or not opaque. */
export function rgb(color: string): Rgb | null {
  if (!color || color.length > 64 || !CSS.supports("color", color)) return null;
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  if (!canvas) return null;
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  const [r = 0, g = 0, b = 0, a = 0] = canvas.getImageData(0, 0, 1, 1).data;
  return a === 255 ? [r, g, b] : null;
}

function luminance(color: Rgb): number {
  const [r, g, b] = color.map((v) => {
    const share = v / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** Black or white, whichever is easier to read on `ground`; one of the two always is. */
export function readableOn(ground: Rgb): "#000" | "#fff" {
  return contrast(ground, [0, 0, 0]) >= contrast(ground, [255, 255, 255]) ? "#000" : "#fff";
}

/** `wanted` where it can be read on `ground`, else black or white. */
export function textOn(ground: string, wanted: string): string | null {
  const [below, above] = [rgb(ground), rgb(wanted)];
  if (!below) return null;
  return above && contrast(below, above) >= MIN_CONTRAST ? wanted : readableOn(below);
}
