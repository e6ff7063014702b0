import { type Action, choiceCard } from "./cards.js";
import type { Context } from "./context.js";
import { byId } from "./dom.js";
import { showStatus } from "./header.js";
import type { Host } from "./host.js";
import { number, t, tn } from "./i18n/index.js";
import type { Session } from "./session.js";
import { summarize } from "./summary.js";

/** Context sizes that are offered, as far as a model can have them. */
export const CONTEXTS = [1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072];

interface Ways {
  /** Answers what was said last. */
  again(): void;
  /** Writes an unfinished answer on. */
  goOn(id: string): void;
  /** Loads the model again with this many tokens of context. */
  reload(contextLength: number): void;
  /** A new chat that begins with these instructions. */
  begin(instructions: string): void;
}

/** A chat that is longer than the model can read: nothing is cut before a person has chosen how. */
export class TooLong {
  readonly #host: Host;
  readonly #session: Session;
  readonly #context: Context;
  readonly #ways: Ways;

  constructor(host: Host, session: Session, context: Context, ways: Ways) {
    this.#host = host;
    this.#session = session;
    this.#context = context;
    this.#ways = ways;
  }

  /** The card above the box; Send stays where it is. */
  say(tokens: number): void {
    const fit = this.#host.current?.contextLength ?? 0;
    const text = t("ctx.full.text", { n: tn("tokens", tokens), m: number(fit) });
    const card = choiceCard("ctx.full", t("ctx.full"), text, this.choices());
    byId("over").replaceChildren(card);
  }

  close(): void {
    byId("over").replaceChildren();
  }

  choices(): Action[] {
    const model = this.#host.current;
    const trim: Action = { label: t("ctx.trim"), run: () => this.#trim() };
    const summary: Action = { label: t("ctx.summary"), run: () => void this.#summarize() };
    if (!model) return [trim, summary];
    const more = CONTEXTS.find((n) => n > model.contextLength && n <= model.contextLimit);
    if (more === undefined) return [trim, summary];
    return [trim, { label: tn("ctx.larger", more), run: () => this.#larger(more) }, summary];
  }

  #trim(): void {
    this.#session.setup = { ...this.#session.setup, trim: true };
    this.close();
    const { unfinished } = this.#session;
    if (this.#session.path.at(-1)?.role === "user") this.#ways.again();
    else if (unfinished !== null) this.#ways.goOn(unfinished);
  }

  #larger(contextLength: number): void {
    this.close();
    if (this.#session.path.at(-1)?.role === "user") this.#session.wait(t("wait"));
    this.#ways.reload(contextLength);
  }

  async #summarize(): Promise<void> {
    const model = this.#host.current;
    const { chat, setup } = this.#session;
    if (!model || !chat) return;
    this.close();
    showStatus(t("ctx.summarizing"));
    try {
      const text = await summarize(model, this.#context, await this.#session.turns(), setup);
      const before = t("ctx.summary.intro", { title: chat.title, text });
      this.#ways.begin(`${setup.instructions}\n\n${before}`.trim());
    } finally {
      showStatus(model.status);
    }
  }
}
