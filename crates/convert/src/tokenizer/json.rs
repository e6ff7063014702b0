//! `tokenizer.json`, as far as it is needed.
//!
//! The file of a large vocabulary has tens of megabytes, so the two large lists are read into what
//! they are, and only the small parts, whose shapes are many, as values.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The file.
#[derive(Debug, Deserialize)]
pub(super) struct TokenizerJson {
    #[serde(default)]
    pub added_tokens: Vec<Added>,
    #[serde(default)]
    pub normalizer: Value,
    #[serde(default)]
    pub pre_tokenizer: Value,
    #[serde(default)]
    pub post_processor: Value,
    pub model: Model,
}

/// A token that is not of the vocabulary, or is special in it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Added {
    pub id: u64,
    pub content: String,
    #[serde(default)]
    pub special: bool,
}

/// The algorithm and its tables.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub vocab: Words,
    #[serde(default)]
    pub merges: Vec<Merge>,
    #[serde(default)]
    pub unk_token: Option<String>,
    #[serde(default)]
    pub byte_fallback: bool,
    #[serde(default)]
    pub ignore_merges: bool,
}

/// A pair that becomes one token; "a b" in older files.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Merge {
    Text(String),
    Pair(String, String),
}

impl Merge {
    /// Left and right.
    pub fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Merge::Text(text) => text.split_once(' '),
            Merge::Pair(left, right) => Some((left, right)),
        }
    }
}

/// Words with their ids. A list with scores, as unigram models have it, is left empty: that kind
/// is refused by its name.
#[derive(Debug, Default)]
pub(super) struct Words(pub Vec<(String, u64)>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Words, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("words with their numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words, A::Error> {
                let mut words = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    words.push(entry);
                }
                Ok(Words(words))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
                while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Words::default())
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl TokenizerJson {
    pub fn is_wordpiece(&self) -> bool {
        self.model.kind == "WordPiece"
    }

    /// Tokens are bytes, spelled as GPT-2 does.
    pub fn is_byte_level(&self) -> bool {
        // Some files leave the type out; merges say it.
        let is_bpe = self.model.kind == "BPE" || self.model.kind.is_empty();
        is_bpe && steps(&self.pre_tokenizer).iter().any(|step| kind(step) == "ByteLevel")
    }
}

/// The type of a normalizer, a pre-tokenizer or the like.
pub(super) fn kind(step: &Value) -> &str {
    step.get("type").and_then(Value::as_str).unwrap_or("")
}

/// A chain of steps, whether it is one, a sequence, or none. (Depth is bounded by the parser.)
pub(super) fn steps(value: &Value) -> Vec<&Value> {
    if value.is_null() {
        return Vec::new();
    }
    if kind(value) != "Sequence" {
        return vec![value];
    }
    let keys = ["pretokenizers", "normalizers", "processors", "decoders"];
    let inner = keys.into_iter().find_map(|key| value.get(key)?.as_array());
    inner.into_iter().flatten().flat_map(steps).collect()
}
