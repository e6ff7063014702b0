//! Damaged and hostile tokenizer metadata: every case a typed error or a stated meaning, no panic.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken test is to fail")]

mod support;

use gguf::{Array, Metadata, Value};
use support::{byte_level, sentence_piece, word_piece};
use tokenizer::{Encode, Error, MAX_TOKEN_BYTES, Tokenizer};

const PLAIN: Encode = Encode { add_special: false, parse_special: false };

fn refused(metadata: &Metadata) -> Error {
    let error = Tokenizer::from_gguf(metadata).map(|_| ()).unwrap_err();
    let text = error.to_string();
    assert!(text.len() > 20 && !text.ends_with('.'), "{text}");
    error
}

/// A good file with one key changed.
fn with(base: &Metadata, key: &str, value: Value) -> Metadata {
    let mut changed = base.clone();
    changed.insert(format!("tokenizer.ggml.{key}"), value);
    changed
}

fn strings<S: Into<String>>(items: impl IntoIterator<Item = S>) -> Value {
    Value::Array(Array::String(items.into_iter().map(Into::into).collect()))
}

fn n_tokens(metadata: &Metadata) -> usize {
    metadata.byte_strings("tokenizer.ggml.tokens").unwrap().unwrap().len()
}

#[test]
fn unsupported_algorithms_and_rules_are_named() {
    for model in ["BERT", "t5", "rwkv", "plamo2", "no_vocab", "GPT2", ""] {
        let error = refused(&with(&byte_level("gpt-2"), "model", Value::String(model.into())));
        assert_eq!(error, Error::UnsupportedModel { model: model.to_owned() });
    }
    for pre in ["gpt-5", "Qwen2", "default "] {
        let error = refused(&byte_level(pre));
        assert_eq!(error, Error::UnknownPre { pre: pre.to_owned() });
    }
    assert!(matches!(refused(&Metadata::new()), Error::Metadata(gguf::Error::MissingKey { .. })));
}

#[test]
fn all_supported_rules_are_accepted_by_name() {
    for pre in tokenizer::pre_tokenizers().filter(|pre| *pre != "gemma4") {
        let tokenizer = Tokenizer::from_gguf(&byte_level(pre));
        assert!(tokenizer.is_ok(), "{pre}: {:?}", tokenizer.err());
    }
    assert!(tokenizer::pre_tokenizers().count() > 80);
}

#[test]
fn an_empty_or_missing_vocabulary_is_refused() {
    for base in [byte_level("gpt-2"), sentence_piece()] {
        let none: [&str; 0] = [];
        assert_eq!(refused(&with(&base, "tokens", strings(none))), Error::EmptyVocab);
        let wrong = Value::Array(Array::U32(vec![1, 2, 3]));
        let error = refused(&with(&base, "tokens", wrong));
        assert!(matches!(error, Error::Metadata(gguf::Error::KeyType { .. })), "{error}");
    }
    let mut no_merges = Metadata::new();
    for (key, value) in byte_level("gpt-2").iter().filter(|(key, _)| !key.ends_with("merges")) {
        no_merges.insert(key, value.clone());
    }
    assert!(matches!(refused(&no_merges), Error::Metadata(gguf::Error::MissingKey { .. })));
}

#[test]
fn scores_must_be_floats_or_int32_one_for_each_token() {
    let base = sentence_piece();
    let n = n_tokens(&base);
    let error = refused(&with(&base, "scores", Value::Array(Array::U8(vec![0; n]))));
    assert!(matches!(error, Error::Metadata(gguf::Error::KeyType { .. })), "{error}");
    let error = refused(&with(&base, "scores", Value::Array(Array::F32(vec![0.0; n - 1]))));
    assert_eq!(error, Error::TooShort { key: "tokenizer.ggml.scores", need: n, have: n - 1 });
    let mut scores = vec![0.0; n];
    scores[7] = f32::NAN;
    let error = refused(&with(&base, "scores", Value::Array(Array::F32(scores))));
    assert_eq!(error, Error::Score { id: 7 });
    let whole = with(&base, "scores", Value::Array(Array::I32(vec![-1; n])));
    assert!(Tokenizer::from_gguf(&whole).is_ok());
}

#[test]
fn token_types_must_exist_one_for_each_token() {
    for base in [byte_level("gpt-2"), sentence_piece()] {
        let n = n_tokens(&base);
        let error = refused(&with(&base, "token_type", Value::Array(Array::I32(vec![1; n - 1]))));
        assert_eq!(
            error,
            Error::TooShort { key: "tokenizer.ggml.token_type", need: n, have: n - 1 }
        );
        for value in [99, -1, 7] {
            let mut types = vec![1; n];
            types[3] = value;
            let error = refused(&with(&base, "token_type", Value::Array(Array::I32(types))));
            assert_eq!(error, Error::TokenType { id: 3, value });
        }
    }
}

#[test]
fn special_ids_must_be_in_the_vocabulary() {
    for base in [byte_level("gpt-2"), sentence_piece()] {
        let n_vocab = n_tokens(&base);
        let id = u32::try_from(n_vocab).unwrap();
        for key in ["bos", "eos", "eot", "eom", "padding", "unknown", "fim_pad"] {
            let name = format!("{key}_token_id");
            match refused(&with(&base, &name, Value::U32(id))) {
                Error::SpecialId { key, id: got, .. } => {
                    assert_eq!((key, got), (format!("tokenizer.ggml.{name}").as_str(), id));
                }
                other => panic!("{other}"),
            }
            let error = refused(&with(&base, &name, Value::I32(-1)));
            assert!(matches!(error, Error::Metadata(gguf::Error::KeyRange { .. })), "{error}");
        }
    }
    // A file may name none: then nothing is added and nothing ends a generation by id.
    let mut bare = Metadata::new();
    for (key, value) in byte_level("llama-bpe").iter().filter(|(key, _)| !key.ends_with("_id")) {
        bare.insert(key, value.clone());
    }
    let tokenizer = Tokenizer::from_gguf(&bare).unwrap();
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.adds_bos()), (None, None, false));
    let both = Encode { add_special: true, parse_special: true };
    assert_eq!(tokenizer.encode("", both), []);
}

