//! The family that Llama 3 and Qwen 2 belong to, as one matcher over a few switches.
//!
//! ```text
//! (?i:'s|'t|'re|'ve|'m|'ll|'d)         contractions (before, after, or none)
//! [^\r\n\p{L}\p{N}]?\p{L}+             a word with the character before it
//! \p{N}{1,n}                           digits, n at a time
//!  ?[^\s\p{L}\p{N}]+[\r\n]*            everything else, with line breaks after it
//! \s*[\r\n]+|\s+(?!\S)|\s+             white space
//! ```
//! The models of the family differ in n, in whether marks count as letters, and in the tail.

use super::gpt2::{contraction, is_other, spaces};
use super::{by_match, char_at, run, some};
use crate::unicode::{Class, class};

/// What a word is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    /// `\p{L}+`
    Plain,
    /// `[\p{L}\p{M}]+`
    Marked,
    /// `(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+`: words joined by single spaces
    Phrase,
}

/// Where contractions are cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contractions {
    Never,
    /// As pieces of their own.
    Apart,
    /// As the end of the word before them.
    Joined,
}

/// Line breaks and slashes that stay with the punctuation before them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Never,
    /// `[\r\n]*`
    Breaks,
    /// `[\r\n/]*`
    BreaksAndSlashes,
    /// `[\r\n/]?`
    OneBreakOrSlash,
}

struct Rule {
    contractions: Contractions,
    letters: Letters,
    /// Most digits in a piece.
    n_digits: usize,
    /// Whether a mark may be inside a run of punctuation.
    marks_are_other: bool,
    tail: Tail,
}

const LLAMA3: Rule = Rule {
    contractions: Contractions::Apart,
    letters: Letters::Plain,
    n_digits: 3,
    marks_are_other: true,
    tail: Tail::Breaks,
};
const QWEN2: Rule = Rule { n_digits: 1, ..LLAMA3 };
const QWEN35: Rule = Rule { letters: Letters::Marked, marks_are_other: false, ..QWEN2 };
const UFAKZEKA: Rule = Rule { contractions: Contractions::Never, ..QWEN2 };
const SEED_CODER: Rule = Rule { tail: Tail::Never, ..QWEN2 };
const MINICPM5: Rule = Rule { n_digits: usize::MAX, ..LLAMA3 };
const EXAONE_MOE: Rule = Rule { letters: Letters::Phrase, tail: Tail::OneBreakOrSlash, ..QWEN2 };
const YOUTU: Rule = Rule {
    contractions: Contractions::Joined,
    letters: Letters::Marked,
    tail: Tail::BreaksAndSlashes,
    ..QWEN2
};
const TINY_AYA: Rule = Rule { n_digits: 3, ..YOUTU };

