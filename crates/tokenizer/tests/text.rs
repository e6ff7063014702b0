//! From text to tokens and back, whole and in a stream.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken test is to fail")]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use support::{byte_level, files, fixtures, sentence_piece, tokenizer};
use tokenizer::{Detokenizer, Encode, Tokenizer};

const PLAIN: Encode = Encode { add_special: false, parse_special: false };
const SPECIAL: Encode = Encode { add_special: true, parse_special: true };

fn streamed(tokenizer: &Arc<Tokenizer>, ids: &[u32]) -> Vec<String> {
    let mut detokenizer = Detokenizer::from_start(Arc::clone(tokenizer));
    let mut pieces: Vec<_> = ids.iter().map(|id| detokenizer.push(*id)).collect();
    pieces.push(detokenizer.finish());
    pieces
}

#[test]
fn a_tokenizer_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Tokenizer>();
}

#[test]
fn special_tokens_are_found_only_where_they_are_asked_for() {
    let tokenizer = Tokenizer::from_gguf(&byte_level("gpt-2")).unwrap();
    let (begin, end) = (tokenizer.bos().unwrap(), tokenizer.eos().unwrap());
    let tool = begin + 1;
    assert_eq!(tokenizer.encode("<|end|>", SPECIAL), [end]);
    assert_eq!(tokenizer.encode("<tool><|end|><|end|>", SPECIAL), [tool, end, end]);
    assert!(!tokenizer.encode("<|end|>", PLAIN).contains(&end));
    assert_eq!(tokenizer.decode(&tokenizer.encode("<|end|>", PLAIN)), "<|end|>");
    // A user-defined token is one also in plain text.
    assert_eq!(tokenizer.encode("<tool>", PLAIN), [tool]);
    assert_eq!(tokenizer.encode("", SPECIAL), []);
    assert!(tokenizer.is_end(end) && !tokenizer.is_end(begin) && tokenizer.is_control(begin));
    assert!(!tokenizer.is_control(tool));
}

#[test]
fn text_shows_no_control_tokens_unless_it_is_to() {
    let tokenizer = Arc::new(Tokenizer::from_gguf(&byte_level("llama-bpe")).unwrap());
    let ids = tokenizer.encode("hello<|end|>", SPECIAL);
    assert_eq!(ids.first().copied(), tokenizer.bos());
    assert_eq!(tokenizer.decode(&ids), "hello");
    assert_eq!(tokenizer.decode_with(&ids, true), "<|begin|>hello<|end|>");
    let mut shown = Detokenizer::new(Arc::clone(&tokenizer)).with_special(true);
    assert_eq!(shown.push(tokenizer.eos().unwrap()), "<|end|>");
    let (begin, end) = (tokenizer.bos().unwrap(), tokenizer.eos().unwrap());
    let mut one = Detokenizer::new(Arc::clone(&tokenizer)).showing(vec![end]);
    assert_eq!((one.push(begin), one.push(end)), (String::new(), "<|end|>".to_owned()));
}

#[test]
fn control_tokens_have_a_text_and_add_none() {
    let tokenizer = Tokenizer::from_gguf(&byte_level("gpt-2")).unwrap();
    let (begin, end) = (tokenizer.bos().unwrap(), tokenizer.eos().unwrap());
    for (text, control) in [
        ("<|begin|>", Some(begin)),
        ("<|end|>", Some(end)),
        ("<|end|><|end|>", None),
        ("<tool>", None),
        ("h", None),
        ("", None),
    ] {
        assert_eq!(tokenizer.control(text), control, "{text}");
    }
    let letter = tokenizer.encode("h", PLAIN)[0];
    for (id, bytes) in [
        (end, Some(&b""[..])),
        (begin + 1, Some(b"<tool>")),
        (letter, Some(b"h")),
        (u32::MAX, None),
    ] {
        assert_eq!(tokenizer.text_bytes(id), bytes, "{id}");
    }
}

#[test]
fn the_space_before_a_text_is_taken_back_and_no_other() {
    let tokenizer = Arc::new(Tokenizer::from_gguf(&sentence_piece()).unwrap());
    let ids = tokenizer.encode("hello", SPECIAL);
    assert_eq!(tokenizer.token_text(ids[1]), Some("▁hello"));
    assert_eq!(ids[0], 1);
    for text in ["hello", " hello", "  hello ", "", " ", "hello hello"] {
        assert_eq!(tokenizer.decode(&tokenizer.encode(text, SPECIAL)), text);
    }
    // An answer goes on from other text: its first space is its own.
    let mut answer = Detokenizer::new(Arc::clone(&tokenizer));
    assert_eq!(answer.push(ids[1]), " hello");
}

