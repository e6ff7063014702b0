//! The handlers: each reads its request, does its work, and writes its answer.

mod answers;
pub(crate) mod anthropic_messages;
pub(crate) mod blobs;
pub(crate) mod chat;
pub(crate) mod embed;
pub(crate) mod generate;
pub(crate) mod meta;
pub(crate) mod models;
pub(crate) mod openai_chat;
pub(crate) mod openai_completions;
pub(crate) mod openai_embeddings;
pub(crate) mod openai_models;
mod openai_options;
pub(crate) mod openai_responses;
pub(crate) mod transfer;
