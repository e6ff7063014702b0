//! Byte-level BPE: GPT-2's kind of tokenizer.

use super::json::{TokenizerJson, kind, steps};
use super::{Kind, Token, Vocab, pre};
use crate::config::Config;
use crate::error::{Error, shown};
use crate::files::Files;

/// From `tokenizer.json`.
pub(super) fn of_json(json: &TokenizerJson, n_rows: u64) -> Result<Vocab, Error> {
    // Composed characters are what texts have anyway; anything else would change them.
    let other = steps(&json.normalizer).into_iter().map(kind).find(|kind| *kind != "NFC");
    if let Some(other) = other {
        return Err(Error::Unsupported {
            what: format!("a tokenizer that changes texts first ({})", shown(other)),
            advice: "GGUF has no place to say it for this kind of tokenizer",
        });
    }
    let mut vocab = Vocab { model: "gpt2", pre: Some(pre::name(json)?), ..Vocab::default() };
    for (text, id) in &json.model.vocab.0 {
        vocab.set(*id, n_rows, Token::new(text, Kind::Normal))?;
    }
    let pair = |(i, merge): (usize, &super::json::Merge)| match merge.pair() {
        Some((left, right)) => Ok(format!("{} {}", joined(left), joined(right))),
        None => Err(Error::malformed("tokenizer.json", format!("its merge {i} is no pair"))),
    };
    vocab.merges = Some(json.model.merges.iter().enumerate().map(pair).collect::<Result<_, _>>()?);
    Ok(vocab)
}

/// A space inside of a part would end it; GPT-2's spelling has another character for it.
fn joined(part: &str) -> String {
    part.replace(' ', "\u{120}")
}

/// From `vocab.json` and `merges.txt`, which say how to merge and not how to cut: that follows from
/// the name of the class.
pub(super) fn of_files(files: &Files, own: Option<&Config>, n_rows: u64) -> Result<Vocab, Error> {
    let words = files.json::<super::json::Words>("vocab.json")?;
    let merges = files.text("merges.txt")?;
    let (Some(words), Some(merges)) = (words, merges) else {
        return Err(Error::MissingFile {
            what: "tokenizer".into(),
            advice: "it is in tokenizer.json or tokenizer.model; get all files of the model",
        });
    };
    let class = own.and_then(|own| own.text("tokenizer_class")).unwrap_or("");
    let pre = match class {
        "Qwen2Tokenizer" | "Qwen2TokenizerFast" => "qwen2",
        "GPT2Tokenizer" | "GPT2TokenizerFast" => "gpt-2",
        other => {
            return Err(Error::Unsupported {
                what: format!("the tokenizer \"{}\" without its tokenizer.json", shown(other)),
                advice: "vocab.json does not say how words are cut; get tokenizer.json as well",
            });
        }
    };
    let mut vocab = Vocab { model: "gpt2", pre: Some(pre), ..Vocab::default() };
    for (text, id) in words.0 {
        vocab.set(id, n_rows, Token::new(text, Kind::Normal))?;
    }
    let lines = merges.lines().filter(|line| !line.starts_with("#version") && !line.is_empty());
    vocab.merges = Some(lines.map(str::to_owned).collect());
    Ok(vocab)
}
