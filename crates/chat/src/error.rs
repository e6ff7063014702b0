//! What can go wrong with a chat template, as sentences for a person.
//!
//! One enum for reading and rendering, because a host treats both alike: the model can still answer
//! through the plain fallback, and the person is told which of the two happened.

use crate::limits;

/// Why a template cannot be used, or why it could not render this conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Blocks, brackets, chained operators or macro calls nest deeper than the interpreter allows.
    #[error(
        "the chat template nests deeper than {} levels, which no honest template needs; \
         choose another template",
        limits::MAX_SOURCE_DEPTH
    )]
    TemplateDepth,
    /// The source is too long.
    #[error(
        "the chat template has {have} bytes and at most {} are read; choose another template",
        limits::MAX_SOURCE_BYTES
    )]
    TemplateSize {
        /// Bytes of the source.
        have: usize,
    },
    /// The source is not valid Jinja, or uses a filter, test or tag that does not exist.
    #[error(
        "the chat template is not valid Jinja (line {line}: {detail}); choose another template"
    )]
    TemplateSyntax {
        /// What the parser says.
        detail: String,
        /// Line in the source, from 1; 0 where it is not known.
        line: usize,
    },
    /// The source is not valid in Go's template language, or calls a function Ollama does not have.
    #[error(
        "the template is not valid Go template syntax (line {line}: {detail}); correct it or \
         choose another template"
    )]
    GoSyntax {
        /// What the parser says.
        detail: String,
        /// Line in the source, from 1.
        line: usize,
    },
    /// Rendering took too many steps or read too much.
    #[error(
        "the chat template did not finish within {} steps; it may loop without end, \
         choose another template",
        limits::MAX_FUEL
    )]
    Fuel,
    /// The text, or the values made on the way to it, grew too large.
    #[error(
        "the chat template produced more than {} bytes of text; shorten the conversation \
         or choose another template",
        limits::MAX_OUTPUT_BYTES
    )]
    OutputLimit,
    /// The template itself refused the conversation (`raise_exception`).
    #[error("the chat template refuses this conversation: {message}")]
    Raised {
        /// The template's own words.
        message: String,
    },
    /// The template has no form for a text with a hole.
    #[error(
        "the template does not support insert: it has no place for a suffix; send a prompt alone"
    )]
    NoInsert,
    /// The template failed on this conversation.
    #[error("the chat template failed on this conversation ({detail}); choose another template")]
    Failed {
        /// What failed.
        detail: String,
    },
    /// The messages are nested too deeply, or are not a list.
    #[error("the messages cannot be given to a chat template ({detail}); send a list of messages")]
    Messages {
        /// What is wrong with them.
        detail: String,
    },
}

/// Why a rendering was stopped, carried through the interpreter as an error's source.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Stop {
    #[error("raised")]
    Raised(String),
    #[error("fuel")]
    Fuel,
    #[error("output limit")]
    Output,
    #[error("depth")]
    Depth,
}

impl Stop {
    /// As the interpreter's own error.
    pub(crate) fn wrap(self) -> minijinja::Error {
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, "stopped").with_source(self)
    }
}

/// The interpreter's error as one of ours.
pub(crate) fn from_interpreter(error: &minijinja::Error) -> Error {
    use minijinja::ErrorKind;
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(current) = source {
        if let Some(stop) = current.downcast_ref::<Stop>() {
            return match stop {
                Stop::Raised(message) => Error::Raised { message: message.clone() },
                Stop::Fuel => Error::Fuel,
                Stop::Output => Error::OutputLimit,
                Stop::Depth => Error::TemplateDepth,
            };
        }
        source = current.source();
    }
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.kind() {
        ErrorKind::OutOfFuel => Error::Fuel,
        ErrorKind::WriteFailure => Error::OutputLimit,
        _ if detail.contains("recursion limit") => Error::TemplateDepth,
        ErrorKind::SyntaxError | ErrorKind::BadEscape => {
            Error::TemplateSyntax { detail, line: error.line().unwrap_or(0) }
        }
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest => {
            Error::TemplateSyntax { detail, line: 0 }
        }
        _ => Error::Failed { detail },
    }
}
