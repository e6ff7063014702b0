//! Which of GGUF's named rules for cutting words a `tokenizer.json` has.
//!
//! llama.cpp's converter runs the tokenizer over a text and looks its result up. The rule itself
//! stands in the file, so it is compared here: a chain of steps is one of the table, or the model
//! is refused with the chain in the message. A near miss would cut some texts differently, and
//! nothing would tell.

use serde_json::Value;

use super::json::{TokenizerJson, kind, steps};
use crate::error::{Error, shown};

/// As the files have them; the lines of one are one expression.
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const GPT4O: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// A step that is not known has no form here.
#[derive(Debug, PartialEq)]
enum Step<'a> {
    /// Cut by a pattern whose finds stay.
    Split(&'a str),
    /// Each digit alone.
    Digits,
    /// GPT-2's own pattern, then bytes.
    Gpt2,
    /// Bytes only.
    Bytes,
}

/// Chains, whether a word that is a token stays whole, and names.
const TABLE: &[(&[Step<'static>], bool, &str)] = &[
    (&[Step::Gpt2], false, "gpt-2"),
    (&[Step::Digits, Step::Gpt2], false, "smollm"),
    (&[Step::Split(LLAMA3), Step::Bytes], true, "llama-bpe"),
    (&[Step::Split(LLAMA3), Step::Bytes], false, "smaug-bpe"),
    (&[Step::Split(QWEN2), Step::Bytes], false, "qwen2"),
    (&[Step::Split(TEKKEN), Step::Bytes], true, "tekken"),
    (&[Step::Split(GPT4O), Step::Bytes], false, "gpt-4o"),
];

/// The name of the rule.
pub(super) fn name(json: &TokenizerJson) -> Result<&'static str, Error> {
    let chain = steps(&json.pre_tokenizer);
    let known: Option<Vec<Step<'_>>> = chain.iter().map(|step| read(step)).collect();
    let ignore_merges = json.model.ignore_merges;
    let found = known.and_then(|known| {
        let fits = |row: &&(&[Step<'static>], bool, &'static str)| {
            row.0 == known.as_slice() && row.1 == ignore_merges
        };
        TABLE.iter().find(fits)
    });
    match found {
        Some(row) => Ok(row.2),
        None => Err(Error::Unsupported {
            what: format!(
                "a tokenizer that cuts words by {} (ignore_merges: {ignore_merges})",
                shown(&json.pre_tokenizer.to_string())
            ),
            advice: "none of the rules that GGUF has names for is this one",
        }),
    }
}

fn read(step: &Value) -> Option<Step<'_>> {
    let flag = |key: &str, default: bool| step.get(key).map_or(Some(default), Value::as_bool);
    match kind(step) {
        "ByteLevel" if flag("add_prefix_space", false)? => None,
        "ByteLevel" if flag("use_regex", true)? => Some(Step::Gpt2),
        "ByteLevel" => Some(Step::Bytes),
        "Digits" if flag("individual_digits", false)? => Some(Step::Digits),
        "Split" => {
            let pattern = step.get("pattern")?.get("Regex")?.as_str()?;
            let is_isolated = step.get("behavior")?.as_str()? == "Isolated";
            let is_plain = !flag("invert", false)?;
            // With nothing between the finds, "the rest removed" and "isolated" are the same.
            (is_plain && is_isolated || !is_plain && removes(step)).then_some(Step::Split(pattern))
        }
        _ => None,
    }
}

fn removes(step: &Value) -> bool {
    step.get("behavior").and_then(Value::as_str) == Some("Removed")
}
