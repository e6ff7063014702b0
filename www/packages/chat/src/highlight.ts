import type { Element, RootContent } from "hast";

import { seenText } from "./unseen.js";

/** Longer code is shown plain: colors are no help there, and would take a noticeable time. */
const CHARACTERS_MAX = 20_000;

/** The page's four code colors by the first part of a class of highlight.js. */
const COLORS: Readonly<Record<string, string>> = {
  "hljs-keyword": "k",
  "hljs-literal": "k",
  "hljs-built_in": "k",
  "hljs-type": "k",
  "hljs-string": "s",
  "hljs-regexp": "s",
  "hljs-symbol": "s",
  "hljs-addition": "s",
  "hljs-title": "f",
  "hljs-name": "f",
  "hljs-attr": "f",
  "hljs-attribute": "f",
  "hljs-property": "f",
  "hljs-number": "f",
  "hljs-comment": "c",
  "hljs-quote": "c",
  "hljs-meta": "c",
  "hljs-deletion": "c",
};

let library: Promise<typeof import("./languages.js")> | null = null;

/**
 * Colors finished code in place. lowlight gives a tree of words and not HTML, so nodes are made
 * here as everywhere; it comes with the first code box and not with the page.
 */
export async function highlight(
  node: HTMLElement,
  text: string,
  language: string,
): Promise<void> {
  if (text.length > CHARACTERS_MAX) return;
  try {
    library ??= import("./languages.js");
    const { lowlight } = await library;
    if (!lowlight.registered(language.toLowerCase())) return;
    const { children } = lowlight.highlight(language.toLowerCase(), text);
    node.replaceChildren(...children.flatMap(nodesOf));
  } catch {
    library = null; // offline before it was ever loaded: the code stays as it is
  }
}

function nodesOf(content: RootContent): (Node | string)[] {
  if (content.type === "text") return seenText(content.value);
  if (content.type !== "element") return [];
  const children = content.children.flatMap(nodesOf);
  const color = colorOf(content);
  if (color === null) return children;
  const span = document.createElement("span");
  span.className = color;
  span.append(...children);
  return [span];
}

function colorOf({ properties }: Element): string | null {
  const names = Array.isArray(properties["className"]) ? properties["className"] : [];
  return COLORS[String(names[0])] ?? null;
}
