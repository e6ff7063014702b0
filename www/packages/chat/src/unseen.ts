/**
 * Characters in code that cannot be seen and change what is read: marks of direction, by which a
 * line shows other words than it has (CVE-2021-42574), and spaces of no width. Code shows them by
 * their number; what is copied is the source.
 */

import { el } from "./dom.js";

const MARKS = /[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;
/** A joiner behind a pictograph is a part of it. */
const JOINER = /(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d/u;
const UNSEEN = new RegExp(`${MARKS.source}|${JOINER.source}`, "gu");

/** The text as nodes, with such characters written out. */
export function seenText(text: string): (Node | string)[] {
  const out: (Node | string)[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(UNSEEN)) {
    const code = found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    out.push(text.slice(from, index), el("span", { class: "unseen" }, `U+${code}`));
    from = index + found.length;
  }
  return [...out, text.slice(from)].filter((part) => part !== "");
}
