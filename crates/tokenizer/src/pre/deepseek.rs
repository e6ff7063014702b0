//! The rules of the DeepSeek models, and Kimi K2's.
//!
//! DeepSeek LLM lists its letters range by range (the cased scripts of an old Unicode version);
//! DeepSeek V3 and what followed it use classes. Kimi K2's rule was never written as one expression
//! in the file format; it is V3-like with Han text cut off first.

use super::gpt2::{is_other, spaces};
use super::sets::{Ranges, is_in};
use super::words::{digits, joined_contraction, white_space};
use super::{by_match, char_at, run, some, some_after};
use crate::unicode::{Class, class};

/// Letters of the scripts that have case.
#[rustfmt::skip]
const CASED: Ranges = &[
    (0x0041, 0x005a), (0x0061, 0x007a), (0x00b5, 0x00b5), (0x00c0, 0x00d6), (0x00d8, 0x00f6),
    (0x00f8, 0x01ba), (0x01bc, 0x01bf), (0x01c4, 0x0293), (0x0295, 0x02af), (0x0370, 0x0373),
    (0x0376, 0x0376), (0x0377, 0x0377), (0x037b, 0x037d), (0x037f, 0x037f), (0x0386, 0x0386),
    (0x0388, 0x038a), (0x038c, 0x038c), (0x038e, 0x03a1), (0x03a3, 0x03f5), (0x03f7, 0x0481),
    (0x048a, 0x052f), (0x0531, 0x0556), (0x10a0, 0x10c5), (0x13a0, 0x13f5), (0x13f8, 0x13fd),
    (0x1c90, 0x1cba), (0x1cbd, 0x1cbf), (0x1d00, 0x1d2b), (0x1d6b, 0x1d77), (0x1d79, 0x1d9a),
    (0x1e00, 0x1f15), (0x1f18, 0x1f1d), (0x1f20, 0x1f45), (0x1f48, 0x1f4d), (0x1f50, 0x1f57),
    (0x1f59, 0x1f59), (0x1f5b, 0x1f5b), (0x1f5d, 0x1f5d), (0x1f5f, 0x1f7d), (0x1f80, 0x1fb4),
    (0x1fb6, 0x1fbc), (0x1fbe, 0x1fbe), (0x1fc2, 0x1fc4), (0x1fc6, 0x1fcc), (0x1fd0, 0x1fd3),
    (0x1fd6, 0x1fdb), (0x1fe0, 0x1fec), (0x1ff2, 0x1ff4), (0x1ff6, 0x1ffc), (0x2102, 0x2102),
    (0x2107, 0x2107), (0x210a, 0x2113), (0x2115, 0x2115), (0x2119, 0x211d), (0x2124, 0x2124),
    (0x2126, 0x2126), (0x2128, 0x2128), (0x212a, 0x212d), (0x212f, 0x2134), (0x2139, 0x2139),
    (0x213c, 0x213f), (0x2145, 0x2149), (0x214e, 0x214e), (0x2183, 0x2183), (0x2184, 0x2184),
    (0x2c00, 0x2c7b), (0x2c7e, 0x2ce4), (0x2ceb, 0x2cee), (0x2cf2, 0x2cf2), (0x2cf3, 0x2cf3),
    (0xa640, 0xa66d), (0xa680, 0xa69b), (0xa722, 0xa76f), (0xa771, 0xa787), (0xa78b, 0xa78e),
    (0xab70, 0xabbf), (0xfb00, 0xfb06), (0xfb13, 0xfb17), (0xff21, 0xff3a), (0xff41, 0xff5a),
    (0x10400, 0x1044f), (0x104b0, 0x104d3), (0x104d8, 0x104fb), (0x10c80, 0x10cb2),
    (0x10cc0, 0x10cf2), (0x118a0, 0x118df), (0x1e900, 0x1e943),
];
/// `[!-/:-~！-／：-～‘-‟　-。]`
const MARKS: Ranges = &[
    (0x21, 0x2f),
    (0x3a, 0x7e),
    (0x2018, 0x201f),
    (0x3000, 0x3002),
    (0xff01, 0xff0f),
    (0xff1a, 0xff5e),
];
/// Han with its extensions and compatibility forms.
const HAN: Ranges = &[
    (0x3400, 0x4dbf),
    (0x4e00, 0x9fff),
    (0xf900, 0xfaff),
    (0x20000, 0x2a6df),
    (0x2a700, 0x2ebef),
    (0x2f800, 0x2fa1f),
];

/// `\s?` and letters of cased scripts.
pub(super) fn cased_letters(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        some_after(text, pos, |c| class(c) == Class::Space, |c| is_in(c, CASED))
    });
}

/// `\s?[!-/:-~！-／：-～‘-‟　-。]+`
pub(super) fn marks(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        some_after(text, pos, |c| class(c) == Class::Space, |c| is_in(c, MARKS))
    });
}

/// Words of V3:
/// ```text
/// [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*
/// |\s*[\r\n]+|\s+(?!\S)|\s+
/// ```
pub(super) fn v3(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| match word(text, pos) {
        Some(end) => Some(end),
        None => match some_after(text, pos, |c| c == ' ', is_mark) {
            Some(end) => Some(run(text, end, |c| matches!(c, '\r' | '\n'))),
            None => white_space(text, pos),
        },
    });
}

/// V3 without line breaks at the end of punctuation, and each break by itself.
pub(super) fn spark(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        word(text, pos).or_else(|| some_after(text, pos, |c| c == ' ', is_mark)).or_else(|| {
            match char_at(text, pos) {
                Some(('\r' | '\n', next)) => Some(next),
                _ => spaces(text, pos),
            }
        })
    });
}

fn is_mark(c: char) -> bool {
    matches!(class(c), Class::Punctuation | Class::Symbol)
}

/// The alternatives with letters.
fn word(text: &str, pos: usize) -> Option<usize> {
    let (first, next) = char_at(text, pos)?;
    if first.is_ascii_punctuation()
        && let Some(end) = some(text, next, |c| c.is_ascii_alphabetic())
    {
        return Some(end);
    }
    let is_prefix = |c: char| {
        !matches!(c, '\r' | '\n')
            && !matches!(class(c), Class::Letter | Class::Punctuation | Class::Symbol)
    };
    some_after(text, pos, is_prefix, |c| matches!(class(c), Class::Letter | Class::Mark))
}

/// Kimi K2: Han, words with their contraction, digits by three, everything else, white space.
pub(super) fn kimi_k2(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, kimi_word);
}

fn kimi_word(text: &str, pos: usize) -> Option<usize> {
    if let Some(end) = some(text, pos, |c| is_in(c, HAN)) {
        return Some(end);
    }
    let (first, _) = char_at(text, pos)?;
    let is_prefix =
        |c: char| !matches!(c, '\r' | '\n') && !matches!(class(c), Class::Letter | Class::Number);
    let is_letter = |c: char| class(c) == Class::Letter && !is_in(c, HAN);
    if let Some(end) = some_after(text, pos, is_prefix, is_letter) {
        return Some(joined_contraction(text, end));
    }
    if class(first) == Class::Number {
        return Some(digits(text, pos, 3));
    }
    match some_after(text, pos, |c| c == ' ', is_other) {
        Some(end) => Some(run(text, end, |c| matches!(c, '\r' | '\n'))),
        None => white_space(text, pos),
    }
}
