//! Ollama's own requests and responses.

mod chat;
mod embed;
mod generate;
mod message;
mod models;
mod store;

pub use chat::{ChatRequest, ChatResponse};
pub use embed::{EmbedRequest, EmbedResponse, EmbeddingsRequest, EmbeddingsResponse, Input};
pub use generate::{DebugInfo, GenerateRequest, GenerateResponse, Logprob, Metrics, TopLogprob};
pub use message::{Message, ToolCall, ToolCallFunction};
pub(crate) use message::{NO_IMAGES, check_role, tool_calls_value};
pub use models::{
    CopyRequest, Details, ListModel, ListResponse, ModelRequest, ProcessModel, ProcessResponse,
    ShowRequest, ShowResponse, Tensor, VersionResponse,
};
pub use store::{CreateRequest, Progress, Retry, TransferRequest};
