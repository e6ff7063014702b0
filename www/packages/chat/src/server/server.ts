import type { Retry } from "@ingle/engine";

import { t } from "../i18n/index.js";
import type { ChatModel, Where } from "../model.js";
import { Client } from "./client.js";
import { type Served, ServedModel } from "./model.js";

/** The mark that `ingle serve` writes into the page it sends. */
const MARK = "meta[name='ingle-server']";

/** A line of `/api/pull`; sizes are bytes. */
interface PullLine {
  readonly status?: string;
  readonly completed?: number;
  readonly total?: number | null;
  readonly retry?: { attempt: number; of: number; wait_ms: number; busy: boolean };
}

/** What is read of `/api/show`. */
interface Shown {
  readonly capabilities?: readonly string[];
  /** A line each: name and value. */
  readonly parameters?: string;
}

/** How far a pull of the server's is; sizes are bytes. */
export interface ServedStep {
  readonly status: string;
  readonly done: number;
  readonly total: number | null;
  readonly retry: Retry | null;
}

/** Names that a browser connects to this machine and to no other. */
const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;

/** The `ingle serve` that this page came from, whose models can be used besides the page's own. */
export class Server {
  readonly client = new Client();
  /** Heading of its models. */
  readonly title: string;
  readonly where: Where;
  readonly #status: string;

  private constructor(version: string) {
    const { host } = this.client;
    const isHere = LOOPBACK.test(location.hostname);
    this.title = isHere ? t("server.here") : t("server.at", { host });
    this.where = isHere ? hereAt(host) : elsewhereAt(host);
    this.#status = t("server.status", {
      where: isHere ? t("where.computer") : t("where.at", { host }),
      version,
    });
  }

  /** Null for a page from a static host. Nothing is asked to find out. */
  static ofPage(): Server | null {
    const version = document.querySelector<HTMLMetaElement>(MARK)?.content;
    return version ? new Server(version) : null;
  }

  /** Its models, the newest first. */
  async models(): Promise<Served[]> {
    const list = await this.client.json<{ models?: Served[] }>("/api/tags", {
      reason: "list",
    });
    return list.models ?? [];
  }

  /** Deletes a model there. */
  async remove(name: string): Promise<void> {
    const asked = { reason: "delete", method: "DELETE", body: { model: name } } as const;
    for await (const _ of this.client.lines("/api/delete", asked));
  }

  /** Lets the server get a model; ends when it has it. */
  async pull(
    name: string,
    onProgress: (step: ServedStep) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const asked = { reason: "pull", body: { model: name }, signal } as const;
    for await (const line of this.client.lines<PullLine>("/api/pull", asked))
      onProgress(stepOf(line));
  }

  /** Loads a model there, so that the first answer does not wait for it. */
  async open(served: Served, signal: AbortSignal): Promise<ChatModel> {
    const { name } = served;
    const asked = { reason: "load", signal } as const;
    await this.client.json("/api/generate", { ...asked, body: { model: name, stream: false } });
    const running = await this.client.json<{
      models?: { name: string; context_length?: number }[];
    }>("/api/ps", asked);
    const found = running.models?.find((model) => model.name === name);
    const about = await this.client.json<Shown>("/api/show", { ...asked, body: { model: name } });
    const { client, where } = this;
    const has = {
      thinks: about.capabilities?.includes("thinking") === true,
      temperature: temperatureIn(about.parameters ?? ""),
    };
    return new ServedModel(client, served, where, this.#status, found?.context_length ?? 0, has);
  }
}

function temperatureIn(parameters: string): number | null {
  const [, value] = /^temperature\s+([\d.eE+-]+)$/m.exec(parameters) ?? [];
  const n = Number(value);
  return value === undefined || !Number.isFinite(n) ? null : n;
}

function hereAt(host: string): Where {
  return {
    kind: "computer",
    chip: t("where.computer"),
    promise: t("start.promise.computer"),
    lead: t("start.lead.computer", { host }),
    waiting: t("line.waiting"),
  };
}

function elsewhereAt(host: string): Where {
  return {
    kind: "elsewhere",
    chip: t("where.using", { host }),
    promise: t("start.promise.elsewhere", { host }),
    lead: t("start.lead.elsewhere", { host }),
    waiting: t("line.waiting.for", { host }),
  };
}

function stepOf({ status = "", completed = 0, total = null, retry }: PullLine): ServedStep {
  if (!retry) return { status, done: completed, total, retry: null };
  const { wait_ms: waitMs, ...rest } = retry;
  return { status, done: completed, total, retry: { ...rest, waitMs } };
}
