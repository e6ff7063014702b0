import type { EngineError } from "@ingle/engine";

import { announce } from "./announce.js";
import { type Action, errorCard } from "./cards.js";
import type { ChatDesk } from "./desk.js";
import type { Host } from "./host.js";
import { t, tn } from "./i18n/index.js";
import type { Loader } from "./loader.js";
import { askForToken } from "./server/list.js";
import { CONTEXTS } from "./too-long.js";

interface Parts {
  readonly host: Host;
  readonly desk: ChatDesk;
  readonly loader: Loader;
  /** Loads a model of this browser, and shows the conversation meanwhile. */
  load(name: string): Promise<void>;
  openSwitcher(): void;
}

/** What a person can do when an answer failed or the engine has gone: each code has its ways on. */
export class Ways {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** An answer could not be written. */
  answerFailed(error: EngineError): HTMLElement {
    return errorCard(error, t("answer.failed"), this.#after(error));
  }

  /** The engine was lost too often. */
  engineGone(error: EngineError): HTMLElement {
    const isChip = error.code === "gpu.lost" && this.#parts.host.lastName !== null;
    const ways = isChip ? this.#withoutChip() : this.#afterCrash(error);
    return errorCard(error, t("model.stopped"), ways);
  }

  #after(error: EngineError): Action[] {
    const { code } = error;
    const { host, desk } = this.#parts;
    const other: Action = {
      label: t("other.model"),
      run: () => this.#parts.openSwitcher(),
    };
    if (code.startsWith("server.")) {
      const again = () => desk.again();
      const { server } = host;
      const token = {
        label: t("server.token.give"),
        run: () => server && askForToken(server, again),
      };
      return [code === "server.token" ? token : { label: t("again"), run: again }, other];
    }
    if (code.startsWith("engine.")) return this.#afterCrash(error);
    if (code === "ctx.full") return desk.overflowChoices();
    if (host.lastName === null) return [other];
    if (code === "gpu.lost") return this.#withoutChip();
    if (code === "gpu.memory") return [...this.#lessContext(), ...this.#withoutChip()];
    return [other];
  }

  /** A shorter context leaves more room in graphics memory. */
  #lessContext(): Action[] {
    const { host, desk, loader } = this.#parts;
    const now = host.current?.contextLength ?? 0;
    const n = CONTEXTS.findLast((length) => length < now);
    if (n === undefined) return [];
    const run = () => {
      desk.goOnWhenReady();
      void loader.reload(n);
    };
    return [{ label: tn("go.on.context", n), run }];
  }

  /** The graphics chip goes away again and again. */
  #withoutChip(): Action[] {
    const { host } = this.#parts;
    const onCpu = async () => {
      await host.reset();
      host.device = "cpu";
      await this.#loadAndGoOn();
    };
    const smaller = { label: t("smaller.model"), run: () => (location.hash = "#/models") };
    const doctor = { label: t("doctor"), run: () => (location.hash = "#/doctor") };
    return [{ label: t("use.cpu"), run: () => void onCpu() }, smaller, doctor];
  }

  /** The answer so far is there: it goes on, with the model loaded again if need be. */
  #afterCrash({ code, message, detail }: EngineError): Action[] {
    const { host, desk } = this.#parts;
    const goOn = () => {
      if (host.current) desk.goOnLast();
      else void this.#loadAndGoOn();
    };
    const report = `${code}: ${message}\n${detail}`;
    const said = () => announce(t("say.copied"));
    const copy = () => void navigator.clipboard.writeText(report).then(said);
    const ways = [{ label: t("copy.details"), run: copy }];
    return host.lastName === null ? ways : [{ label: t("go.on"), run: goOn }, ...ways];
  }

  async #loadAndGoOn(): Promise<void> {
    this.#parts.desk.goOnWhenReady();
    await this.#parts.load(this.#parts.host.lastName ?? "");
  }
}
