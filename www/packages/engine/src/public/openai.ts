/** OpenAI's requests and answers, as far as the engine reads and writes them. */

/** What every `create` takes beside its body. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A part of a message that is a list; other kinds than text are refused. */
export interface ChatCompletionContentPartText {
  type: "text";
  text: string;
}

/** A call that the model made, as it goes back into the conversation. */
export interface ChatCompletionMessageToolCall {
  id: string;
  type: "function";
  function: {
    name: string;
    /** JSON. */
    arguments: string;
  };
}

/** A text, or its parts. */
export type Content = string | ChatCompletionContentPartText[];

/** One turn of a conversation. */
export type ChatCompletionMessageParam =
  | { role: "system" | "developer" | "user"; content: Content; name?: string }
  | {
      role: "assistant";
      content?: Content | null;
      tool_calls?: ChatCompletionMessageToolCall[];
      name?: string;
    }
  | { role: "tool"; content: Content; tool_call_id: string };

/** A function the model may call. */
export interface ChatCompletionTool {
  type: "function";
  function: {
    name: string;
    description?: string;
    /** A JSON schema. */
    parameters?: Record<string, unknown>;
    strict?: boolean | null;
  };
}

/** The form the answer must have. */
export type ResponseFormat =
  | { type: "text" }
  | { type: "json_object" }
  | {
      type: "json_schema";
      json_schema: {
        name: string;
        description?: string;
        schema?: Record<string, unknown>;
        strict?: boolean | null;
      };
    };

/** How tokens are chosen, and when an answer ends. */
export interface SamplingParams {
  frequency_penalty?: number | null;
  logit_bias?: Record<string, number> | null;
  max_tokens?: number | null;
  /** Answers to make. */
  n?: number | null;
  presence_penalty?: number | null;
  /** With temperature 0, or with the same seed, the same answer comes again. */
  seed?: number | null;
  stop?: string | string[] | null;
  stream_options?: { include_usage?: boolean } | null;
  /** 0 is greedy. */
  temperature?: number | null;
  top_p?: number | null;
  user?: string;
}

/** What `chat.completions.create` takes. */
export interface ChatCompletionCreateParamsBase extends SamplingParams {
  /** A stored model, or the name of the file that is loaded. */
  model: string;
  messages: ChatCompletionMessageParam[];
  logprobs?: boolean | null;
  /** Of each token so many others, at most 20; with `logprobs`. */
  top_logprobs?: number | null;
  max_completion_tokens?: number | null;
  reasoning_effort?: "none" | "minimal" | "low" | "medium" | "high" | null;
  response_format?: ResponseFormat;
  tools?: ChatCompletionTool[];
  tool_choice?:
    | "none"
    | "auto"
    | "required"
    | { type: "function"; function: { name: string } };
}

/** Whole answers. */
export interface ChatCompletionCreateParamsNonStreaming extends ChatCompletionCreateParamsBase {
  stream?: false | null;
}

/** Answers as they are written. */
export interface ChatCompletionCreateParamsStreaming extends ChatCompletionCreateParamsBase {
  stream: true;
}

/** Either. */
export type ChatCompletionCreateParams =
  | ChatCompletionCreateParamsNonStreaming
  | ChatCompletionCreateParamsStreaming;

/** Tokens read and written. */
export interface CompletionUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** One token and how probable it was. */
export interface TokenLogprob {
  token: string;
  /** Of its text, which need not be one by itself. */
  bytes: number[] | null;
  logprob: number;
  top_logprobs: { token: string; bytes: number[] | null; logprob: number }[];
}

/** Log-probabilities of an answer's tokens. */
export interface ChoiceLogprobs {
  content: TokenLogprob[] | null;
}

/** Why an answer ended. */
export type ChatFinishReason = "stop" | "length" | "tool_calls";

/** An answer's message. */
export interface ChatCompletionMessage {
  role: "assistant";
  content: string | null;
  /** What the model thought before, if it is one that does. */
  reasoning?: string;
  tool_calls?: ChatCompletionMessageToolCall[];
}

/** A whole answer. */
export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  /** Seconds since 1970. */
  created: number;
  model: string;
  system_fingerprint?: string;
  choices: {
    index: number;
    message: ChatCompletionMessage;
    finish_reason: ChatFinishReason;
    logprobs?: ChoiceLogprobs | null;
  }[];
  usage?: CompletionUsage;
}

/** A part of an answer. */
export interface ChatCompletionChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string;
  system_fingerprint?: string;
  choices: {
    index: number;
    delta: {
      role?: "assistant";
      content?: string | null;
      reasoning?: string;
      tool_calls?: (Partial<ChatCompletionMessageToolCall> & { index: number })[];
    };
    finish_reason: ChatFinishReason | null;
    logprobs?: ChoiceLogprobs | null;
  }[];
  /** In the last chunk, if `stream_options.include_usage` asked for it. */
  usage?: CompletionUsage | null;
}

/** What `completions.create` takes. */
export interface CompletionCreateParamsBase extends SamplingParams {
  model: string;
  prompt: string | string[];
  echo?: boolean | null;
  /** Of each token so many others, at most 20. */
  logprobs?: number | null;
  /** Text behind the gap, for models that fill one. */
  suffix?: string | null;
}

/** Whole texts. */
export interface CompletionCreateParamsNonStreaming extends CompletionCreateParamsBase {
  stream?: false | null;
}

/** Texts as they are written. */
export interface CompletionCreateParamsStreaming extends CompletionCreateParamsBase {
  stream: true;
}

/** Either. */
export type CompletionCreateParams =
  | CompletionCreateParamsNonStreaming
  | CompletionCreateParamsStreaming;

/** A continued text, or a part of one. */
export interface Completion {
  id: string;
  object: "text_completion";
  created: number;
  model: string;
  system_fingerprint?: string;
  choices: {
    index: number;
    text: string;
    finish_reason: "stop" | "length" | null;
    logprobs?: {
      tokens: string[];
      token_logprobs: (number | null)[];
      top_logprobs: (Record<string, number> | null)[] | null;
      text_offset: number[];
    } | null;
  }[];
  usage?: CompletionUsage | null;
}

/** What `embeddings.create` takes. */
export interface EmbeddingCreateParams {
  model: string;
  input: string | string[] | number[] | number[][];
  /** Fewer numbers than the model gives: the first ones, normalized again. */
  dimensions?: number;
  encoding_format?: "float" | "base64";
  user?: string;
}

/** Vectors, in the order of the inputs. */
export interface CreateEmbeddingResponse {
  object: "list";
  data: {
    object: "embedding";
    index: number;
    /** Numbers, or little-endian 32-bit floats in base64. */
    embedding: number[];
  }[];
  model: string;
  usage: { prompt_tokens: number; total_tokens: number };
}
