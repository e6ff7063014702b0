/**
 * Markdown as nodes. `marked` understands the text; the nodes are made here, by `createElement` and
 * `textContent`, from a fixed set. No string ever becomes HTML, so nothing a model writes can
 * become a script, a style or a request: HTML in an answer is shown as text, a picture as a link.
 */

import { lexer, type Token, type Tokens } from "marked";

import { copyText } from "./clipboard.js";
import { el, icon } from "./dom.js";
import { highlight } from "./highlight.js";
import { t } from "./i18n/index.js";
import { seenText } from "./unseen.js";

/** Only these may be followed; `javascript:`, `data:` and the like stay text. */
const LINK_PROTOCOLS = new Set(["http:", "https:", "mailto:"]);

/** The blocks of a text with their sources, so that a growing answer can keep finished ones. */
export function blocks(text: string): Token[] {
  return lexer(text, { gfm: true, breaks: false }).filter((token) => token.type !== "space");
}

/** One block as a node; code that still grows is not highlighted yet. */
export function block(token: Token, growing = false): Node {
  switch (token.type) {
    case "heading":
      return el(`h${(token as Tokens.Heading).depth as 1}`, auto, ...inline(token.tokens));
    case "paragraph":
      return el("p", auto, ...inline(token.tokens));
    case "code":
      return codeBox(token as Tokens.Code, growing);
    case "list":
      return list(token as Tokens.List);
    case "blockquote":
      return el(
        "blockquote",
        auto,
        ...(token.tokens ?? []).map((token) => block(token, growing)),
      );
    case "table":
      return table(token as Tokens.Table);
    case "hr":
      return el("hr");
    case "text":
      return el("p", auto, ...inline([token]));
    default:
      return el("p", { ...auto, class: "plain" }, token.raw.trimEnd());
  }
}

const auto = { dir: "auto" };

function inline(tokens: Token[] | undefined): Node[] {
  return (tokens ?? []).flatMap(span);
}

function span(token: Token): Node[] {
  switch (token.type) {
    case "text":
      return token.tokens ? inline(token.tokens) : [text(unescape(token))];
    case "escape":
      return [text((token as Tokens.Escape).text)];
    case "strong":
      return [el("strong", {}, ...inline(token.tokens))];
    case "em":
      return [el("em", {}, ...inline(token.tokens))];
    case "del":
      return [el("del", {}, ...inline(token.tokens))];
    case "codespan":
      return [el("code", {}, ...seenText((token as Tokens.Codespan).text))];
    case "br":
      return [el("br")];
    case "link":
      return [link((token as Tokens.Link).href, inline(token.tokens))];
    case "image": {
      const { href, text: alt } = token as Tokens.Image;
      return [link(href, [text(alt || href)])];
    }
    default:
      return [text(token.raw)];
  }
}

function text(value: string): Text {
  return document.createTextNode(value);
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  "#39": "'",
  nbsp: "\u00a0",
};

/** The words of a text token, with the entities people know written out. */
function unescape(token: Token): string {
  const words = (token as Tokens.Text).text ?? token.raw;
  return words.replace(/&(#?\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}

/** The address, if it may be followed. */
function followable(href: string): string | null {
  try {
    const url = new URL(href);
    return LINK_PROTOCOLS.has(url.protocol) ? url.href : null;
  } catch {
    return null; // relative or no address at all
  }
}

function link(href: string, children: Node[]): Node {
  const url = followable(href);
  if (url === null) return el("span", {}, ...children);
  return el(
    "a",
    { href: url, target: "_blank", rel: "noopener noreferrer nofollow", title: url },
    ...children,
  );
}

function list(token: Tokens.List): Node {
  const items = token.items.map((item) => {
    // A tight list's text is not a paragraph.
    const children = item.tokens.flatMap((child) =>
      child.type === "text" && !item.loose ? inline(child.tokens ?? [child]) : [block(child)],
    );
    const mark = item.task ? [text(item.checked ? "☑ " : "☐ ")] : [];
    return el("li", auto, ...mark, ...children);
  });
  if (!token.ordered) return el("ul", auto, ...items);
  return el("ol", { ...auto, start: token.start === "" ? undefined : token.start }, ...items);
}

function table(token: Tokens.Table): Node {
  const row = (cells: Tokens.TableCell[], tag: "th" | "td") =>
    el("tr", {}, ...cells.map((cell) => el(tag, auto, ...inline(cell.tokens))));
  return el(
    "div",
    { class: "table", tabindex: 0, role: "group", "aria-label": t("table") },
    el(
      "table",
      {},
      el("thead", {}, row(token.header, "th")),
      el("tbody", {}, ...token.rows.map((cells) => row(cells, "td"))),
    ),
  );
}

function codeBox(token: Tokens.Code, growing: boolean): Node {
  const name = (token.lang ?? "").split(/\s/, 1)[0] ?? "";
  const language = name || t("code");
  const label = el("span", {}, t("copy"));
  const copy = el("button", { class: "b b-bare b-sm", type: "button" }, icon("copy"), label);
  copy.addEventListener("click", () => void copyText(token.text, label, copy));
  const code = el("code", {}, ...seenText(token.text));
  if (!growing && name !== "") void highlight(code, token.text, name);
  return el(
    "figure",
    { class: "codebox" },
    el("header", {}, el("span", { class: "grow" }, language), copy),
    el("pre", { tabindex: 0, "aria-label": t("code.name", { language }) }, code),
  );
}
