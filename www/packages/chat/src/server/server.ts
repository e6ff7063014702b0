import type { ChatModel, Where } from "../model.js";
import { Client } from "./client.js";
import { type Served, ServedModel } from "./model.js";

/** The mark that `ingle serve` writes into the page it sends. */
const MARK = "meta[name='ingle-server']";

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
    this.title = isHere ? "On this computer (server)" : `On ${host}`;
    this.where = isHere ? hereAt(host) : elsewhereAt(host);
    this.#status = `${isHere ? "On this computer" : `At ${host}`}, by ingle ${version}`;
  }

  /** Null for a page from a static host. Nothing is asked to find out. */
  static ofPage(): Server | null {
    const version = document.querySelector<HTMLMetaElement>(MARK)?.content;
    return version ? new Server(version) : null;
  }

  /** Its models, the newest first. */
  async models(): Promise<Served[]> {
    const list = await this.client.json<{ models?: Served[] }>("/api/tags", {
      reason: "list of models",
    });
    return list.models ?? [];
  }

  /** Loads a model there, so that the first answer does not wait for it. */
  async open(served: Served, signal: AbortSignal): Promise<ChatModel> {
    const { name } = served;
    const asked = { reason: "loading a model", signal } as const;
    await this.client.json("/api/generate", { ...asked, body: { model: name, stream: false } });
    const running = await this.client.json<{
      models?: { name: string; context_length?: number }[];
    }>("/api/ps", asked);
    const found = running.models?.find((model) => model.name === name);
    const { client, where } = this;
    return new ServedModel(client, served, where, this.#status, found?.context_length ?? 0);
  }
}

function hereAt(host: string): Where {
  return {
    kind: "computer",
    chip: "On this computer",
    promise: "Ask something. It stays on this computer.",
    lead:
      `The server at ${host} runs the model on this computer. ` +
      "What you type is sent to it alone.",
    waiting: "Waiting for the server",
  };
}

function elsewhereAt(host: string): Where {
  return {
    kind: "elsewhere",
    chip: `Using ${host}`,
    promise: `Ask something. ${host} answers.`,
    lead: `Messages to this model are sent to ${host} and answered there, and nowhere else.`,
    waiting: `Waiting for ${host}`,
  };
}
