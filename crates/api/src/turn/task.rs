//! What a model is asked, whatever the protocol.

use serde_json::Value;

use crate::error::ApiError;
use crate::host::Format;
use crate::types::{KeepAlive, Options, Think, Tool, ToolChoice};

/// What is continued.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A conversation.
    Chat { messages: Vec<chat::Message>, tools: Vec<Tool>, tool_choice: ToolChoice },
    /// One turn through the template, behind the ids of earlier ones.
    Prompt { prompt: String, suffix: Option<String>, system: Option<String>, context: Vec<u32> },
    /// Text without a template.
    Raw(String),
    /// Ids.
    Tokens(Vec<u32>),
}

/// What the model is used for, as the error says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Chat,
    Generate,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Verb::Chat => "chat",
            Verb::Generate => "generate",
        }
    }
}

/// The prompt before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EchoTask {
    /// `Some(n)`: with log-probabilities, and those of the `n` best.
    pub logprobs: Option<usize>,
}

/// One question to a model.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub model: String,
    pub verb: Verb,
    pub input: Input,
    /// Instead of the model's own.
    pub template: Option<String>,
    pub think: Option<Think>,
    pub format: Option<Format>,
    pub options: Options,
    /// New tokens at most, where a protocol says so besides the options.
    pub max_tokens: Option<usize>,
    pub keep_alive: Option<KeepAlive>,
    pub logprobs: Option<usize>,
    pub logit_bias: Vec<(u32, f32)>,
    pub echo: Option<EchoTask>,
    pub truncate: bool,
    pub shift: bool,
}

impl Task {
    pub fn new(model: String, verb: Verb, input: Input) -> Task {
        Task {
            model,
            verb,
            input,
            template: None,
            think: None,
            format: None,
            options: Options::default(),
            max_tokens: None,
            keep_alive: None,
            logprobs: None,
            logit_bias: Vec::new(),
            echo: None,
            truncate: true,
            shift: true,
        }
    }

    /// Tools that the model is told of.
    pub fn tools(&self) -> &[Tool] {
        match &self.input {
            Input::Chat { tools, tool_choice, .. } if *tool_choice != ToolChoice::None => tools,
            _ => &[],
        }
    }

    pub fn tool_choice(&self) -> ToolChoice {
        match &self.input {
            Input::Chat { tool_choice, .. } => tool_choice.clone(),
            _ => ToolChoice::None,
        }
    }
}

/// Ollama's `format`.
///
/// # Errors
/// 400 for anything but `"json"` and an object.
pub(crate) fn read_format(format: Option<Value>) -> Result<Option<Format>, ApiError> {
    match format {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text == "json" => Ok(Some(Format::Json)),
        Some(schema @ Value::Object(_)) => Ok(Some(Format::Schema(schema))),
        Some(other) => {
            let shown: String = other.to_string().chars().take(100).collect();
            let expected = "expected \"json\" or a valid JSON Schema object";
            Err(ApiError::bad(format!("invalid format: {shown}; {expected}")))
        }
    }
}

/// Whether log-probabilities are wanted, and of how many other tokens: the value of `field`.
///
/// # Errors
/// 400 for a number out of range.
pub(crate) fn read_logprobs(
    field: &str,
    wanted: bool,
    top: i64,
) -> Result<Option<usize>, ApiError> {
    let max = engine::MAX_LOGPROBS;
    let n = usize::try_from(top).ok().filter(|n| *n <= max);
    let n = n.ok_or_else(|| ApiError::bad(format!("{field} must be between 0 and {max}")))?;
    Ok((wanted || n > 0).then_some(n))
}
