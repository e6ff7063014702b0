import { choiceCard } from "./cards.js";
import { byId } from "./dom.js";
import { number, t, tn } from "./i18n/index.js";

/** What stands around a file, and the template, can be a little more than was counted. */
export const SPARE_TOKENS = 8;
/** Cutting by characters misses the tokens by a little; so often it is tried again. */
const CUTS_MAX = 6;

interface Room {
  readonly name: string;
  /** Tokens of the file, and those that are free. */
  readonly tokens: number;
  readonly free: number;
  cut(): void;
  remove(): void;
}

/** A file as a model reads it. */
export function asSent(name: string, text: string): string {
  return `${name}:\n\`\`\`\n${text}\n\`\`\``;
}

/** A file that is longer than the room left: nothing is cut before a person has said so. */
export function sayTooLong({ name, tokens, free, cut, remove }: Room): HTMLElement {
  const away = (run: () => void) => () => {
    card.remove();
    run();
  };
  const first = { label: tn("way.first", free), run: away(cut) };
  const ways = [
    ...(free > 0 ? [first] : []),
    { label: t("way.remove"), run: away(remove) },
  ];
  const text = t("text.ctx.file", { name, n: tn("tokens", tokens), m: number(free) });
  const card = choiceCard("ctx.file", t("title.ctx.file"), text, ways);
  byId("over").replaceChildren(card);
  return card;
}

/** The longest beginning of a text, cut at the end of a word, that is at most `free` tokens. */
export async function beginning(
  text: string,
  tokens: number,
  free: number,
  count: (text: string) => Promise<number | null>,
): Promise<string> {
  let [cut, n] = [text, tokens];
  for (let i = 0; i < CUTS_MAX && n > free; i += 1) {
    const end = Math.floor((cut.length * free) / n) - i;
    cut = cut.slice(0, Math.max(0, end)).replace(/\S*$/, "").trimEnd();
    n = (await count(cut)) ?? 0;
  }
  return n > free ? "" : cut;
}
