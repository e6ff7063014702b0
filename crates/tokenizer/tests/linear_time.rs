//! One mebibyte of the same character, or of one unbroken word, for every way of cutting words: about
//! a second at most, twice the text at most 2.5 times the time, and a small stack.
//!
//! Times are bounds on the growth of the work and not a benchmark: this runs unoptimized and beside
//! other tests, so the bound is several times what a release build needs (at most 0.6 s).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken test is to fail")]

mod support;

use std::time::{Duration, Instant};

use support::{byte_level, files, fixtures, sentence_piece, tokenizer};
use tokenizer::{Encode, Tokenizer};

const MIB: usize = 1 << 20;
/// wasm's default stack; ours must not grow with the text.
const STACK: usize = 1 << 20;
const BOUND: Duration = Duration::from_secs(8);
const OPTIONS: Encode = Encode { add_special: true, parse_special: true };

/// Texts of about `n` bytes that have hurt tokenizers.
fn texts(n: usize) -> Vec<(&'static str, String)> {
    let repeated = |unit: &str| unit.repeat(n / unit.len());
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
    };
    vec![
        ("one letter", repeated("A")),
        ("line breaks", repeated("\n")),
        ("spaces", repeated(" ")),
        ("spaces and a letter", repeated(" ") + "a"),
        ("digits", repeated("7")),
        ("one Han character", repeated("漢")),
        ("combining marks", repeated("\u{301}")),
        ("unassigned", repeated("\u{378}")),
        ("merges in a chain", repeated("ab")),
        ("change of case", repeated("aA")),
        ("beginnings of special tokens", repeated("<|")),
        ("one random word", (0..n).map(|_| random()).collect()),
    ]
}

fn check(name: &str, tokenizer: &Tokenizer, n: usize) {
    for (what, text) in texts(n) {
        let start = Instant::now();
        let ids = tokenizer.encode(&text, OPTIONS);
        let took = start.elapsed();
        assert!(took < BOUND, "{name}, {what}: {took:?} for {n} bytes");
        let n_printed: usize = ids.iter().filter_map(|id| tokenizer.piece(*id)).map(<[u8]>::len).sum();
        assert!(n_printed >= text.len(), "{name}, {what}: bytes are missing");
    }
}

/// Runs on a thread with the stack of a browser.
fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap();
}

#[test]
fn every_rule_is_linear_on_hostile_text() {
    on_small_stack(|| {
        for pre in tokenizer::pre_tokenizers().filter(|pre| *pre != "gemma4") {
            let plain = matches!(pre, "granite-embed-multi-311m" | "sarvam-moe");
            let tokenizer = Tokenizer::from_gguf(&byte_level(pre)).unwrap();
            if plain {
                // A byte-level vocabulary is not one of plain text: only time is looked at.
                texts(MIB / 4).iter().for_each(|(_, text)| drop(tokenizer.encode(text, OPTIONS)));
            } else {
                check(pre, &tokenizer, MIB / 4);
            }
        }
    });
}

#[test]
fn sentence_piece_is_linear_on_hostile_text() {
    on_small_stack(|| check("spm", &Tokenizer::from_gguf(&sentence_piece()).unwrap(), MIB));
}

#[test]
fn real_vocabularies_take_a_mebibyte_of_hostile_text() {
    let test = "real_vocabularies_take_a_mebibyte_of_hostile_text";
    let Some(folder) = fixtures("tokenizers", test) else { return };
    on_small_stack(move || {
        for path in files(&folder, ".gguf") {
            check(&path.to_string_lossy(), &tokenizer(&path), MIB);
        }
    });
}

#[test]
fn twice_the_text_takes_about_twice_the_time() {
    let tokenizer = Tokenizer::from_gguf(&byte_level("llama-bpe")).unwrap();
    let least = |n: usize| {
        let time = |text: &String| {
            let start = Instant::now();
            tokenizer.encode(text, OPTIONS);
            start.elapsed()
        };
        // The least of several is the one that was disturbed least.
        texts(n).iter().map(|(_, text)| (0..3).map(|_| time(text)).min().unwrap()).collect::<Vec<_>>()
    };
    let (half, whole) = (least(MIB / 4), least(MIB / 2));
    for ((once, twice), (what, _)) in half.iter().zip(&whole).zip(texts(8)) {
        // Below this a time is mostly noise.
        let once = (*once).max(Duration::from_millis(20));
        assert!(*twice < once * 4, "{what}: {once:?}, then {twice:?}");
    }
}
