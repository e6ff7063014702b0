//! WordPiece: BERT's tokenizer. GGUF marks beginnings of words, BERT what does not begin one.

use super::json::{TokenizerJson, kind, steps};
use super::{Kind, Token, Vocab};
use crate::error::Error;
use crate::files::Files;

/// From `tokenizer.json`.
pub(super) fn of_json(json: &TokenizerJson, n_rows: u64) -> Result<Vocab, Error> {
    let lower = |step: &serde_json::Value| {
        let lowercase = step.get("lowercase").and_then(|flag| flag.as_bool());
        kind(step) == "BertNormalizer" && lowercase == Some(false)
    };
    if steps(&json.normalizer).into_iter().any(lower) {
        return Err(Error::Unsupported {
            what: "a tokenizer that tells large letters from small ones".into(),
            advice: "WordPiece in GGUF makes all letters small",
        });
    }
    of_words(json.model.vocab.0.iter().map(|(text, id)| (text.as_str(), *id)), n_rows)
}

/// From `vocab.txt`, a token a line.
pub(super) fn of_text(files: &Files, n_rows: u64) -> Result<Vocab, Error> {
    let text = files.text("vocab.txt")?.unwrap_or_default();
    of_words(text.lines().zip(0..), n_rows)
}

fn of_words<'a>(words: impl Iterator<Item = (&'a str, u64)>, n_rows: u64) -> Result<Vocab, Error> {
    let mut vocab = Vocab { model: "bert", ..Vocab::default() };
    for (text, id) in words {
        let kind = if is_special(text) { Kind::Control } else { Kind::Normal };
        vocab.set(id, n_rows, Token::new(respelled(text), kind))?;
    }
    Ok(vocab)
}

/// `##ing` is `ing`, `sing` is `▁sing`, `[CLS]` stays.
fn respelled(text: &str) -> String {
    match text.strip_prefix("##") {
        Some(rest) => rest.to_owned(),
        None if is_bracketed(text) => text.to_owned(),
        None => format!("\u{2581}{text}"),
    }
}

fn is_bracketed(text: &str) -> bool {
    text.starts_with('[') && text.ends_with(']')
}

fn is_special(text: &str) -> bool {
    matches!(text, "[PAD]" | "[UNK]" | "[CLS]" | "[SEP]" | "[MASK]")
}
