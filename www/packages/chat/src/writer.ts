import { EngineError, type Message as Turn } from "@ingle/engine";

import type { AnswerView } from "./answer.js";
import type { History } from "./history/history.js";
import type { Begun, Mark, Message, Setup } from "./history/types.js";
import { t, tn } from "./i18n/index.js";
import { Line, words } from "./line.js";
import { Loops } from "./loops.js";
import type { AnswerPiece, ChatModel, Tokens } from "./model.js";

/** A growing answer is kept this often, so a killed tab loses less than this. */
const SAVE_EVERY_MS = 250;

export interface Written {
  readonly message: Message;
  /** Why the answer ended early, unless a person stopped it. */
  readonly error: EngineError | null;
  /** Tokens of the prompt, as the model counted them. */
  readonly promptTokens: number | null;
  /** Words at its end that were the same few again and again, for which it was stopped; else 0. */
  readonly looped: number;
  /** Tokens per second; null where too few were written, or nobody measured. */
  readonly perSecond: number | null;
}

interface Task {
  readonly model: ChatModel;
  readonly history: History;
  readonly view: AnswerView;
  /** The answer as it is stored, empty or with the words to go on from. */
  readonly message: Message;
  readonly turns: readonly Turn[];
  readonly setup: Setup;
  readonly signal: AbortSignal;
}

/** Writes one answer into its view and into the history; never throws. */
export async function write(task: Task): Promise<Written> {
  const { model, view, message, turns: messages, setup, signal } = task;
  const { begun = null, chat } = message;
  const keeper = new Keeper(task.history, message);
  const line = new Line(view, model, begun?.tokens.length ?? 0);
  let end: Pick<Message, "line" | "state" | "used"> = { line: t("line.kept"), state: "failed" };
  let error: EngineError | null = null;
  let promptTokens: number | null = null;
  let [looped, perSecond]: [number, number | null] = [0, null];
  const loops = new Loops();
  try {
    for await (const piece of model.generate({ messages, setup, signal, begun, chat })) {
      keeper.add(piece);
      view.append(piece.text, piece.thought);
      line.take(piece);
      const circle = piece.done ? null : loops.take(piece);
      if (circle !== null) {
        looped = words(circle);
        end = { line: t("line.loop"), state: "stopped" };
        break; // which ends the work behind it
      }
      if (!piece.done) continue;
      const { timings } = piece;
      perSecond = line.perSecond(piece);
      promptTokens = timings?.promptTokens ?? null;
      end = line.done(piece);
      if (timings) end = { ...end, used: timings.promptTokens + timings.outputTokens };
    }
  } catch (thrown) {
    error = thrown instanceof EngineError ? thrown : EngineError.from(thrown);
    if (error.code === "aborted") {
      end = { line: t("line.stopped.early"), state: "stopped" };
      error = null;
    }
  }
  line.end();
  const { begun: _before, ...rest } = message;
  const { begun: now, ...grown } = keeper.finish();
  const more = now && end.state !== "whole" ? { begun: now } : {};
  if (end.state === "context") end = { ...end, line: contextLine(grown.text, end.line) };
  const done = { ...rest, ...grown, ...end, ...more };
  return { message: done, error, promptTokens, looped, perSecond };
}

/** "The context is full. 212 words are kept above." with the figures behind it. */
function contextLine(text: string, figures = ""): string {
  return [tn("line.context.kept", words(text)), figures].filter(Boolean).join(" · ");
}

/** What the history does not have yet. */
interface More {
  readonly text: string;
  readonly thought: string;
  readonly tokens: readonly number[];
  readonly mark?: Mark;
}

/** Hands what has come to the history, a little at a time, and at once when the tab is left. */
class Keeper {
  readonly #history: History;
  readonly #id: string;
  readonly #leave = () => this.#save();
  #text: string;
  #thought: string;
  #begun: Begun | undefined;
  /** Ids that came since. */
  readonly #tokens: number[] = [];
  #more: More = { text: "", thought: "", tokens: [] };
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(history: History, { id, text, thought, begun }: Message) {
    this.#history = history;
    this.#id = id;
    [this.#text, this.#thought, this.#begun] = [text, thought, begun];
    addEventListener("pagehide", this.#leave);
    document.addEventListener("visibilitychange", this.#leave);
  }

  add(piece: AnswerPiece): void {
    const { text, thought } = piece;
    this.#text += text;
    this.#thought += thought;
    const { text: before, thought: thoughtBefore } = this.#more;
    this.#more = { ...this.#more, text: before + text, thought: thoughtBefore + thought };
    if (piece.tokens && piece.tokens.ids.length > 0) this.#take(piece.tokens);
    this.#timer ??= setTimeout(this.#leave, SAVE_EVERY_MS);
  }

  #take({ ids, part, held }: Tokens): void {
    if (!this.#begun) return;
    const mark = { text: this.#text.length, thought: this.#thought.length, part, held };
    this.#begun = { ...this.#begun, mark };
    this.#tokens.push(...ids);
    this.#more = { ...this.#more, tokens: [...this.#more.tokens, ...ids], mark };
  }

  finish(): Pick<Message, "text" | "thought" | "begun"> {
    removeEventListener("pagehide", this.#leave);
    document.removeEventListener("visibilitychange", this.#leave);
    this.#save();
    const { text, thought } = { text: this.#text, thought: this.#thought };
    if (!this.#begun) return { text, thought };
    const tokens = [...this.#begun.tokens, ...this.#tokens];
    return { text, thought, begun: { ...this.#begun, tokens } };
  }

  #save(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { tokens, ...parts } = this.#more;
    if (parts.text === "" && parts.thought === "" && tokens.length === 0) return;
    this.#more = { text: "", thought: "", tokens: [] };
    const ids = tokens.length > 0 ? { tokens } : {};
    void this.#history.commit([{ op: "grow", id: this.#id, ...parts, ...ids }]);
  }
}
