import type { Action } from "./cards.js";
import type { Composer } from "./composer.js";
import type { Context } from "./context.js";
import { openSplit, showGauge } from "./gauge.js";
import type { Host } from "./host.js";
import type { Session } from "./session.js";

interface Parts {
  readonly host: Host;
  readonly session: Session;
  readonly context: Context;
  readonly composer: Composer;
  /** What can be done about a chat that is too long. */
  choices(): Action[];
}

/** How full the context is: under the box, in the split behind it, and for a file beside it. */
export class Counting {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The gauge with this many tokens. */
  show(used: number): void {
    showGauge({ used, total: this.#parts.host.current?.contextLength ?? 0 });
  }

  /** The gauge with what stands in the box. */
  async draft(): Promise<void> {
    const { host, session, context } = this.#parts;
    const model = host.current;
    if (!model || session.isWriting) return;
    const turns = await session.turns();
    const draft = this.#inBox();
    if (draft === "") return;
    const { total } = await context.use(model, turns, draft);
    if (!session.isWriting) this.show(total);
  }

  async openSplit(): Promise<void> {
    const { host, session, context, choices } = this.#parts;
    const model = host.current;
    if (!model) return;
    const use = await context.use(model, await session.turns(), this.#inBox());
    openSplit(use, model.contextLength, session.setup.maxTokens, choices());
  }

  /** Tokens that are left for a file of `tokens` in the box; null where nobody knows. */
  async roomFor(tokens: number): Promise<number | null> {
    const { host, session, context } = this.#parts;
    const model = host.current;
    if (!model || model.contextLength === 0) return null;
    const { total } = await context.use(model, await session.turns(), this.#inBox());
    return Math.max(0, context.limit(model) - (total - tokens));
  }

  #inBox(): string {
    const { attachments, text } = this.#parts.composer;
    return `${attachments.text}\n${text}`.trim();
  }
}
