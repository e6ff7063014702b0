//! WordPiece: words cut at spaces and punctuation, each written with the longest tokens there are.
//!
//! Text is lower-cased and loses its accents first. What happens to a character is llama.cpp's rule
//! and not that of the original code: only the first character of its decomposition is kept, marks
//! that stand alone are dropped, and symbols beyond ASCII belong to words. Characters that are
//! newer than Unicode 15.1 stay as they are, whatever the tables in use here know of them.
//!
//! In GGUF files a token that begins a word is marked with `▁`, and one that goes on has no mark
//! (`##` in the original). A word that cannot be written whole is one unknown token.
//!
//! Source: Wu et al. 2016 (arXiv:1609.08144).

use icu_normalizer::properties::{CanonicalDecompositionBorrowed, Decomposed};

use crate::error::Error;
use crate::special::Matcher;
use crate::unicode::{Class, class};
use crate::vocab::{SPACE_MARK, Vocab, limit};

/// Longest token in bytes: at each place of a text as much may be looked at. Real ones have 60.
const MAX_PIECE_BYTES: usize = 1 << 10;

/// Tokens by their text.
#[derive(Debug)]
pub(crate) struct WordPiece {
    /// All of them: unlike in other algorithms no type is left out.
    pieces: Matcher,
    unknown: u32,
}

/// What a character is to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Nothing,
    Space,
    /// A word of its own.
    Single(char),
    Part(char),
}

impl WordPiece {
    pub fn read(vocab: &Vocab, unknown: u32) -> Result<WordPiece, Error> {
        limit("bytes in one word piece", vocab.max_key_len, MAX_PIECE_BYTES)?;
        Ok(WordPiece { pieces: Matcher::of(vocab, |_| true), unknown })
    }

    /// Appends the tokens of a text without special tokens.
    pub fn encode(&self, vocab: &Vocab, text: &str, out: &mut Vec<u32>) {
        let mut word = String::from(SPACE_MARK);
        let mut finish = |word: &mut String| {
            if word.len() > SPACE_MARK.len() {
                self.word(vocab, word.as_bytes(), out);
                word.truncate(SPACE_MARK.len());
            }
        };
        for c in text.chars() {
            match role(c) {
                Role::Nothing => {}
                Role::Space => finish(&mut word),
                Role::Part(c) => word.push(c),
                Role::Single(c) => {
                    finish(&mut word);
                    word.push(c);
                    finish(&mut word);
                }
            }
        }
        finish(&mut word);
    }

    /// The longest token, then the longest of what is left.
    fn word(&self, vocab: &Vocab, word: &[u8], out: &mut Vec<u32>) {
        let n_before = out.len();
        let mut rest = word;
        while !rest.is_empty() {
            let token = self.pieces.longest(rest).and_then(|len| rest.split_at_checked(len));
            let Some((id, after)) =
                token.and_then(|(piece, after)| Some((vocab.find(piece)?, after)))
            else {
                out.truncate(n_before);
                return out.push(self.unknown);
            };
            out.push(id);
            rest = after;
        }
    }
}

fn role(c: char) -> Role {
    if class(c) == Class::Other {
        // Controls and the like, or unassigned.
        return match c {
            c if is_control(c) => Role::Nothing,
            c if is_ideograph(c) => Role::Single(c),
            c => Role::Part(c),
        };
    }
    let base = first_of_decomposition(c);
    match class(base) {
        Class::Space => Role::Space,
        Class::Mark => Role::Nothing,
        _ if base == char::REPLACEMENT_CHARACTER => Role::Nothing,
        Class::Punctuation => Role::Single(lower(base)),
        Class::Symbol if base.is_ascii() => Role::Single(lower(base)),
        _ if is_ideograph(base) => Role::Single(lower(base)),
        _ => Role::Part(lower(base)),
    }
}

/// A character without its accents; the leading consonant of a Korean syllable.
fn first_of_decomposition(mut c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let table = CanonicalDecompositionBorrowed::new();
    // The table's entries are steps. There are at most four, and none leads back.
    while let Decomposed::Singleton(first) | Decomposed::Expansion(first, _) = table.decompose(c) {
        c = first;
    }
    c
}

/// The first character of its lower case, which for one character is more.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// Controls, formats and private use; not what is unassigned, which may be a letter by now.
fn is_control(c: char) -> bool {
    c.is_control() || IGNORED.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Categories Cf and Co of Unicode 15.1.
const IGNORED: &[(char, char)] = &[
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{e000}', '\u{f8ff}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
    ('\u{f0000}', '\u{ffffd}'),
    ('\u{100000}', '\u{10fffd}'),
];

/// Chinese characters, each a word. The fifth and sixth range leave a gap that the original code
/// has not, but the one everybody uses has.
fn is_ideograph(c: char) -> bool {
    matches!(
        c,
        '\u{4e00}'..='\u{9fff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b920}'..='\u{2ceaf}'
            | '\u{f900}'..='\u{faff}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What llama.cpp 0.3.36 (its Python package) makes of every character: `a`, the character and
    /// `b` were encoded with a vocabulary of every character twice, to begin a word and to go on.
    /// The sum is Fowler–Noll–Vo over role and character, as numbers. U+2581 alone was set by hand,
    /// since it is the mark itself.
    const ROLES_OF_ALL: u64 = 0x117f_0d32_7cc7_9bb9;

    #[test]
    fn every_character_has_the_role_it_has_in_the_reference() {
        let number = |c| match role(c) {
            Role::Nothing => 0,
            Role::Space => 1 << 32,
            Role::Part(c) => 2 << 32 | u64::from(c),
            Role::Single(c) => 3 << 32 | u64::from(c),
        };
        let sum = ('\0'..=char::MAX).fold(0xcbf2_9ce4_8422_2325, |sum: u64, c| {
            (sum ^ number(c)).wrapping_mul(0x0100_0000_01b3)
        });
        assert_eq!(sum, ROLES_OF_ALL);
    }

    #[test]
    fn characters_lose_accents_and_case() {
        for (c, want) in [
            ('É', Role::Part('e')),
            ('ṩ', Role::Part('s')),
            ('\u{301}', Role::Nothing),
            ('İ', Role::Part('i')),
            ('각', Role::Part('\u{1100}')),
            ('漢', Role::Single('漢')),
            ('€', Role::Part('€')),
            ('+', Role::Single('+')),
            ('«', Role::Single('«')),
            ('\u{a0}', Role::Space),
            ('\u{200d}', Role::Nothing),
        ] {
            assert_eq!(role(c), want, "{c:?}");
        }
    }
}
