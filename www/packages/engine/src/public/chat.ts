import { create, type Fetch } from "../internal/openai.js";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
  RequestOptions,
} from "./openai.js";
import type { Stream } from "./stream.js";

/** `engine.chat`. */
export class Chat {
  readonly completions: ChatCompletions;

  /** @internal */
  constructor(fetch: Fetch) {
    this.completions = new ChatCompletions(fetch);
  }
}

/** `engine.chat.completions`. */
export class ChatCompletions {
  readonly #fetch: Fetch;

  /** @internal */
  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /**
   * Answers a conversation with a stored or loaded model, which is loaded if it is not in memory.
   * With `stream` the result is a {@link Stream} of chunks. Rejects with the code `api.<status>`
   * where a server would answer with that status, and with `aborted` after an abort.
   */
  create(
    body: ChatCompletionCreateParamsNonStreaming,
    options?: RequestOptions,
  ): Promise<ChatCompletion>;
  create(
    body: ChatCompletionCreateParamsStreaming,
    options?: RequestOptions,
  ): Promise<Stream<ChatCompletionChunk>>;
  create(
    body: ChatCompletionCreateParams,
    options?: RequestOptions,
  ): Promise<ChatCompletion | Stream<ChatCompletionChunk>>;
  create(
    body: ChatCompletionCreateParams,
    options: RequestOptions = {},
  ): Promise<ChatCompletion | Stream<ChatCompletionChunk>> {
    return create(this.#fetch, "/v1/chat/completions", body, options);
  }
}
