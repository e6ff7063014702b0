//! Ollama's options: names, types, defaults.
//!
//! The table serves Modelfiles (`PARAMETER`), the API's `options` and `show --parameters`. The
//! defaults are those of current Ollama; where it decides by the machine, there is none.

use serde_json::{Map, Value as Json};

use super::Error;

/// The type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// True or false.
    Bool,
    /// A list of texts.
    Strings,
}

impl Kind {
    /// As Ollama calls it in messages about JSON: `option "x" must be of type integer`.
    #[must_use]
    pub fn json_name(self) -> &'static str {
        match self {
            Kind::Int => "integer",
            Kind::Float => "float32",
            Kind::Bool => "boolean",
            Kind::Strings => "array",
        }
    }
}

/// What an option does when it is not given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Preset {
    /// A number.
    Number(f64),
    /// An empty list.
    Empty,
    /// The machine or the model decides.
    Auto,
    /// Read and not used: for files of older versions.
    Ignored,
}

/// A row of the table: name, type, default.
pub type OptionRow = (&'static str, Kind, Preset);

/// All options.
pub const OPTIONS: &[OptionRow] = &[
    ("num_keep", Kind::Int, Preset::Number(4.0)),
    ("seed", Kind::Int, Preset::Number(-1.0)),
    ("num_predict", Kind::Int, Preset::Number(-1.0)),
    ("top_k", Kind::Int, Preset::Number(40.0)),
    ("top_p", Kind::Float, Preset::Number(0.9)),
    ("min_p", Kind::Float, Preset::Number(0.0)),
    ("typical_p", Kind::Float, Preset::Number(1.0)),
    ("repeat_last_n", Kind::Int, Preset::Number(64.0)),
    ("temperature", Kind::Float, Preset::Number(0.8)),
    ("repeat_penalty", Kind::Float, Preset::Number(1.0)),
    ("presence_penalty", Kind::Float, Preset::Number(0.0)),
    ("frequency_penalty", Kind::Float, Preset::Number(0.0)),
    ("stop", Kind::Strings, Preset::Empty),
    ("num_ctx", Kind::Int, Preset::Auto),
    ("num_batch", Kind::Int, Preset::Number(512.0)),
    ("num_gpu", Kind::Int, Preset::Number(-1.0)),
    ("main_gpu", Kind::Int, Preset::Number(0.0)),
    ("use_mmap", Kind::Bool, Preset::Auto),
    ("num_thread", Kind::Int, Preset::Auto),
    ("draft_num_predict", Kind::Int, Preset::Number(4.0)),
    ("mirostat", Kind::Int, Preset::Ignored),
    ("mirostat_tau", Kind::Float, Preset::Ignored),
    ("mirostat_eta", Kind::Float, Preset::Ignored),
    ("penalize_newline", Kind::Bool, Preset::Ignored),
    ("tfs_z", Kind::Float, Preset::Ignored),
    ("low_vram", Kind::Bool, Preset::Ignored),
    ("numa", Kind::Bool, Preset::Ignored),
    ("use_mlock", Kind::Bool, Preset::Ignored),
    ("vocab_only", Kind::Bool, Preset::Ignored),
    ("f16_kv", Kind::Bool, Preset::Ignored),
    ("logits_all", Kind::Bool, Preset::Ignored),
];

/// The row of an option.
#[must_use]
pub fn option(name: &str) -> Option<&'static OptionRow> {
    OPTIONS.iter().find(|(known, ..)| *known == name)
}

/// Adds a parameter given as text to a map of options.
pub(super) fn add(found: &mut Map<String, Json>, name: &str, value: &str) -> Result<(), Error> {
    let unknown = || Error::UnknownParameter { name: name.to_owned() };
    let (name, kind, _) = option(&name.to_ascii_lowercase()).ok_or_else(unknown)?;
    let invalid = |kind| Error::InvalidValue { kind, value: value.to_owned() };
    let json = match kind {
        Kind::Int => Json::from(value.parse::<i64>().map_err(|_| invalid("int"))?),
        Kind::Float => {
            let number = value.parse::<f32>().ok().filter(|number| number.is_finite());
            // The shortest text of the number as it is used: 0.7 and not 0.699999988.
            let text = number.ok_or_else(|| invalid("float"))?.to_string();
            Json::from(text.parse::<f64>().map_err(|_| invalid("float"))?)
        }
        Kind::Bool => match value {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Json::Bool(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Json::Bool(false),
            _ => return Err(invalid("bool")),
        },
        Kind::Strings => {
            let list = found.entry(*name).or_insert_with(|| Json::Array(Vec::new()));
            if let Json::Array(list) = list {
                list.push(value.into());
            }
            return Ok(());
        }
    };
    found.insert((*name).to_owned(), json);
    Ok(())
}
