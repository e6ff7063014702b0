//! OpenAI's requests and responses, as local servers offer them.

mod chat;
mod completions;
mod embeddings;
mod models;
mod responses;

pub use chat::{
    ChatChoice, ChatChunk, ChatCompletion, ChatLogprobs, ChatRequest, ChunkChoice, Delta,
    JsonSchema, Reasoning, RequestMessage, ResponseFormat, ResponseMessage, StreamOptions,
    ToolCall, ToolCallFunction,
};
pub use completions::{Completion, CompletionChoice, CompletionLogprobs, CompletionRequest};
pub use embeddings::{Embedding, EmbeddingRequest, EmbeddingResponse, EmbeddingUsage, Vector};
pub use models::{Model, ModelList};
pub use responses::{
    ContentPart, InputItem, OutputItem, Response, ResponseInput, ResponseUsage, ResponsesRequest,
    TextFormat, TextOptions,
};

use serde::Serialize;

/// Tokens of a request and its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub struct Usage {
    pub prompt_tokens: usize,
    pub completion_tokens: usize,
    pub total_tokens: usize,
}

impl Usage {
    /// With one more answer counted.
    pub(crate) fn add(&mut self, prompt: usize, completion: usize) {
        self.prompt_tokens += prompt;
        self.completion_tokens += completion;
        self.total_tokens += prompt + completion;
    }
}

/// What every OpenAI object says the server is; Ollama's word, which clients may compare.
pub(crate) const FINGERPRINT: &str = "fp_ollama";
