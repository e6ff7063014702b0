import { EngineError } from "@ingle/engine";

import { announce } from "./announce.js";
import { type Action, errorCard, toPage } from "./cards.js";
import type { ChatDesk } from "./desk.js";
import type { Host } from "./host.js";
import { t, tn } from "./i18n/index.js";
import { words } from "./line.js";
import type { Loader } from "./loader.js";
import { askForToken } from "./server/list.js";
import { CONTEXTS } from "./too-long.js";

/** An answer that failed so often within this time is not written on by the same model. */
const OFTEN = 3;
const OFTEN_MS = 10 * 60_000;

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
  /** When the engine had ended too often for one answer. */
  #stops: number[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** An answer could not be written. */
  answerFailed(error: EngineError): HTMLElement {
    const { code } = error;
    if (code.startsWith("engine.")) return this.#stopped(error, t("answer.failed"));
    if (code !== "gpu.memory") return errorCard(error, t("answer.failed"), this.#after(error));
    const said = this.#outOfMemory(error);
    return errorCard(said, t("answer.failed"), this.#after(error), t("model.stopped"));
  }

  /** The engine is gone: nothing more is tried by itself. */
  engineGone(error: EngineError): HTMLElement {
    const isChip = error.code === "gpu.lost" && this.#parts.host.lastName !== null;
    if (isChip) return errorCard(error, t("model.stopped"), this.#withoutChip());
    return this.#stopped(error, t("model.stopped"));
  }

  /** The engine ended too often over one answer; when that comes back, going on is no way on. */
  #stopped(error: EngineError, title: string): HTMLElement {
    const now = performance.now();
    this.#stops = [...this.#stops.filter((at) => now - at < OFTEN_MS), now];
    const n = this.#stops.length;
    if (n < OFTEN) {
      const away = () => this.#parts.desk.removeCard(card);
      const card = errorCard(error, title, this.#afterCrash(error, away));
      return card;
    }
    const text = t("text.engine.crash.often", { n });
    const often = new EngineError("engine.crash.often", text, `${error.code}: ${error.detail}`);
    return errorCard(often, title, [this.#other(), copyDetails(error)]);
  }

  /** What is there of the answer stays, and how much it is can be told. */
  #outOfMemory({ code, message, detail }: EngineError): EngineError {
    const text = tn("text.gpu.memory", words(this.#parts.desk.lastText));
    return new EngineError(code, text, `${message}\n${detail}`);
  }

  #other(): Action {
    return { label: t("other.model"), run: () => this.#parts.openSwitcher() };
  }

  #after(error: EngineError): Action[] {
    const { code } = error;
    const { host, desk } = this.#parts;
    const other = this.#other();
    if (code.startsWith("server.")) {
      const again = () => desk.again();
      const { server } = host;
      const token = {
        label: t("server.token.give"),
        run: () => server && askForToken(server, again),
      };
      return [code === "server.token" ? token : { label: t("again"), run: again }, other];
    }
    if (code === "ctx.full") return desk.overflowChoices();
    if (code === "gen.schema") return [{ label: t("way.schema"), run: () => editSchema(desk) }];
    if (host.lastName === null) return [other];
    if (code === "model.template")
      return [{ label: t("template.choose"), run: () => host.chooseTemplate() }, other];
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
    const smaller = toPage(t("smaller.model"), "models");
    const doctor = toPage(t("doctor"), "doctor");
    return [{ label: t("use.cpu"), run: () => void onCpu() }, smaller, doctor];
  }

  /** The answer so far is there: it goes on, with the model loaded again if need be. */
  #afterCrash(error: EngineError, away: () => void): Action[] {
    const { host, desk } = this.#parts;
    const goOn = () => {
      away();
      if (host.current) desk.goOnLast();
      else void this.#loadAndGoOn();
    };
    const ways = [copyDetails(error)];
    return host.lastName === null ? ways : [{ label: t("go.on"), run: goOn }, ...ways];
  }

  async #loadAndGoOn(): Promise<void> {
    this.#parts.desk.goOnWhenReady();
    await this.#parts.load(this.#parts.host.lastName ?? "");
  }
}

/** The sheet of the chat, at the field of the schema. */
function editSchema(desk: ChatDesk): void {
  desk.openSetup();
  const box = document.querySelector<HTMLElement>("dialog [data-ui='setup.schema']");
  box?.closest("details")?.setAttribute("open", "");
  box?.focus();
}

/** The whole of an error, for a report. */
function copyDetails({ code, message, detail }: EngineError): Action {
  const report = `${code}: ${message}\n${detail}`;
  const said = () => announce(t("say.copied"));
  const run = () => void navigator.clipboard.writeText(report).then(said);
  return { label: t("copy.details"), run };
}
