//! Two small vocabularies of our own: byte-level BPE and SentencePiece-like BPE.
//!
//! Both are trained from [`corpus::TEXT`](crate::corpus::TEXT) by the textbook algorithm (merge the
//! most frequent pair, ties in byte order), so they have what real ones have: every byte, merges
//! that build on merges, words with and without a leading space, control tokens.

use std::collections::BTreeMap;

use gguf::{Array, Metadata, Value};

use crate::corpus::TEXT;
use crate::wordpiece;

/// Merges (BPE) or merged pieces (SPM) each vocabulary has.
pub const N_MERGES: usize = 300;

/// Token types as GGUF numbers them.
pub(crate) mod kind {
    pub const NORMAL: i32 = 1;
    pub const UNKNOWN: i32 = 2;
    pub const CONTROL: i32 = 3;
    pub const BYTE: i32 = 6;
}

/// Which tokenizer a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// Byte-level BPE (`gpt2`) under this `tokenizer.ggml.pre`.
    Bpe(&'static str),
    /// SentencePiece-BPE (`llama`) with byte fallback.
    Spm,
    /// WordPiece (`bert`), see [`wordpiece`].
    WordPiece,
    /// None: the file has no tokenizer keys.
    None,
}

/// Control tokens of the BPE vocabulary, after the merges.
pub const BPE_SPECIAL: [&str; 4] =
    ["<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"];
/// Control tokens of the SPM vocabulary, after the pieces.
pub const SPM_SPECIAL: [&str; 2] = ["<start_of_turn>", "<end_of_turn>"];

impl Vocabulary {
    /// Number of tokens; models without a tokenizer have embeddings for 512.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Vocabulary::Bpe(_) => 256 + N_MERGES + BPE_SPECIAL.len(),
            Vocabulary::Spm => spm_pieces().len() + SPM_SPECIAL.len(),
            Vocabulary::WordPiece => wordpiece::tokens().len(),
            Vocabulary::None => 512,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Vocabulary::None
    }

    /// Adds the tokenizer's keys.
    pub fn write(self, metadata: &mut Metadata) {
        match self {
            Vocabulary::Bpe(pre) => write_bpe(metadata, pre),
            Vocabulary::Spm => write_spm(metadata),
            Vocabulary::WordPiece => write_wordpiece(metadata),
            Vocabulary::None => {}
        }
    }
}

fn strings(items: impl IntoIterator<Item = String>) -> Value {
    Value::Array(Array::String(items.into_iter().collect()))
}

fn write_bpe(metadata: &mut Metadata, pre: &str) {
    let merges = train(&words(), |byte| vec![byte]);
    let mut tokens: Vec<String> = (0..=255u8).map(|b| spell(&[b])).collect();
    tokens.extend(merges.iter().map(|(a, b)| spell(a) + &spell(b)));
    let mut types = vec![kind::NORMAL; tokens.len()];
    let first_special = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
    tokens.extend(BPE_SPECIAL.map(str::to_owned));
    types.extend([kind::CONTROL; BPE_SPECIAL.len()]);
    metadata.insert("tokenizer.ggml.model", "gpt2");
    metadata.insert("tokenizer.ggml.pre", pre);
    metadata.insert("tokenizer.ggml.tokens", strings(tokens));
    metadata.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    let merges = merges.iter().map(|(a, b)| format!("{} {}", spell(a), spell(b)));
    metadata.insert("tokenizer.ggml.merges", strings(merges));
    metadata.insert("tokenizer.ggml.bos_token_id", first_special);
    metadata.insert("tokenizer.ggml.eos_token_id", first_special + 3);
    metadata.insert("tokenizer.ggml.add_bos_token", true);
}

