//! What stands in the bodies: one module per family of protocols.
//!
//! Fields have the names, the order and the rules of omission of the originals, because clients
//! compare texts and logs are read by people; so responses are structs with derived serialization,
//! never maps.

pub mod anthropic;
mod content;
mod keep_alive;
pub mod ollama;
pub mod openai;
mod options;
mod time;
mod tools;

pub use content::{Content, Part};
pub use keep_alive::{DurationError, KeepAlive, parse_duration};
pub use options::Options;
pub use time::{Timestamp, nanos};
pub use tools::{Think, Tool, ToolChoice, ToolFunction};

use serde::{Deserialize, Serialize};

/// One string or several: `stop`, `input`, `license`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
pub enum OneOrMany {
    /// A string.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl OneOrMany {
    /// As a list.
    pub fn into_vec(self) -> Vec<String> {
        match self {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        }
    }
}
