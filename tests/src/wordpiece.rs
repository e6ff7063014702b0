//! A WordPiece vocabulary of our own, as GGUF files have them: `▁` before what begins a word,
//! nothing before what goes on.
//!
//! Words of [`corpus::TEXT`](crate::corpus::TEXT) in lower case, pieces of them, and single
//! characters; some characters begin a word and do not go on, or the other way round, so that words
//! exist which cannot be written.

use std::collections::BTreeSet;

use crate::corpus::TEXT;

/// The special tokens, in the order of their ids.
pub const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Letters of a piece that ends a word.
const ENDINGS: [&str; 8] = ["ing", "ed", "s", "er", "ly", "ness", "ment", "tion"];
/// Characters that only begin words, those that only go on, and those that do both.
const FIRST: &str = "東京москва한ᄒก\u{e51}€©²√漢字☃";
const LATER: &str = "ღ\u{301}\u{e34}ߘ";
const BOTH: &str = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()[]{}<>=+-*/\\_#$%&@^`|~ıßøæ😀";

/// Texts of all tokens.
#[must_use]
pub fn tokens() -> Vec<String> {
    let mut begins = BTreeSet::new();
    let mut goes_on: BTreeSet<String> = ENDINGS.iter().map(|&ending| ending.to_owned()).collect();
    for word in TEXT.to_lowercase().split(|c: char| !c.is_ascii_alphabetic()) {
        // Longer words are written by their beginning and what follows it.
        match word.char_indices().nth(5) {
            Some((at, _)) => {
                begins.insert(word[..at].to_owned());
                goes_on.insert(word[at..].to_owned());
            }
            None if word.is_empty() => {}
            None => drop(begins.insert(word.to_owned())),
        }
    }
    let chars = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    begins.extend(chars(FIRST).into_iter().chain(chars(BOTH)));
    goes_on.extend(chars(LATER).into_iter().chain(chars(BOTH)));
    let special = SPECIAL.iter().map(|&text| text.to_owned());
    let begins = begins.into_iter().map(|text| format!("\u{2581}{text}"));
    special.chain(begins).chain(goes_on).collect()
}