fn write_spm(metadata: &mut Metadata) {
    let pieces = spm_pieces();
    let n_normal = pieces.len();
    let (mut tokens, mut scores, mut types) = (Vec::new(), Vec::new(), Vec::new());
    for (text, score, kind) in pieces {
        tokens.push(text);
        scores.push(score);
        types.push(kind);
    }
    for special in SPM_SPECIAL {
        tokens.push(special.to_owned());
        scores.push(0.0);
        types.push(kind::CONTROL);
    }
    metadata.insert("tokenizer.ggml.model", "llama");
    metadata.insert("tokenizer.ggml.tokens", strings(tokens));
    metadata.insert("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
    metadata.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    metadata.insert("tokenizer.ggml.bos_token_id", 1u32);
    metadata.insert("tokenizer.ggml.eos_token_id", 2u32);
    metadata.insert("tokenizer.ggml.unknown_token_id", 0u32);
    metadata.insert("tokenizer.ggml.eot_token_id", u32::try_from(n_normal + 1).unwrap_or(2));
    metadata.insert("tokenizer.ggml.add_bos_token", true);
    metadata.insert("tokenizer.ggml.add_eos_token", false);
}

fn write_wordpiece(metadata: &mut Metadata) {
    let tokens = wordpiece::tokens();
    let mut types = vec![kind::CONTROL; wordpiece::SPECIAL.len()];
    types.resize(tokens.len(), kind::NORMAL);
    metadata.insert("tokenizer.ggml.model", "bert");
    metadata.insert("tokenizer.ggml.tokens", strings(tokens));
    metadata.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    for (key, id) in [("padding", 0u32), ("unknown", 1), ("bos", 2), ("seperator", 3)] {
        metadata.insert(format!("tokenizer.ggml.{key}_token_id"), id);
    }
}

/// `<unk> <s> </s>`, 256 bytes, merged pieces by rank, single characters.
#[expect(clippy::cast_precision_loss, reason = "ranks are small")]
fn spm_pieces() -> Vec<(String, f32, i32)> {
    let marked: Vec<Vec<u8>> = words()
        .into_iter()
        .map(|word| String::from_utf8_lossy(&word).replace(' ', "\u{2581}").into_bytes())
        .collect();
    let units = characters(&marked);
    let merges = train_units(units.clone());
    let mut chars: Vec<Vec<u8>> = units.into_keys().flatten().collect();
    chars.sort();
    chars.dedup();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut pieces = vec![
        ("<unk>".to_owned(), 0.0, kind::UNKNOWN),
        ("<s>".to_owned(), 0.0, kind::CONTROL),
        ("</s>".to_owned(), 0.0, kind::CONTROL),
    ];
    pieces.extend((0..=255u8).map(|b| (format!("<0x{b:02X}>"), 0.0, kind::BYTE)));
    let ranked =
        merges.iter().map(|(a, b)| text(a) + &text(b)).chain(chars.iter().map(|c| text(c)));
    pieces.extend(ranked.enumerate().map(|(rank, t)| (t, -(rank as f32), kind::NORMAL)));
    pieces
}

/// The text cut where no merge may cross: letters with the space before them, digits one by one,
/// runs of other characters.
fn words() -> Vec<Vec<u8>> {
    let class = |c: char| match c {
        c if c.is_alphabetic() => 0,
        c if c.is_numeric() => 1,
        c if c.is_whitespace() => 2,
        _ => 3,
    };
    let mut words: Vec<String> = Vec::new();
    let mut last = 2;
    for c in TEXT.chars() {
        let this = class(c);
        let joins = match words.last() {
            None => false,
            Some(word) => (this == last && this != 1) || (word == " " && this != 1 && this != 2),
        };
        match words.last_mut() {
            Some(word) if joins => word.push(c),
            _ => words.push(c.to_string()),
        }
        last = this;
    }
    words.into_iter().map(String::into_bytes).collect()
}

type Units = BTreeMap<Vec<Vec<u8>>, usize>;

fn characters(words: &[Vec<u8>]) -> Units {
    let mut units = Units::new();
    for word in words {
        let chars =
            String::from_utf8_lossy(word).chars().map(|c| c.to_string().into_bytes()).collect();
        *units.entry(chars).or_default() += 1;
    }
    units
}

fn train(words: &[Vec<u8>], unit: impl Fn(u8) -> Vec<u8>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut units = Units::new();
    for word in words {
        *units.entry(word.iter().map(|&b| unit(b)).collect()).or_default() += 1;
    }
    train_units(units)
}

/// The first [`N_MERGES`] merges: the most frequent pair, the smallest among equals.
fn train_units(mut units: Units) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut merges = Vec::new();
    while merges.len() < N_MERGES {
        let mut pairs: BTreeMap<(&[u8], &[u8]), usize> = BTreeMap::new();
        for (word, count) in &units {
            for pair in word.windows(2) {
                if let [a, b] = pair {
                    *pairs.entry((a, b)).or_default() += count;
                }
            }
        }
        let best = pairs.into_iter().max_by(|x, y| x.1.cmp(&y.1).then_with(|| y.0.cmp(&x.0)));
        let Some(((a, b), _)) = best else { break };
        let (a, b) = (a.to_vec(), b.to_vec());
        units = units.into_iter().map(|(word, n)| (merged(word, &a, &b), n)).collect();
        merges.push((a, b));
    }
    merges
}

fn merged(word: Vec<Vec<u8>>, a: &[u8], b: &[u8]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::with_capacity(word.len());
    let mut glued = true;
    for unit in word {
        match out.last_mut() {
            Some(last) if !glued && last == a && unit == b => {
                last.extend(unit);
                glued = true;
            }
            _ => {
                out.push(unit);
                glued = false;
            }
        }
    }
    out
}

/// A text as byte-level vocabularies write it.
pub(crate) fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| spelled(byte)).collect()
}

/// A byte as byte-level vocabularies write it: printable Latin-1 as itself, the others from U+0100.
fn spelled(byte: u8) -> char {
    let prints = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if prints(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&b| !prints(b)).count();
    u32::try_from(before).ok().and_then(|n| char::from_u32(0x100 + n)).unwrap_or('\u{100}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn vocabularies_are_complete_and_without_duplicates() {
        for vocabulary in [Vocabulary::Bpe("llama-bpe"), Vocabulary::Spm, Vocabulary::WordPiece] {
            let mut metadata = Metadata::new();
            vocabulary.write(&mut metadata);
            let mut tokens = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap().to_vec();
            assert_eq!(tokens.len(), vocabulary.len());
            tokens.sort();
            tokens.dedup();
            assert_eq!(tokens.len(), vocabulary.len());
        }
        assert_eq!([spelled(b' '), spelled(b'\n'), spelled(b'a')], ['Ġ', 'Ċ', 'a']);
    }
}
