//! Stages that cut out runs of one set of characters, with or without the space before them.
//!
//! Sets are spelled as inclusive ranges of code points, ascending. White space outside ASCII that a
//! range happens to span (U+3000 between U+0800 and U+4E00) is not in the set: it only ever matches
//! where a rule says `\s`.

use super::{by_match, char_at, emit_range, run, some, some_after};
use crate::unicode::{Class, class};

/// Inclusive ranges of code points, ascending and disjoint.
pub(super) type Ranges = &'static [(u32, u32)];

/// Whether a character is in the set.
pub(super) fn is_in(c: char, set: Ranges) -> bool {
    let point = c as u32;
    let below = set.partition_point(|(first, _)| *first <= point);
    set.get(below.wrapping_sub(1)).is_some_and(|(_, last)| point <= *last)
        && (c.is_ascii() || class(c) != Class::Space)
}

/// `[一-龥ࠀ-一가-퟿]`
const EAST_ASIAN: Ranges = &[(0x0800, 0x9fa5), (0xac00, 0xd7ff)];
/// `[一-龥぀-ゟ゠-ヿ]`
const HAN_KANA: Ranges = &[(0x3040, 0x30ff), (0x4e00, 0x9fa5)];
/// `[가-힣ㄱ-ㆎ]`
const HANGUL: Ranges = &[(0x3131, 0x318e), (0xac00, 0xd7a3)];
/// `[！…“”‘’—：；，、-〿︰-﹏]`
const EAST_ASIAN_MARKS: Ranges = &[
    (0x2014, 0x2014),
    (0x2018, 0x2019),
    (0x201c, 0x201d),
    (0x2026, 0x2026),
    (0x3001, 0x303f),
    (0xfe30, 0xfe4f),
    (0xff01, 0xff01),
    (0xff0c, 0xff0c),
    (0xff1a, 0xff1b),
];
/// `[ㄅ-ㄯ]`
const BOPOMOFO: Ranges = &[(0x3105, 0x312f)];
/// Han, Kana, Thai, Lao, Khmer, Burmese and Hangul as AFMoE lists them. Its range of compatibility
/// Han was normalized when it was written down, so it begins at U+8C48 and takes in what follows
/// Han.
const ASIAN: Ranges = &[
    (0x0e40, 0x0eff),
    (0x1000, 0x109f),
    (0x1100, 0x11ff),
    (0x1780, 0x17ff),
    (0x2f00, 0x2fdf),
    (0x3040, 0x30ff),
    (0x3400, 0x4dbf),
    (0x4e00, 0xfaff),
    (0xff65, 0xff9f),
];
/// `[(|.,!?…。，、।۔،)]`, which Bloom's words do not contain.
const STOPS: Ranges = &[
    (0x21, 0x21),
    (0x28, 0x29),
    (0x2c, 0x2c),
    (0x2e, 0x2e),
    (0x3f, 0x3f),
    (0x7c, 0x7c),
    (0x060c, 0x060c),
    (0x06d4, 0x06d4),
    (0x0964, 0x0964),
    (0x2026, 0x2026),
    (0x3001, 0x3002),
    (0xff0c, 0xff0c),
];

fn is_space(c: char) -> bool {
    class(c) == Class::Space
}

/// `[\p{P}\$\+<=>\^~\|]+`
pub(super) fn punctuation(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| some(text, pos, is_punctuation));
}

/// The same with the backtick.
pub(super) fn punctuation_and_backtick(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| some(text, pos, |c| is_punctuation(c) || c == '`'));
}

fn is_punctuation(c: char) -> bool {
    class(c) == Class::Punctuation || matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '~' | '|')
}

/// `[\r\n]`
pub(super) fn breaks(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        char_at(text, pos).filter(|(c, _)| matches!(c, '\r' | '\n')).map(|(_, next)| next)
    });
}

/// `[^\n]+|[\n]+`
pub(super) fn lines(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        let (first, next) = char_at(text, pos)?;
        Some(run(text, next, |c| (c == '\n') == (first == '\n')))
    });
}

/// `\s?\p{L}+`
pub(super) fn letters(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        some_after(text, pos, is_space, |c| class(c) == Class::Letter)
    });
}

/// `\s?\p{P}+`
pub(super) fn marks(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        some_after(text, pos, is_space, |c| class(c) == Class::Punctuation)
    });
}

/// `\s+$`
pub(super) fn trailing_space(text: &str, emit: &mut dyn FnMut(&str)) {
    let end = text.trim_end_matches(is_space).len();
    emit_range(text, 0, end, emit);
    emit_range(text, end, text.len(), emit);
}

/// `[一-龥ࠀ-一가-퟿]+`
pub(super) fn east_asian(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| some(text, pos, |c| is_in(c, EAST_ASIAN)));
}

/// `[一-龥぀-ゟ゠-ヿ]+`
pub(super) fn han_kana(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| some(text, pos, |c| is_in(c, HAN_KANA)));
}

/// Hangul, punctuation of East Asian text, Bopomofo, Han and Kana, each by itself.
pub(super) fn scripts(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        let sets = [HANGUL, EAST_ASIAN_MARKS, BOPOMOFO, HAN_KANA];
        sets.iter().find_map(|set| some(text, pos, |c| is_in(c, set)))
    });
}

/// Scripts that AFMoE cuts off as a whole.
pub(super) fn asian(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| some(text, pos, |c| is_in(c, ASIAN)));
}

/// ` ?[^(\s|.,!?…。，、।۔،)]+`
pub(super) fn bloom(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        some_after(text, pos, |c| c == ' ', |c| !is_space(c) && !is_in(c, STOPS))
    });
}
