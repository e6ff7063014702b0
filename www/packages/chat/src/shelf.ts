import { EngineError, type StoredModel } from "@ingle/engine";

import { showStorage } from "./header.js";
import type { Host } from "./host.js";
import { type Choices, type ModelActions, openSwitcher, showChoices } from "./models.js";
import type { ServedList } from "./server/list.js";
import type { Served } from "./server/model.js";

/** The models that can be chosen, as they are known now, and the lists that show them. */
export class Shelf {
  readonly #host: Host;
  readonly #actions: ModelActions;
  readonly #onStored: (models: readonly StoredModel[]) => void;
  /** The page of models, while it is shown. */
  onChange: () => void = () => undefined;
  #stored: readonly StoredModel[] = [];
  #served: ServedList | null;

  constructor(
    host: Host,
    actions: ModelActions,
    onStored: (models: readonly StoredModel[]) => void,
  ) {
    this.#host = host;
    this.#actions = actions;
    this.#onStored = onStored;
    this.#served = this.#listed(null, null);
  }

  get choices(): Choices {
    const current = this.#host.current?.key ?? null;
    return { stored: this.#stored, served: this.#served, current };
  }

  /** Looks what this browser keeps. */
  async listStored(): Promise<void> {
    this.#stored = await this.#host.stored().catch(() => []);
    this.#onStored(this.#stored);
    this.#show();
    await showStorage();
  }

  /** Asks the server, if there is one. */
  async listServed(): Promise<void> {
    const { server } = this.#host;
    if (!server) return;
    this.#served = await server.models().then(
      (models) => this.#listed(models, null),
      (error: unknown) => this.#listed(null, EngineError.from(error)),
    );
    this.#show();
  }

  #show(): void {
    showChoices(this.choices, this.#actions);
    this.onChange();
  }

  #listed(models: readonly Served[] | null, error: EngineError | null): ServedList | null {
    const { server } = this.#host;
    return server && { server, models, error, refresh: () => void this.listServed() };
  }

  openSwitcher(): void {
    const show = openSwitcher(this.choices, this.#actions);
    if (this.#host.server) void this.listServed().then(() => show(this.choices));
  }
}