#[test]
fn a_character_over_several_tokens_comes_whole() {
    let tokenizer = Arc::new(Tokenizer::from_gguf(&sentence_piece()).unwrap());
    let ids = tokenizer.encode("😀", PLAIN);
    assert_eq!(ids.len(), 5, "a space and four bytes");
    assert_eq!(streamed(&tokenizer, &ids), ["", "", "", "", "😀", ""]);
    // Cut off, or followed by something else, it cannot become one.
    assert_eq!(streamed(&tokenizer, &ids[..4]).concat(), "\u{fffd}");
    let cut = [&ids[..4], &tokenizer.encode("a", PLAIN)[1..]].concat();
    let pieces = streamed(&tokenizer, &cut);
    assert_eq!(pieces.concat(), "\u{fffd}a");
    assert_eq!(pieces[4], "\u{fffd}a");
}

#[test]
fn every_token_and_many_pairs_of_real_vocabularies_decode() {
    let test = "every_token_and_many_pairs_of_real_vocabularies_decode";
    let Some(folder) = fixtures("tokenizers", test) else {
        return;
    };
    for path in files(&folder, ".gguf") {
        let tokenizer = Arc::new(tokenizer(&path));
        let n = u32::try_from(tokenizer.n_vocab()).unwrap();
        for id in 0..n {
            assert!(tokenizer.piece(id).is_some() && tokenizer.token_text(id).is_some());
            assert_eq!(streamed(&tokenizer, &[id]).concat(), tokenizer.decode(&[id]));
        }
        let sample: Vec<u32> = (0..2000).map(|i| i * (n / 2000)).collect();
        for pair in sample.windows(2) {
            assert_eq!(streamed(&tokenizer, pair).concat(), tokenizer.decode(pair));
        }
        assert_eq!(streamed(&tokenizer, &sample).concat(), tokenizer.decode(&sample));
    }
}

#[test]
fn real_text_comes_back_from_every_real_vocabulary() {
    let test = "real_text_comes_back_from_every_real_vocabulary";
    let Some(folder) = fixtures("tokenizers", test) else {
        return;
    };
    let Some(texts) = fixtures("text", test) else {
        return;
    };
    let text = std::fs::read_to_string(files(&texts, ".txt").first().unwrap()).unwrap();
    let text: String =
        text.chars().take(200_000).chain("  \n\n😀 漢字 \u{301}\0".chars()).collect();
    for path in files(&folder, ".gguf") {
        let tokenizer = tokenizer(&path);
        let ids = tokenizer.encode(&text, PLAIN);
        assert_eq!(tokenizer.decode(&ids), text, "{}", path.display());
    }
}

/// Strings of characters that rules treat apart.
fn texts() -> impl Strategy<Value = String> {
    let chars = prop::sample::select(
        " \n\t\r'.!/$<>|_09aAbeTvélñЖ漢한\u{301}\u{3000}\u{85}😀\0\u{378}"
            .chars()
            .collect::<Vec<_>>(),
    );
    prop_oneof![
        any::<String>(),
        prop::collection::vec(chars, 0..60).prop_map(|chars| chars.into_iter().collect()),
    ]
}

thread_local! {
    /// One tokenizer for every rule that works on bytes: building them is the slow part.
    static RULES: Vec<(&'static str, Tokenizer)> = tokenizer::pre_tokenizers()
        .filter(|pre| !matches!(*pre, "gemma4" | "granite-embed-multi-311m" | "sarvam-moe"))
        .map(|pre| (pre, Tokenizer::from_gguf(&byte_level(pre)).unwrap()))
        .collect();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn byte_level_text_comes_back(text in texts()) {
        let backs = RULES.with(|rules| {
            let back = |t: &Tokenizer| t.decode_with(&t.encode(&text, PLAIN), true);
            rules.iter().map(|(pre, tokenizer)| (*pre, back(tokenizer))).collect::<Vec<_>>()
        });
        for (pre, back) in backs {
            prop_assert_eq!(&back, &text, "{}", pre);
        }
    }

    #[test]
    fn sentence_piece_text_comes_back(text in texts()) {
        let tokenizer = Tokenizer::from_gguf(&sentence_piece()).unwrap();
        let back = tokenizer.decode_with(&tokenizer.encode(&text, PLAIN), true);
        // The mark itself is a space to the vocabulary.
        prop_assert_eq!(back, text.replace('\u{2581}', " "));
    }

    #[test]
    fn a_stream_has_the_bytes_of_its_tokens(ids in prop::collection::vec(0_u32..320, 0..40)) {
        for metadata in [byte_level("gpt-2"), sentence_piece()] {
            let tokenizer = Arc::new(Tokenizer::from_gguf(&metadata).unwrap());
            let pieces = streamed(&tokenizer, &ids);
            prop_assert_eq!(pieces.concat(), tokenizer.decode(&ids));
            let mut detokenizer = Detokenizer::new(Arc::clone(&tokenizer)).with_special(true);
            let mut text: String = ids.iter().map(|id| detokenizer.push(*id)).collect();
            text.push_str(&detokenizer.finish());
            let bytes = ids.iter().map(|id| tokenizer.piece(*id).unwrap_or("\u{fffd}".as_bytes()));
            let bytes: Vec<u8> = bytes.flatten().copied().collect();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
