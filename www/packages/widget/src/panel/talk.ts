/**
 * The conversation of a panel: ask before a download, load once, answer one question after another,
 * keep what was said, and tell the page no more than it may know.
 */

import type { Piece, Progress } from "@ingle/engine";

import { joined } from "../../../chat/src/joined.js";
import type { Config, Detail, EventName, Report, State } from "../types.js";
import { hostOf, isAddress, type Running, start } from "./engine.js";
import { keep, noteFetched, recall, type Said, wasFetched } from "./keep.js";
import { Meter } from "./meter.js";
import { announce } from "./say.js";
import type { AnswerView, View } from "./view.js";
import { count, size, t } from "./words.js";

/** A closed panel gives the model's memory back after this. */
const DROP_MS = 60_000;
/** Progress events and figures, at most. */
const PROGRESS_MS = 500;
/** Paints of a growing answer, at most 20 a second. */
const PAINT_MS = 50;
/** Errors that another try does not change. */
const FINAL = new Set(["engine.old", "engine.insecure"]);

interface Failure {
  readonly code: string;
  readonly message: string;
}

export class Talk {
  readonly #config: Config;
  readonly #view: View;
  readonly #report: (report: Report) => void;
  #said: Said[];
  #running: Promise<Running> | null = null;
  #stop: AbortController | null = null;
  #load: AbortController | null = null;
  #drop = 0;
  #state: State = "idle";

