//! Where fixtures are, and a small vocabulary of our own for tests that need none.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken test is to fail")]
#![allow(dead_code, reason = "every test file uses another part")]

use std::path::{Path, PathBuf};

use gguf::{Array, Gguf, Metadata, Value};
use tokenizer::Tokenizer;

/// A folder of the fixtures, if they are here; says so where they are not.
pub fn fixtures(folder: &str, test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let root = std::env::var_os("INGLE_FIXTURES").map_or(beside, PathBuf::from);
    let found = root.join(folder);
    if found.is_dir() {
        return Some(found);
    }
    println!("SKIPPED {test}: no fixtures");
    None
}

/// All files in a folder with this ending, sorted.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = |path: &PathBuf| path.to_string_lossy().ends_with(ending);
    let mut files: Vec<_> = entries.filter(wanted).collect();
    files.sort();
    files
}

/// The metadata of a GGUF file.
pub fn metadata(path: &Path) -> Metadata {
    Gguf::open(Box::new(std::fs::read(path).unwrap())).unwrap().metadata
}

/// The tokenizer of a GGUF file.
pub fn tokenizer(path: &Path) -> Tokenizer {
    Tokenizer::from_gguf(&metadata(path)).unwrap()
}

/// GPT-2's spelling of one byte, from its definition and not from the code under test.
pub fn spell(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let n_before = (0..byte).filter(|b| !printable(*b)).count();
    char::from_u32(0x100 + u32::try_from(n_before).unwrap()).unwrap()
}

fn strings(items: &[String]) -> Value {
    Value::Array(Array::String(items.to_vec()))
}

/// A byte-level vocabulary: all bytes, pairs of letters that merge in a long chain, and three
/// special tokens at the end.
pub fn byte_level(pre: &str) -> Metadata {
    let mut tokens: Vec<String> = (0..=255).map(|byte| spell(byte).to_string()).collect();
    let mut types = vec![1; 256];
    let mut merges = Vec::new();
    let mut merge = |left: &str, right: &str, tokens: &mut Vec<String>| {
        merges.push(format!("{left} {right}"));
        tokens.push(format!("{left}{right}"));
    };
    for pair in ["ab", "ll", "he", "Ġa", "ĠĠ", "ĊĊ", "12", "AA", "漢"] {
        let bytes: Vec<char> = if pair == "漢" {
            pair.bytes().map(spell).take(2).collect()
        } else {
            pair.chars().collect()
        };
        merge(&bytes[0].to_string(), &bytes[1].to_string(), &mut tokens);
    }
    for doubled in ["ab", "AA", "ĠĠ", "ĊĊ"] {
        let mut whole = doubled.to_owned();
        for _ in 0..4 {
            merge(&whole.clone(), &whole.clone(), &mut tokens);
            whole = format!("{whole}{whole}");
        }
    }
    merge("he", "ll", &mut tokens);
    merge("hell", "o", &mut tokens);
    types.resize(tokens.len(), 1);
    for (text, kind) in [("<|end|>", 3), ("<|begin|>", 3), ("<tool>", 4)] {
        tokens.push(text.to_owned());
        types.push(kind);
    }
    let mut metadata = Metadata::new();
    metadata.insert("tokenizer.ggml.model", Value::String("gpt2".into()));
    metadata.insert("tokenizer.ggml.pre", Value::String(pre.into()));
    metadata.insert(
        "tokenizer.ggml.bos_token_id",
        Value::U32(u32::try_from(tokens.len() - 2).unwrap()),
    );
    metadata.insert(
        "tokenizer.ggml.eos_token_id",
        Value::U32(u32::try_from(tokens.len() - 3).unwrap()),
    );
    metadata.insert("tokenizer.ggml.tokens", strings(&tokens));
    metadata.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    metadata.insert("tokenizer.ggml.merges", strings(&merges));
    metadata
}

/// A WordPiece vocabulary: the special tokens, some words and pieces.
pub fn word_piece() -> Metadata {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let words = ["▁a", "▁b", "▁ab", "▁hello", "▁!", "▁漢", "a", "b", "aa", "aaaa", "ll", "o", "▁"];
    let tokens: Vec<String> = special.iter().chain(&words).map(|t| (*t).to_owned()).collect();
    let mut types = vec![3; special.len()];
    types.resize(tokens.len(), 1);
    let mut metadata = Metadata::new();
    metadata.insert("tokenizer.ggml.model", Value::String("bert".into()));
    metadata.insert("tokenizer.ggml.tokens", strings(&tokens));
    metadata.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    for (key, id) in [("unknown", 1), ("bos", 2), ("seperator", 3)] {
        metadata.insert(format!("tokenizer.ggml.{key}_token_id"), Value::U32(id));
    }
    metadata
}

/// A SentencePiece vocabulary: the usual first three tokens, all bytes, and some words.
pub fn sentence_piece() -> Metadata {
    let mut tokens = vec!["<unk>".to_owned(), "<s>".to_owned(), "</s>".to_owned()];
    tokens.extend((0..=255).map(|byte: u8| format!("<0x{byte:02X}>")));
    let mut types = vec![2, 3, 3];
    types.resize(tokens.len(), 6);
    let mut scores = vec![0.0; tokens.len()];
    let words = [
        "▁",
        "h",
        "e",
        "l",
        "o",
        "a",
        "b",
        "ll",
        "he",
        "▁he",
        "llo",
        "▁hello",
        "ab",
        "abab",
        "aa",
        "aaaa",
        "▁▁",
        "▁▁▁▁",
        "é",
        "漢",
    ];
    for (rank, word) in (1_u8..).zip(words) {
        tokens.push(word.to_owned());
        types.push(1);
        scores.push(-f32::from(rank));
    }
    tokens.push("<|im_end|>".to_owned());
    types.push(4);
    scores.push(0.0);
    let mut metadata = Metadata::new();
    metadata.insert("tokenizer.ggml.model", Value::String("llama".into()));
    metadata.insert("tokenizer.ggml.tokens", strings(&tokens));
    metadata.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    metadata.insert("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
    metadata
}
