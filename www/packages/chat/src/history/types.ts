/** What is kept of conversations. Plain data: journal, database and exports hold the same. */

/** How an answer ended, or that it has not: `writing` after a reload means a tab that was ended. */
export type State = "whole" | "writing" | "stopped" | "length" | "context" | "failed";

/** What a person can change about the answers of one chat. */
export interface Setup {
  readonly instructions: string;
  /** Temperature; 0 is greedy. Null: what the model takes by itself, `ChatModel.creativity`. */
  readonly creativity: number | null;
  /** 0: until the model is done. */
  readonly maxTokens: number;
  /** Null, here and below: what the model or the engine takes by itself. */
  readonly topP: number | null;
  readonly topK: number | null;
  readonly minP: number | null;
  readonly repeatPenalty: number | null;
  readonly presencePenalty: number | null;
  readonly frequencyPenalty: number | null;
  readonly seed: number | null;
  readonly stop: readonly string[];
  /** JSON schema as text; empty: none. */
  readonly schema: string;
  readonly think: boolean;
  /** Leave out the oldest messages when a chat is too long; chosen on the card that says so. */
  readonly trim: boolean;
}

export interface Chat {
  readonly id: string;
  readonly title: string;
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The message at the end of the branch that is shown. */
  readonly leaf: string | null;
  /** What differs from the defaults. */
  readonly setup: Partial<Setup>;
  /** Set while "Undo" is offered; such a chat is not listed, and then removed. */
  readonly deletedAt?: number;
}

/** A file that belongs to a message; its text is kept apart from the message. */
export interface FileRef {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  /** Null while no model counted them. */
  readonly tokens: number | null;
}

export interface StoredFile {
  readonly id: string;
  readonly chat: string;
  readonly name: string;
  readonly text: string;
}

/** Where an answer stands behind its last token, so that it can be written on from there. */
export interface Mark {
  /** Characters of `text` and of `thought`; what stands behind them came without a token. */
  readonly text: number;
  readonly thought: number;
  /** Of what takes thoughts and text apart, see `ThoughtsMark` of the package. */
  readonly part: string;
  readonly held: string;
}

/** An unfinished answer as the tokens it is made of: the engine goes on exactly there. */
export interface Begun {
  /** Whose ids these are. */
  readonly ids: string;
  readonly seed: number;
  readonly tokens: readonly number[];
  readonly mark: Mark;
}

/** One node of a chat's tree. Versions of a message have the same parent. */
export interface Message {
  readonly id: string;
  readonly chat: string;
  readonly parent: string | null;
  readonly role: "user" | "assistant";
  readonly text: string;
  /** What the model thought before its answer; not sent again. */
  readonly thought: string;
  readonly at: number;
  readonly state: State;
  readonly files: readonly FileRef[];
  /** Title of the model that wrote it. */
  readonly model?: string;
  /** The line of figures under an answer. */
  readonly line?: string;
  /** Tokens of context when it was done. */
  readonly used?: number;
  /** The first message that was sent for this answer, if older ones were left out. */
  readonly from?: string;
  /** Kept while there is more to write, where the model gives its tokens. */
  readonly begun?: Begun;
  /** The person changed the model's words. */
  readonly edited?: boolean;
  /** Its place in the tree stays, its words are gone. */
  readonly deleted?: boolean;
}

/** One change, in the order in which it happened. The journal is a list of these. */
export type Change =
  | { readonly op: "chat"; readonly chat: Chat }
  | { readonly op: "message"; readonly message: Message }
  /** The answer that is being written got longer. */
  | {
      readonly op: "grow";
      readonly id: string;
      readonly text: string;
      readonly thought: string;
      /** Ids behind those of `begun`, and the mark behind them. */
      readonly tokens?: readonly number[];
      readonly mark?: Mark;
    }
  | { readonly op: "file"; readonly file: StoredFile }
  /** The chat with all that belongs to it. */
  | { readonly op: "drop"; readonly id: string }
  | { readonly op: "wipe" };

/** A place where the words of a search were found. */
export interface Hit {
  readonly chat: string;
  readonly title: string;
  /** Null: the title itself. */
  readonly message: string | null;
  /** The words around it: before, the words found, after. */
  readonly around: readonly [string, string, string];
}

/** Everything, as one JSON file. */
export interface Export {
  readonly ingle: "chats";
  readonly version: 1;
  readonly chats: readonly Chat[];
  readonly messages: readonly Message[];
  readonly files: readonly StoredFile[];
}

export const EXPORT_VERSION = 1;
