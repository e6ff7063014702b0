import { create, type Fetch } from "../internal/openai.js";
import type { CreateEmbeddingResponse, EmbeddingCreateParams, RequestOptions } from "./openai.js";

/** `engine.embeddings`. */
export class Embeddings {
  readonly #fetch: Fetch;

  /** @internal */
  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /** Vectors of one text or several, normalized to length 1. */
  async create(
    body: EmbeddingCreateParams,
    options: RequestOptions = {},
  ): Promise<CreateEmbeddingResponse> {
    // Without `stream` there is no other answer.
    return (await create(
      this.#fetch,
      "/v1/embeddings",
      { ...body, stream: undefined },
      options,
    )) as CreateEmbeddingResponse;
  }
}
