/** SVG nodes, made like the page's other nodes: no markup from strings. */

const NAMESPACE = "http://www.w3.org/2000/svg";

export function svg(
  tag: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: (Node | string)[]
): SVGElement {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

export const text = (x: number, y: number, words: string, kind = ""): SVGElement =>
  svg("text", { x, y, ...(kind ? { class: kind } : {}) }, words);

export const line = (kind: string, x1: number, y1: number, x2: number, y2: number): SVGElement =>
  svg("line", { class: kind, x1, y1, x2, y2 });

/** Round numbers from 0 up to at least `max`, at most five steps. */
export function ticks(max: number): number[] {
  const rough = Math.max(max, Number.MIN_VALUE) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const n = Math.ceil(max / step - 1e-9);
  return Array.from({ length: Math.max(1, n) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}
