//! SentencePiece's kind of tokenizer, by its copy in `tokenizer.json`.
//!
//! That copy has ranks of merges where SentencePiece has scores of tokens. Both merge the best pair
//! first, and a pair is as good as what it becomes; so a token's score is the rank of the first
//! merge that makes it, counted downwards.

use std::collections::HashMap;

use super::json::{TokenizerJson, kind, steps};
use super::{Kind, Token, Vocab};
use crate::error::{Error, shown};

const FILE: &str = "tokenizer.json";

/// From `tokenizer.json`.
pub(super) fn of_json(json: &TokenizerJson, n_rows: u64) -> Result<Vocab, Error> {
    if json.model.kind != "BPE" || !json.model.byte_fallback {
        return Err(Error::Unsupported {
            what: format!("a tokenizer of the kind \"{}\"", shown(&json.model.kind)),
            advice: "byte-level BPE, SentencePiece BPE and WordPiece can be converted",
        });
    }
    let mut scores: HashMap<String, f32> = HashMap::new();
    for (rank, merge) in json.model.merges.iter().enumerate() {
        let pair = merge.pair();
        let (left, right) =
            pair.ok_or_else(|| Error::malformed(FILE, format!("its merge {rank} is no pair")))?;
        scores.entry(format!("{left}{right}")).or_insert(-(rank as f32));
    }
    let worst = -(json.model.merges.len() as f32);
    let mut vocab = Vocab {
        model: "llama",
        pre: Some("default"),
        has_scores: true,
        add_space_prefix: Some(adds_prefix(json)),
        add_bos: Some(true),
        add_eos: Some(false),
        ..Vocab::default()
    };
    for (text, id) in &json.model.vocab.0 {
        let kind = match () {
            () if Some(text) == json.model.unk_token.as_ref() => Kind::Unknown,
            () if is_byte(text) => Kind::Byte,
            () => Kind::Normal,
        };
        let score = match kind {
            Kind::Normal => scores.get(text).copied().unwrap_or(worst),
            _ => 0.0,
        };
        vocab.set(*id, n_rows, Token { text: text.clone(), kind, score })?;
    }
    Ok(vocab)
}

/// Whether a space is put before texts.
fn adds_prefix(json: &TokenizerJson) -> bool {
    let prepends = steps(&json.normalizer).into_iter().any(|step| kind(step) == "Prepend");
    let marks = steps(&json.pre_tokenizer).into_iter().any(|step| {
        let scheme = step.get("prepend_scheme").and_then(|scheme| scheme.as_str());
        let old = step.get("add_prefix_space").and_then(|flag| flag.as_bool());
        kind(step) == "Metaspace" && scheme.map_or(old.unwrap_or(true), |s| s != "never")
    });
    prepends || marks
}

/// `<0x0A>`.
fn is_byte(text: &str) -> bool {
    let hex = text.strip_prefix("<0x").and_then(|text| text.strip_suffix('>'));
    hex.is_some_and(|hex| hex.len() == 2 && hex.bytes().all(|c| c.is_ascii_hexdigit()))
}
