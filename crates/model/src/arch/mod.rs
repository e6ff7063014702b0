//! The architectures. To add one: a file here and a row in [`TABLE`].

mod dense;
mod gemma3;
mod llama;
mod qwen2;
mod qwen3;

use crate::Error;
use crate::builder::Builder;

/// One supported architecture.
pub struct Architecture {
    /// `general.architecture` of its files.
    pub name: &'static str,
    /// Appends its ops.
    pub(crate) build: fn(&mut Builder<'_>) -> Result<(), Error>,
}

/// Everything we can run.
pub const TABLE: &[Architecture] = &[
    Architecture { name: "llama", build: llama::build },
    Architecture { name: "qwen2", build: qwen2::build },
    Architecture { name: "qwen3", build: qwen3::build },
    Architecture { name: "gemma3", build: gemma3::build },
];

/// Longest part of an unknown name that is repeated in the message.
const MAX_NAME_SHOWN: usize = 40;

pub(crate) fn find(name: &str) -> Result<&'static Architecture, Error> {
    TABLE.iter().find(|arch| arch.name == name).ok_or_else(|| {
        let shown: String = name.chars().take(MAX_NAME_SHOWN).collect();
        let supported: Vec<&str> = TABLE.iter().map(|arch| arch.name).collect();
        Error::Architecture {
            name: shown.escape_debug().to_string(),
            supported: supported.join(", "),
        }
    })
}
