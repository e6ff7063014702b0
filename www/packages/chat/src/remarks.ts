import { choiceCard, codeNote } from "./cards.js";
import { number, t } from "./i18n/index.js";
import type { ChatModel } from "./model.js";

/** Slower than a person reads; above this nobody waits. */
const SLOW_PER_SECOND = 10;
/** A longer chat is read back for every word: that alone does not halve the speed. */
const SHARE = 0.5;

interface Screen {
  addCard(card: HTMLElement): void;
  removeCard(card: HTMLElement): void;
  /** Writes an answer on, with more variety. */
  goOnLooser(id: string): void;
}

/** What is said about an answer when it has ended: that it was slow, or turned in a circle. */
export class Remarks {
  readonly #screen: Screen;
  /** The best speed of each model in this visit. */
  readonly #best = new Map<string, number>();
  readonly #said = new Set<string>();

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Says once in a chat that writing has become slow, by what the same model did before. */
  wrote(chat: string, { key, where }: ChatModel, perSecond: number): void {
    if (where.kind !== "tab") return;
    const best = this.#best.get(key) ?? 0;
    this.#best.set(key, Math.max(best, perSecond));
    const isSlow = perSecond < SLOW_PER_SECOND && perSecond < best * SHARE;
    if (!isSlow || this.#said.has(chat)) return;
    this.#said.add(chat);
    const text = t("text.gpu.slow", { a: figure(best), b: figure(perSecond) });
    this.#screen.addCard(codeNote("gpu.slow", text));
  }

  /** The answer was stopped: so many words at its end were the same few. */
  looped(id: string, words: number): void {
    const leave = () => this.#screen.removeCard(card);
    const goOn = () => {
      leave();
      this.#screen.goOnLooser(id);
    };
    const ways = [
      { label: t("way.looser"), run: goOn },
      { label: t("way.leave"), run: leave },
    ];
    const text = t("text.gen.loop", { n: number(words) });
    const card = choiceCard("gen.loop", t("title.gen.loop"), text, ways);
    this.#screen.addCard(card);
  }
}

function figure(perSecond: number): string {
  return number(perSecond, perSecond < SLOW_PER_SECOND ? 1 : 0);
}
