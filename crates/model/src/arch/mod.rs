//! The architectures. To add one: a file here and a row in [`TABLE`].

mod bert;
mod dense;
mod encoder;
mod gemma3;
mod llama;
mod nomic_bert;
mod phi3;
mod qwen2;
mod qwen3;

use crate::Error;
use crate::builder::Builder;

/// One supported architecture.
pub struct Architecture {
    /// `general.architecture` of its files.
    pub name: &'static str,
    /// Key of the norms' epsilon, below the name.
    pub(crate) eps_key: &'static str,
    /// Appends its ops.
    pub(crate) build: fn(&mut Builder<'_>) -> Result<(), Error>,
}

impl Architecture {
    const fn decoder(
        name: &'static str,
        build: fn(&mut Builder<'_>) -> Result<(), Error>,
    ) -> Architecture {
        Architecture { name, eps_key: "attention.layer_norm_rms_epsilon", build }
    }

    const fn encoder(
        name: &'static str,
        build: fn(&mut Builder<'_>) -> Result<(), Error>,
    ) -> Architecture {
        Architecture { name, eps_key: "attention.layer_norm_epsilon", build }
    }
}

/// Everything we can run.
pub const TABLE: &[Architecture] = &[
    Architecture::decoder("llama", llama::build),
    Architecture::decoder("qwen2", qwen2::build),
    Architecture::decoder("qwen3", qwen3::build),
    Architecture::decoder("gemma3", gemma3::build),
    Architecture::decoder("phi3", phi3::build),
    Architecture::encoder("bert", bert::build),
    Architecture::encoder("nomic-bert", nomic_bert::build),
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