  constructor(config: Config, view: View, report: (report: Report) => void) {
    [this.#config, this.#view, this.#report] = [config, view, report];
    this.#said = recall(config);
    for (const { role, content } of this.#said) this.#show(role, content);
    view.wishes = {
      send: (text) => this.#ask(text),
      stop: () => this.stop(),
      clear: () => this.clear(),
      close: () => report({ is: "close" }),
    };
  }

  opened(): void {
    clearTimeout(this.#drop);
    if (!this.#config.model) {
      this.#enter("trouble");
      this.#view.card(t("noModelTitle"), [t("noModelText")], [], "model.missing");
      return this.#event("error", { code: "model.missing", recoverable: false });
    }
    if (this.#state === "idle" && this.#mustAsk()) this.#askFirst();
  }

  closed(): void {
    if (this.#config.keepLoaded) return;
    this.#drop = setTimeout(() => this.#letGo(), DROP_MS) as unknown as number;
  }

  /** Starts the download after a consent: here, or the site's own. */
  prepare(): Promise<Running | null> {
    this.#view.noCard();
    this.#view.box(true);
    return this.#begin().catch(() => null);
  }

  say(text: string): void {
    const said = text.trim();
    if (said && !this.#stop) this.#ask(said);
  }

  stop(): void {
    this.#stop?.abort();
    if (this.#state === "loading") this.#load?.abort();
  }

  clear(): void {
    this.stop();
    this.#said = [];
    keep(this.#config, []);
    this.#view.clear(this.#config);
    if (this.#state === "asking") this.#askFirst();
  }

  /** The conversation, where the site may have it. */
  text(): string | null {
    if (this.#config.share !== "text") return null;
    return this.#said.map(({ role, content }) => `${role}: ${content}`).join("\n\n");
  }

  #mustAsk(): boolean {
    const { model, size: bytes, askOver } = this.#config;
    if (!isAddress(model) || wasFetched(this.#config)) return false;
    const { saveData = false } =
      (navigator as { connection?: { saveData?: boolean } }).connection ?? {};
    return bytes > askOver || saveData;
  }

  #askFirst(): void {
    const bytes = size(this.#config.size);
    const what = t("askText", { size: bytes, host: hostOf(this.#config) });
    this.#enter("asking");
    this.#view.box(false);
    this.#view.card(
      t("askTitle"),
      [what, t("askCopy")],
      [
        { label: t("download", { size: bytes }), run: () => void this.#agreed(), ui: "download" },
        { label: t("notNow"), run: () => this.#report({ is: "close" }), ui: "not-now" },
      ],
    );
  }

  async #agreed(): Promise<void> {
    const running = this.prepare();
    this.#view.focus(false);
    await running;
  }

  /** True if the text was taken. */
  #ask(text: string): boolean {
    if (this.#stop || !this.#config.model) return false;
    if (this.#state === "asking") return false;
    if (!this.#running && this.#mustAsk()) {
      this.#askFirst();
      return false;
    }
    this.#view.noCard();
    this.#add("user", text);
    this.#show("user", text);
    this.#turn(
      { role: "user", tokens: 0, tokensPerSecond: null, firstWordMs: null, stop: null },
      text,
    );
    void this.#answer();
    return true;
  }

  /** The engine with its model, started once. */
  #begin(): Promise<Running> {
    this.#running ??= this.#start().catch((error: unknown) => {
      this.#running = null;
      throw error;
    });
    return this.#running;
  }

  async #start(): Promise<Running> {
    const stop = new AbortController();
    this.#load = stop;
    this.#enter("loading");
    const meter = new Meter();
    let told = -Infinity;
    this.#view.loading(null, t("starting"));
    const hear = (progress: Progress) => {
      meter.see(progress);
      if (performance.now() - told < PROGRESS_MS) return;
      told = performance.now();
      this.#view.loading(meter.share, meter.words());
      this.#event("progress", meter.detail());
    };
    try {
      const running = await start(this.#config, hear, stop.signal);
      const { info } = running.model;
      running.engine.onGone = () => this.#gone();
      noteFetched(this.#config);
      this.#enter("ready");
      announce(t("ready"));
      const needBytes = info.weightBytes + info.kvBytes + info.scratchBytes;
      const { device: backend, contextLength: context, title: model } = info;
      this.#event("ready", { model, backend, context, needBytes });
      return running;
    } catch (error) {
      this.#failed(error);
      throw error;
    } finally {
      this.#load = null;
      this.#view.loading(null, null);
    }
  }

  /** Answers what was said last. */
  async #answer(): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    const view = this.#view.answer();
    view.line(this.#state === "ready" ? "" : t("waits"));
    this.#view.writing(true);
    let text = "";
    const said = this.#said;
    try {
      const running = await this.#begin();
      if (stop.signal.aborted) return;
      this.#enter("writing");
      text = await this.#write(running, view, stop.signal);
      this.#enter("ready");
    } catch (error) {
      if (this.#state !== "trouble" && this.#state !== "unsupported") this.#failed(error);
      view.line(t("failed"));
    } finally {
      view.done();
      this.#stop = null;
      this.#view.writing(false);
      // A conversation that was cleared meanwhile is another one.
      if (text && said === this.#said) this.#add("assistant", text);
      else if (!view.node.querySelector("[part=answer]")?.hasChildNodes()) view.node.remove();
    }
  }

  async #write(
    { model, thoughts }: Running,
    view: AnswerView,
    signal: AbortSignal,
  ): Promise<string> {
    const { system, maxTokens, temperature } = this.#config;
    const said = this.#said;
    const messages = [
      ...(system ? [{ role: "system" as const, content: system }] : []),
      ...joined(said),
    ];
    const begin = performance.now();
    let [text, painted, first] = ["", -Infinity, 0];
    let last: Extract<Piece, { done: true }> | null = null;
    view.line(t("reading"));
    const parts = thoughts();
    for await (const piece of model.generate({ messages, maxTokens, temperature, signal })) {
      const { text: more, thought } = parts.take(piece);
      if (thought && !text) view.line(t("thinking"));
      if (more && !first) {
        first = performance.now() - begin;
        view.line(t("writing"));
      }
      text += more;
      if (piece.done) last = piece;
      if (!piece.done && performance.now() - painted < PAINT_MS) continue;
      view.show(text);
      painted = performance.now();
    }
    view.line(signal.aborted ? t("stopped") : "");
    announce(signal.aborted ? t("stopped") : t("answered", { text }));
    if (last && said === this.#said) this.#figures(last, model.info.contextLength, first, text);
    return text;
  }

  #figures(
    { timings, reason }: Extract<Piece, { done: true }>,
    total: number,
    first: number,
    text: string,
  ): void {
    const { promptTokens, outputTokens, decodeMs } = timings;
    const used = count(promptTokens + outputTokens);
    this.#view.gauge(t("tokens", { used, total: count(total) }));
    const tokensPerSecond = decodeMs > 0 ? (1000 * outputTokens) / decodeMs : null;
    const firstWordMs = Math.round(first);
    this.#turn(
      { role: "assistant", tokens: outputTokens, tokensPerSecond, firstWordMs, stop: reason },
      text,
    );
  }

  #add(role: Said["role"], content: string): void {
    this.#said.push({ role, content });
    keep(this.#config, this.#said);
  }

  #show(role: Said["role"], content: string): void {
    if (role === "user") return this.#view.mine(content);
    const view = this.#view.answer();
    view.show(content);
    view.done();
  }

  #failed(error: unknown): void {
    const { code = "engine.crash", message = String(error) } = (error ?? {}) as Partial<Failure>;
    if (code === "aborted") return this.#enter("idle");
    const final = FINAL.has(code);
    this.#enter(final ? "unsupported" : "trouble");
    const again = { label: t("again"), run: () => void this.#again(), ui: "again" };
    const fresh = { label: t("clear"), run: () => this.clear(), ui: "fresh" };
    const actions = final ? [] : code === "ctx.full" ? [fresh] : [again];
    const title = final ? t("unsupported") : t(code === "ctx.full" ? "full" : "troubleTitle");
    this.#view.card(title, [message], actions, code);
    this.#event("error", { code, recoverable: !final });
  }

  /** What was asked last is asked again, if it had no answer. */
  async #again(): Promise<void> {
    this.#view.noCard();
    if (this.#said.at(-1)?.role === "user") return this.#answer();
    await this.prepare();
  }

  #gone(): void {
    this.#running = null;
  }

  #letGo(): void {
    if (this.#stop || this.#load) return this.closed(); // it is used: another minute, then
    const running = this.#running;
    this.#running = null;
    void running?.then(({ engine }) => engine.stop()).catch(() => undefined);
    if (this.#state === "ready") this.#enter("idle");
  }

  #enter(state: State): void {
    this.#state = state;
    this.#report({ is: "state", state });
  }

  /** A site that shares no text learns that something was said, and never what. */
  #turn(detail: Detail, text: string): void {
    this.#event("turn", this.#config.share === "text" ? { ...detail, text } : detail);
  }

  #event(name: EventName, detail: Detail): void {
    this.#report({ is: "event", name, detail });
  }
}