#[test]
fn a_word_piece_vocabulary_has_its_special_tokens_and_short_pieces() {
    let tokenizer = Tokenizer::from_gguf(&word_piece()).unwrap();
    let special = Encode { add_special: true, parse_special: true };
    assert_eq!(tokenizer.encode("Hello ab!aabb[SEP]", special), [2, 8, 7, 9, 5, 11, 12, 12, 3, 3]);
    assert_eq!((tokenizer.bos(), tokenizer.separator()), (Some(2), Some(3)));
    // Where the file names none, they are where BERT has them, which is beyond this vocabulary.
    for (name, id) in [("bos", 101), ("unknown", 100), ("seperator", 102)] {
        let key = format!("tokenizer.ggml.{name}_token_id");
        let mut without = Metadata::new();
        for (other, value) in word_piece().iter().filter(|(other, _)| *other != key) {
            without.insert(other, value.clone());
        }
        match refused(&without) {
            Error::SpecialId { key: got, id: at, .. } => assert_eq!((got, at), (key.as_str(), id)),
            other => panic!("{other}"),
        }
    }
    let base = word_piece();
    let mut tokens: Vec<String> = (0..n_tokens(&base)).map(|i| format!("t{i}")).collect();
    tokens[9] = "a".repeat(1025);
    let error = refused(&with(&base, "tokens", strings(tokens)));
    assert!(matches!(error, Error::Limit { what: "bytes in one word piece", .. }), "{error}");
}

#[test]
fn merges_must_be_two_parts() {
    let base = byte_level("gpt-2");
    for (merge, index) in [("ab", 1), ("", 1), (" ", 1), ("\u{4e00} a", 1)] {
        let error = refused(&with(&base, "merges", strings(["h e", merge])));
        assert!(
            matches!(&error, Error::Merge { index: i, .. } if *i == index),
            "{merge:?}: {error}"
        );
    }
    // Parts that are no tokens are merged like others and then written byte by byte: "he" is not a
    // token here, so "hel" neither is one in the end.
    let tokens = ["h", "e", "l", "o"];
    let mut short = with(&base, "tokens", strings(tokens));
    for (key, value) in [("bos_token_id", 0), ("eos_token_id", 0)] {
        short = with(&short, key, Value::U32(value));
    }
    let short = with(&short, "merges", strings(["h e", "he l"]));
    let tokenizer = Tokenizer::from_gguf(&short).unwrap();
    assert_eq!(tokenizer.encode("helo", PLAIN), [0, 1, 2, 3]);
    assert_eq!(tokenizer.encode("h\u{e9}z", PLAIN), [0], "bytes without a token are left out");
}

#[test]
fn counts_and_lengths_are_limited() {
    let base = byte_level("gpt-2");
    let many = vec![String::from("h e"); tokenizer::MAX_MERGES + 1];
    let error = refused(&with(&base, "merges", strings(many)));
    assert!(matches!(error, Error::Limit { what: "merges", .. }), "{error}");
    for base in [base, sentence_piece()] {
        let mut tokens = vec!["a".repeat(MAX_TOKEN_BYTES + 1)];
        tokens.extend((1..n_tokens(&base)).map(|i| format!("t{i}")));
        let error = refused(&with(&base, "tokens", strings(tokens)));
        assert!(matches!(error, Error::Limit { what: "bytes in one token", .. }), "{error}");
    }
}

#[test]
fn odd_tokens_have_a_meaning() {
    let base = sentence_piece();
    let n = n_tokens(&base);
    // Duplicates: the later is found. Empty: never found, prints nothing. Not UTF-8: only printed.
    let names = (0..n).map(|i| match i {
        10 | 20 => b"aa".to_vec(),
        11 => Vec::new(),
        12 => vec![0xff, 0xfe],
        13 => b"a".to_vec(),
        _ => format!("token{i}").into_bytes(),
    });
    let odd = with(&base, "tokens", Value::Array(Array::Bytes(names.collect())));
    let odd = with(&odd, "token_type", Value::Array(Array::I32(vec![1; n])));
    let odd = with(&odd, "add_space_prefix", Value::Bool(false));
    let tokenizer = Tokenizer::from_gguf(&odd).unwrap();
    assert_eq!(tokenizer.encode("aa", PLAIN), [20]);
    assert_eq!(tokenizer.decode(&[10, 11, 20]), "aaaa");
    assert_eq!(tokenizer.decode(&[12]), "\u{fffd}\u{fffd}");
    assert_eq!(tokenizer.token_text(12), None);
    assert_eq!(tokenizer.piece(12), Some([0xff, 0xfe].as_slice()));
    // No bytes in the vocabulary: what is not in it is the unknown token.
    assert_eq!(tokenizer.encode("z", PLAIN), [0]);
}

#[test]
fn ids_outside_the_vocabulary_are_seen_and_not_followed() {
    for base in [byte_level("gpt-2"), sentence_piece()] {
        let tokenizer = Tokenizer::from_gguf(&base).unwrap();
        for id in [u32::try_from(n_tokens(&base)).unwrap(), u32::MAX] {
            assert_eq!(tokenizer.piece(id), None);
            assert_eq!(tokenizer.token_text(id), None);
            assert!(!tokenizer.is_end(id) && !tokenizer.is_control(id));
            assert_eq!(tokenizer.decode(&[id]), "\u{fffd}");
        }
    }
}
