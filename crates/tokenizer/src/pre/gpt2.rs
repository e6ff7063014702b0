//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
//!
//! The rule of GPT-2, alone or as the stage after punctuation or digits have been cut off. The
//! published form often ends in `\s+(?!\S)`; what that leaves over is one space character, a piece
//! by itself, so both forms cut alike.

use super::{by_match, char_at, run};
use crate::unicode::{Class, class};

/// GPT-2's words.
pub(super) fn gpt2(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, word);
}

fn word(text: &str, pos: usize) -> Option<usize> {
    let (first, next) = char_at(text, pos)?;
    if first == '\''
        && let Some(end) = contraction(text, next, |c| c)
    {
        return Some(end);
    }
    let body = if first == ' ' { next } else { pos };
    match char_at(text, body).map(|(c, _)| class(c)) {
        None | Some(Class::Space) => spaces(text, pos),
        Some(Class::Letter) => Some(run(text, body, |c| class(c) == Class::Letter)),
        Some(Class::Number) => Some(run(text, body, |c| class(c) == Class::Number)),
        Some(_) => Some(run(text, body, is_other)),
    }
}

/// `[^\s\p{L}\p{N}]`
pub(super) fn is_other(c: char) -> bool {
    !matches!(class(c), Class::Space | Class::Letter | Class::Number)
}

/// The end of `s`, `t`, `m`, `d`, `re`, `ve` or `ll` at `pos`, which is after the apostrophe;
/// `fold` maps the letters of the text to those.
pub(super) fn contraction(text: &str, pos: usize, fold: fn(char) -> char) -> Option<usize> {
    let (first, next) = char_at(text, pos)?;
    let first = fold(first);
    if matches!(first, 's' | 't' | 'm' | 'd') {
        return Some(next);
    }
    let (second, end) = char_at(text, next)?;
    matches!((first, fold(second)), ('r' | 'v', 'e') | ('l', 'l')).then_some(end)
}

/// `\s+(?!\S)|\s+`: all white space at the end, else all but the last character of it, which
/// belongs to the next word; a single one is taken as it is.
pub(super) fn spaces(text: &str, pos: usize) -> Option<usize> {
    let end = run(text, pos, |c| class(c) == Class::Space);
    if end == text.len() {
        return (end > pos).then_some(end);
    }
    let (last, _) = text.get(pos..end)?.char_indices().next_back()?;
    Some(if last > 0 { pos + last } else { end })
}
