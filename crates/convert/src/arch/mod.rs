//! The architectures that can be converted: what their tensors are called here and there, of which
//! shape they are, and which keys describe them. One file per family, one row per architecture in
//! [`TABLE`].

mod bert;
mod gemma3;
mod llama;
mod names;
mod phi3;
mod qwen;
mod rope;
mod sizes;

use gguf::Metadata;

use crate::config::Config;
use crate::error::{Error, shown};

pub(crate) use names::{Change, Part, Place, place};
pub(crate) use sizes::Sizes;

/// A size of a tensor, in the words of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dim {
    /// Tokens: what the embedding has.
    Vocab,
    /// Width of the residual stream.
    Model,
    /// Hidden width of the feed-forward block.
    Ffn,
    /// Gate and up in one tensor.
    TwoFfn,
    /// All query heads.
    Q,
    /// All key or value heads.
    Kv,
    /// Q, K and V in one tensor.
    Qkv,
    /// One head.
    Head,
    /// Positions.
    Context,
    /// Whatever the file has.
    Any,
}

/// A tensor there and here, without `.weight` or `.bias` at the end.
pub(crate) struct Row {
    pub hf: &'static str,
    pub gguf: &'static str,
    /// Of the weight, in the file's order; a bias has the first one.
    pub shape: &'static [Dim],
    pub change: Change,
}

pub(crate) const fn row(hf: &'static str, gguf: &'static str, shape: &'static [Dim]) -> Row {
    Row { hf, gguf, shape, change: Change::None }
}

/// A tensor made from the configuration: a name and its numbers.
pub(crate) type Made = (&'static str, Vec<f32>);

/// One architecture.
pub(crate) struct Arch {
    /// `general.architecture` of the result.
    pub gguf: &'static str,
    /// Names in `architectures` of config.json.
    pub classes: &'static [&'static str],
    /// What stands before all names, depending on what else the model can do.
    pub prefixes: &'static [&'static str],
    /// Tensors of the model.
    pub model: &'static [Row],
    /// What stands before the number of a layer.
    pub layers: &'static str,
    /// Tensors of a layer.
    pub layer: &'static [Row],
    /// Beginnings of names of what is not needed.
    pub ignored: &'static [&'static str],
    /// Whether rows of the embedding beyond the tokenizer are left out (else tokens are added).
    pub trims_vocab: bool,
    /// Sizes, where the configuration leaves them to the library that wrote it.
    pub defaults: Sizes,
    /// Writes the keys that are its own, and makes what tensors follow from the configuration.
    pub keys: fn(&Config, &Sizes, &mut Keys<'_>) -> Result<Vec<Made>, Error>,
}

/// All that can be converted.
pub(crate) const TABLE: &[Arch] =
    &[llama::LLAMA, qwen::QWEN2, qwen::QWEN3, gemma3::GEMMA3, phi3::PHI3, bert::BERT];

/// The architecture of a configuration.
pub(crate) fn of_config(config: &Config) -> Result<&'static Arch, Error> {
    let names = config.list("architectures").unwrap_or_default();
    let name = names.first().and_then(|name| name.as_str());
    let name = name.ok_or_else(|| config.error("architectures", "missing".into(), "a name"))?;
    TABLE.iter().find(|arch| arch.classes.contains(&name)).ok_or_else(|| {
        let all: Vec<&str> = TABLE.iter().flat_map(|arch| arch.classes.iter().copied()).collect();
        Error::Architecture { name: shown(name), supported: all.join(", ") }
    })
}

/// The architecture of a GGUF file.
pub(crate) fn of_gguf(name: &str) -> Result<&'static Arch, Error> {
    TABLE.iter().find(|arch| arch.gguf == name).ok_or_else(|| {
        let all: Vec<&str> = TABLE.iter().map(|arch| arch.gguf).collect();
        Error::Architecture { name: shown(name), supported: all.join(", ") }
    })
}

/// Writes keys below the architecture's name.
pub(crate) struct Keys<'a> {
    pub arch: &'static str,
    pub metadata: &'a mut Metadata,
}

impl Keys<'_> {
    pub fn set(&mut self, key: &str, value: impl Into<gguf::Value>) {
        self.metadata.insert(format!("{}.{key}", self.arch), value);
    }
}