macro_rules! stages {
    ($($(#[$doc:meta])* $name:ident = $rule:ident;)*) => {
        $($(#[$doc])* pub(super) fn $name(text: &str, emit: &mut dyn FnMut(&str)) {
            by_match(text, emit, |text, pos| word(text, pos, &$rule));
        })*
    };
}

stages! {
    /// Digits by three.
    llama3 = LLAMA3;
    /// Single digits.
    qwen2 = QWEN2;
    /// Marks are letters.
    qwen35 = QWEN35;
    /// Without English contractions.
    ufakzeka = UFAKZEKA;
    /// Line breaks never stay with punctuation.
    seed_coder = SEED_CODER;
    /// Digits were cut by a stage before.
    minicpm5 = MINICPM5;
    /// Words of a phrase stay together.
    exaone_moe = EXAONE_MOE;
    /// Contractions stay with their word; single digits.
    youtu = YOUTU;
    /// As `youtu`, digits by three.
    tiny_aya = TINY_AYA;
}

/// As `llama3`, with white space cut to powers of two:
/// `\s{512}(?!\S)|…|\s{4}(?!\S)|\s{1,2}(?!\S)|\s`.
pub(super) fn jais2(text: &str, emit: &mut dyn FnMut(&str)) {
    let mut start = 0;
    while start < text.len() {
        let end = run(text, start, |c| class(c) == Class::Space);
        let cut = if end > start { jais2_spaces(text, start, end, emit) } else { start };
        // After the white space one word, which may begin with its last character.
        start = word(text, cut, &LLAMA3).unwrap_or(text.len());
        super::emit_range(text, cut, start, emit);
    }
}

/// Emits the white space `text[start..end]` up to the character that the next word may begin with;
/// returns the position where that word is looked for.
fn jais2_spaces(text: &str, start: usize, end: usize, emit: &mut dyn FnMut(&str)) -> usize {
    let space = text.get(start..end).unwrap_or("");
    let broken = space.rfind(['\r', '\n']).map_or(start, |last| start + last + 1);
    super::emit_range(text, start, broken, emit);
    let rest = text.get(broken..end).unwrap_or("");
    let mut positions = rest.char_indices().map(|(at, _)| broken + at).skip(1).chain([end]);
    let mut n = rest.chars().count();
    let word_follows = end < text.len();
    let mut from = broken;
    while n > usize::from(word_follows) {
        let fits = |size: usize| n > size || (n == size && !word_follows);
        let size = (0..=9).rev().map(|log| 1 << log).find(|size| fits(*size)).unwrap_or(1);
        let to = positions.nth(size - 1).unwrap_or(end);
        super::emit_range(text, from, to, emit);
        n -= size;
        from = to;
    }
    from
}

fn word(text: &str, pos: usize, rule: &Rule) -> Option<usize> {
    let (first, next) = char_at(text, pos)?;
    if rule.contractions == Contractions::Apart
        && first == '\''
        && let Some(end) = contraction(text, next, |c| c.to_ascii_lowercase())
    {
        return Some(end);
    }
    if let Some(end) = letters(text, pos, rule) {
        return Some(match rule.contractions {
            Contractions::Joined => joined_contraction(text, end),
            _ => end,
        });
    }
    if class(first) == Class::Number {
        return Some(digits(text, pos, rule.n_digits));
    }
    let body = if first == ' ' { next } else { pos };
    let is_body = |c| is_other(c) && (rule.marks_are_other || class(c) != Class::Mark);
    match some(text, body, is_body) {
        Some(end) => Some(tail(text, end, rule.tail)),
        None => white_space(text, pos),
    }
}

/// `[^\r\n\p{L}\p{N}]?` and a word.
fn letters(text: &str, pos: usize, rule: &Rule) -> Option<usize> {
    let (first, next) = char_at(text, pos)?;
    let is_prefix =
        !matches!(first, '\r' | '\n') && !matches!(class(first), Class::Letter | Class::Number);
    if rule.letters == Letters::Phrase {
        let found = is_prefix.then(|| phrase(text, next)).flatten();
        return found.or_else(|| phrase(text, pos));
    }
    let is_letter = |c| match class(c) {
        Class::Letter => true,
        Class::Mark => rule.letters == Letters::Marked,
        _ => false,
    };
    if is_letter(first) {
        return Some(run(text, next, is_letter));
    }
    if is_prefix { some(text, next, is_letter) } else { None }
}

/// Letters with their marks, and single spaces between letters.
fn phrase(text: &str, pos: usize) -> Option<usize> {
    let letter_at = |pos| char_at(text, pos).filter(|(c, _)| class(*c) == Class::Letter);
    let (_, mut end) = letter_at(pos)?;
    loop {
        end = run(text, end, |c| class(c) == Class::Mark);
        let after_space = char_at(text, end).filter(|(c, _)| *c == ' ').map(|(_, next)| next);
        match letter_at(after_space.unwrap_or(end)) {
            Some((_, next)) => end = next,
            None => return Some(end),
        }
    }
}

/// The end of at most `n` digits at `pos`.
pub(super) fn digits(text: &str, pos: usize, n: usize) -> usize {
    let rest = text.get(pos..).unwrap_or("").chars();
    rest.take(n).take_while(|c| class(*c) == Class::Number).fold(pos, |end, c| end + c.len_utf8())
}

/// The end of a contraction right after a word that ends at `end`, or `end`.
pub(super) fn joined_contraction(text: &str, end: usize) -> usize {
    match char_at(text, end) {
        Some(('\'', next)) => contraction(text, next, |c| c.to_ascii_lowercase()).unwrap_or(end),
        _ => end,
    }
}

fn tail(text: &str, end: usize, tail: Tail) -> usize {
    match tail {
        Tail::Never => end,
        Tail::Breaks => run(text, end, |c| matches!(c, '\r' | '\n')),
        Tail::BreaksAndSlashes => run(text, end, |c| matches!(c, '\r' | '\n' | '/')),
        Tail::OneBreakOrSlash => match char_at(text, end) {
            Some(('\r' | '\n' | '/', next)) => next,
            _ => end,
        },
    }
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last line break if there is one.
pub(super) fn white_space(text: &str, pos: usize) -> Option<usize> {
    let end = run(text, pos, |c| class(c) == Class::Space);
    match text.get(pos..end)?.rfind(['\r', '\n']) {
        Some(last) => Some(pos + last + 1),
        None => spaces(text, pos),
    }
}
