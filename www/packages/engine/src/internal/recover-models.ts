/**
 * The handles that a page has of its models. An engine's own numbers end with it; a handle stays,
 * with what it takes to load the same model with the same settings again.
 */

import type { Calls, Loaded, SourceBody } from "./protocol.js";

export interface Held {
  readonly handle: number;
  readonly body: Calls["load"]["body"];
  /** The name it is stored under. */
  readonly name: string;
  /** The engine's number; null while the engine does not have it. */
  actual: number | null;
  /** The load that is on its way. */
  loading: Promise<void> | null;
}

export class Models {
  #next = 1;
  /** An engine holds one model. */
  #current: Held | null = null;

  get current(): Held | null {
    return this.#current;
  }

  find(handle: number): Held | null {
    return this.#current?.handle === handle ? this.#current : null;
  }

  /** Takes over what the engine loaded: the same, under a number of this page. */
  hold(body: Calls["load"]["body"], loaded: Loaded): Loaded {
    const handle = this.#next++;
    const { model: actual, info } = loaded;
    this.#current = { handle, body, name: info.name, actual, loading: null };
    return { model: handle, info };
  }

  drop(handle: number): void {
    if (this.#current?.handle === handle) this.#current = null;
  }

  /** The engine is gone. */
  stale(): void {
    if (this.#current) [this.#current.actual, this.#current.loading] = [null, null];
  }
}

/**
 * Where to load it from again, best first: what came over the network is in storage, unless this
 * browser keeps nothing; a file is still where it was, and asking for it copies nothing twice.
 */
export function sourcesOf({ body, name }: Held): SourceBody[] {
  const { source } = body;
  return source.kind === "url" ? [{ kind: "name", name }, source] : [source];
}
