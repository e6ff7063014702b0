import { EngineError, type Message as Turn } from "@ingle/engine";

import type { AnswerView } from "./answer.js";
import type { History } from "./history/history.js";
import type { Message, Setup } from "./history/types.js";
import { t } from "./i18n/index.js";
import { Line } from "./line.js";
import type { ChatModel } from "./model.js";

/** A growing answer is kept this often, so a killed tab loses less than this. */
const SAVE_EVERY_MS = 250;

export interface Written {
  readonly message: Message;
  /** Why the answer ended early, unless a person stopped it. */
  readonly error: EngineError | null;
  /** Tokens of the prompt, as the model counted them. */
  readonly promptTokens: number | null;
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
  const keeper = new Keeper(task.history, message);
  const line = new Line(view, model);
  let end: Pick<Message, "line" | "state" | "used"> = { line: t("line.kept"), state: "failed" };
  let error: EngineError | null = null;
  let promptTokens: number | null = null;
  try {
    for await (const piece of model.generate({ messages, setup, signal })) {
      keeper.add(piece.text, piece.thought);
      view.append(piece.text, piece.thought);
      line.take(piece);
      if (!piece.done) continue;
      const { timings } = piece;
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
  const { text, thought } = keeper.finish();
  return { message: { ...message, text, thought, ...end }, error, promptTokens };
}

/** Hands what has come to the history, a little at a time, and at once when the tab is left. */
class Keeper {
  readonly #history: History;
  readonly #id: string;
  readonly #leave = () => this.#save();
  #text: string;
  #thought: string;
  #more = { text: "", thought: "" };
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(history: History, { id, text, thought }: Message) {
    this.#history = history;
    this.#id = id;
    this.#text = text;
    this.#thought = thought;
    addEventListener("pagehide", this.#leave);
    document.addEventListener("visibilitychange", this.#leave);
  }

  add(text: string, thought: string): void {
    this.#text += text;
    this.#thought += thought;
    this.#more = { text: this.#more.text + text, thought: this.#more.thought + thought };
    this.#timer ??= setTimeout(this.#leave, SAVE_EVERY_MS);
  }

  finish(): { text: string; thought: string } {
    removeEventListener("pagehide", this.#leave);
    document.removeEventListener("visibilitychange", this.#leave);
    this.#save();
    return { text: this.#text, thought: this.#thought };
  }

  #save(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { text, thought } = this.#more;
    if (text === "" && thought === "") return;
    this.#more = { text: "", thought: "" };
    void this.#history.commit([{ op: "grow", id: this.#id, text, thought }]);
  }
}
