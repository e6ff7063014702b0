//! From the model's text to content, thoughts and calls.
//!
//! Each family of models writes thoughts and calls in its own way; which one a model uses is known
//! where templates are known. So the router takes a parser from the runner and only feeds it.

use serde_json::{Map, Value};

/// One thing that a model said.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Of the answer.
    Content(String),
    /// Of the thought before it.
    Thinking(String),
    /// A whole call.
    ToolCall(ToolCallOutput),
}

/// A call of a tool. The router gives it its id and its number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolCallOutput {
    /// Which tool.
    pub name: String,
    /// With what.
    pub arguments: Map<String, Value>,
}

/// Reads a model's text piece by piece. However the text is cut, all outputs together are the
/// same; text is held back only as long as it may become a marker.
pub trait OutputParser {
    /// The next piece.
    fn push(&mut self, text: &str) -> Vec<Output>;
    /// No more comes: whatever was held back.
    fn finish(&mut self) -> Vec<Output>;
}

/// All text is content.
#[derive(Clone, Copy, Debug, Default)]
pub struct PassThrough;

impl OutputParser for PassThrough {
    fn push(&mut self, text: &str) -> Vec<Output> {
        if text.is_empty() { Vec::new() } else { vec![Output::Content(text.to_owned())] }
    }

    fn finish(&mut self) -> Vec<Output> {
        Vec::new()
    }
}
