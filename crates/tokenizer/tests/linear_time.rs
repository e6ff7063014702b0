//! Long runs of the same character, or one long unbroken word, for every way of cutting words: no
//! more time than the length asks for, and a small stack.
//!
//! Times are bounds on the growth of the work and not a benchmark: this runs unoptimized and beside
//! other tests. A release build needs 0.6 s for the worst mebibyte on one core of a server; a
//! quadratic rule would need seconds for 64 KiB and minutes for a mebibyte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken test is to fail")]

mod support;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use support::{byte_level, files, fixtures, sentence_piece, tokenizer, word_piece};
use tokenizer::{Encode, Tokenizer};

const MIB: usize = 1 << 20;
/// wasm's default stack; ours must not grow with the text.
const STACK: usize = 1 << 20;
/// For 256 KiB and more: fifty times what it takes, a fifth of what quadratic work would.
const BOUND: Duration = Duration::from_secs(10);
/// For 64 KiB.
const RULE_BOUND: Duration = Duration::from_secs(3);
/// Text per rule: there are 90 of them.
const RULE_BYTES: usize = MIB / 16;
/// Text per real vocabulary.
const VOCAB_BYTES: usize = if cfg!(debug_assertions) { MIB / 4 } else { MIB };
const OPTIONS: Encode = Encode { add_special: true, parse_special: true };

/// Time this thread has computed (other tests share the machine), or the wall clock's where the
/// system does not say.
fn cpu_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let wall = START.get_or_init(Instant::now).elapsed();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or(wall, Duration::from_nanos)
}

/// Texts of about `n` bytes that have hurt tokenizers.
fn texts(n: usize) -> Vec<(&'static str, String)> {
    let repeated = |unit: &str| unit.repeat(n / unit.len());
    let mut state = 1_u64;
    let mut random = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
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

fn check(name: &str, tokenizer: &Tokenizer, n: usize, bound: Duration) {
    for (what, text) in texts(n) {
        let start = cpu_time();
        let ids = tokenizer.encode(&text, OPTIONS);
        let took = cpu_time() - start;
        assert!(took < bound, "{name}, {what}: {took:?} for {n} bytes");
        let n_printed: usize =
            ids.iter().filter_map(|id| tokenizer.piece(*id)).map(<[u8]>::len).sum();
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
                texts(RULE_BYTES)
                    .iter()
                    .for_each(|(_, text)| drop(tokenizer.encode(text, OPTIONS)));
            } else {
                check(pre, &tokenizer, RULE_BYTES, RULE_BOUND);
            }
        }
    });
}

#[test]
fn sentence_piece_is_linear_on_hostile_text() {
    on_small_stack(|| {
        check("spm", &Tokenizer::from_gguf(&sentence_piece()).unwrap(), VOCAB_BYTES, BOUND)
    });
}

#[test]
fn word_piece_is_linear_on_hostile_text() {
    on_small_stack(|| {
        // Text does not come back from word pieces: only time is looked at.
        let tokenizer = Tokenizer::from_gguf(&word_piece()).unwrap();
        for (what, text) in texts(VOCAB_BYTES) {
            let start = cpu_time();
            tokenizer.encode(&text, OPTIONS);
            let took = cpu_time() - start;
            assert!(took < BOUND, "{what}: {took:?}");
        }
    });
}

#[test]
fn real_vocabularies_take_long_hostile_text() {
    let test = "real_vocabularies_take_long_hostile_text";
    let Some(folder) = fixtures("tokenizers", test) else {
        return;
    };
    on_small_stack(move || {
        for path in files(&folder, ".gguf") {
            check(&path.to_string_lossy(), &tokenizer(&path), VOCAB_BYTES, BOUND);
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
        texts(n)
            .iter()
            .map(|(_, text)| (0..3).map(|_| time(text)).min().unwrap())
            .collect::<Vec<_>>()
    };
    let (half, whole) = (least(MIB / 16), least(MIB / 8));
    for ((once, twice), (what, _)) in half.iter().zip(&whole).zip(texts(8)) {
        // Below this a time is mostly noise.
        let once = (*once).max(Duration::from_millis(100));
        assert!(*twice < once * 4, "{what}: {once:?}, then {twice:?}");
    }
}
