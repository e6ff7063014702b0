//! GPT-4o's rule and its relatives: a word is upper case, then lower case, so `HTTPServer` is cut.
//!
//! ```text
//! X?U*V+c?|X?U+V*c?|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
//! ```
//! with `X = [^\r\n\p{L}\p{N}]`, `U` the letters outside a–z, `V` the letters outside A–Z and `c` a
//! contraction. Letters outside ASCII are in both, as in the form of the rule that reference ids
//! were made with. `U*` gives characters back to `V+` at most once per match, from its end.

use super::gpt2::is_other;
use super::words::{digits, joined_contraction, white_space};
use super::{by_match, char_at, run, some_after};
use crate::unicode::{Class, class};

struct Rule {
    marks_are_letters: bool,
    contractions: bool,
    /// Most digits in a piece.
    n_digits: usize,
}

const GPT4O: Rule = Rule { marks_are_letters: false, contractions: true, n_digits: 3 };
const TEKKEN: Rule = Rule { contractions: false, n_digits: 1, ..GPT4O };
const GRANITE: Rule = Rule { marks_are_letters: true, ..GPT4O };

/// Digits by three, contractions joined.
pub(super) fn gpt4o(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| word(text, pos, &GPT4O));
}

/// Single digits, no contractions.
pub(super) fn tekken(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| word(text, pos, &TEKKEN));
}

/// As `gpt4o`, marks are letters.
pub(super) fn granite(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| word(text, pos, &GRANITE));
}

fn word(text: &str, pos: usize, rule: &Rule) -> Option<usize> {
    let (first, next) = char_at(text, pos)?;
    let is_prefix =
        !matches!(first, '\r' | '\n') && !matches!(class(first), Class::Letter | Class::Number);
    let starts = [is_prefix.then_some(next), Some(pos)];
    let found = starts.iter().flatten().find_map(|start| upper_lower(text, *start, rule));
    let found =
        found.or_else(|| starts.iter().flatten().find_map(|start| upper_only(text, *start, rule)));
    if let Some(end) = found {
        return Some(if rule.contractions { joined_contraction(text, end) } else { end });
    }
    if class(first) == Class::Number {
        return Some(digits(text, pos, rule.n_digits));
    }
    match some_after(text, pos, |c| c == ' ', is_other) {
        Some(end) => Some(run(text, end, |c| matches!(c, '\r' | '\n' | '/'))),
        None => white_space(text, pos),
    }
}

fn is_letter(c: char, rule: &Rule) -> bool {
    match class(c) {
        Class::Letter => true,
        Class::Mark => rule.marks_are_letters,
        _ => false,
    }
}

/// `U*V+`
fn upper_lower(text: &str, start: usize, rule: &Rule) -> Option<usize> {
    let is_lower = |c: char| is_letter(c, rule) && !c.is_ascii_uppercase();
    let upper = run(text, start, |c| is_letter(c, rule) && !c.is_ascii_lowercase());
    let lower = run(text, upper, is_lower);
    if lower > upper {
        return Some(lower);
    }
    // No lower case after the run: its last character that may be either ends the word.
    let (at, c) = text.get(start..upper)?.char_indices().rfind(|(_, c)| is_lower(*c))?;
    Some(start + at + c.len_utf8())
}

/// `U+V*`, reached only where no `V` follows the run.
fn upper_only(text: &str, start: usize, rule: &Rule) -> Option<usize> {
    super::some(text, start, |c| is_letter(c, rule) && !c.is_ascii_lowercase())
}
