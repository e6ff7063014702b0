import { create, type Fetch } from "../internal/openai.js";
import type {
  Completion,
  CompletionCreateParams,
  CompletionCreateParamsNonStreaming,
  CompletionCreateParamsStreaming,
  RequestOptions,
} from "./openai.js";
import type { Stream } from "./stream.js";

/** `engine.completions`. */
export class Completions {
  readonly #fetch: Fetch;

  /** @internal */
  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /** Continues one text or several as they are, without a chat template. */
  create(
    body: CompletionCreateParamsNonStreaming,
    options?: RequestOptions,
  ): Promise<Completion>;
  create(
    body: CompletionCreateParamsStreaming,
    options?: RequestOptions,
  ): Promise<Stream<Completion>>;
  create(
    body: CompletionCreateParams,
    options?: RequestOptions,
  ): Promise<Completion | Stream<Completion>>;
  create(
    body: CompletionCreateParams,
    options: RequestOptions = {},
  ): Promise<Completion | Stream<Completion>> {
    return create(this.#fetch, "/v1/completions", body, options);
  }
}
