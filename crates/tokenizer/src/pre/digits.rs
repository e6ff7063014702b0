//! Stages that only cut out digits.
//!
//! Grouping from the right (`1234567` as `1`, `234`, `567`) needs the length of the whole run, so
//! those stages walk a run once instead of asking a matcher at every third digit.

use super::{by_match, char_at, emit_range, run};
use crate::unicode::{Class, class};

fn is_number(c: char) -> bool {
    class(c) == Class::Number
}

/// `\p{N}`
pub(super) fn single(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        char_at(text, pos).filter(|(c, _)| is_number(*c)).map(|(_, next)| next)
    });
}

/// `\p{N}{1,3}`
pub(super) fn up_to_three(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| Some(super::words::digits(text, pos, 3)));
}

/// `\p{N}+`
pub(super) fn all(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| super::some(text, pos, is_number));
}

/// `[0-9][0-9][0-9]`
pub(super) fn three_ascii(text: &str, emit: &mut dyn FnMut(&str)) {
    by_match(text, emit, |text, pos| {
        let three = text.as_bytes().get(pos..pos + 3)?;
        three.iter().all(u8::is_ascii_digit).then_some(pos + 3)
    });
}

/// `(?=(\d{3})+(?!\d))`: cuts before every third digit from the end of a run of ASCII digits.
pub(super) fn thousands(text: &str, emit: &mut dyn FnMut(&str)) {
    let (mut from, mut pos) = (0, 0);
    while pos < text.len() {
        let start = run(text, pos, |c| !c.is_ascii_digit());
        let end = run(text, start, |c| c.is_ascii_digit());
        let mut cut = start + (end - start) % 3;
        while cut < end {
            emit_range(text, from, cut, emit);
            (from, cut) = (cut, cut + 3);
        }
        pos = end;
    }
    emit_range(text, from, text.len(), emit);
}

/// Numbers in groups of three from the right. What stands before a number stays with its first
/// group (the stages after this one cut it off again); this is how the reference does it, and where
/// white space before a number is cut depends on it.
pub(super) fn groups_from_right(text: &str, emit: &mut dyn FnMut(&str)) {
    let (mut from, mut pos) = (0, 0);
    while pos < text.len() {
        let start = run(text, pos, |c| !is_number(c));
        let end = run(text, start, is_number);
        let number = text.get(start..end).unwrap_or("");
        let n_first = number.chars().count() % 3;
        let ends = number.char_indices().map(|(at, c)| start + at + c.len_utf8());
        for (n, to) in ends.enumerate().map(|(i, to)| (i + 1, to)) {
            if n % 3 == n_first {
                emit_range(text, from, to, emit);
                from = to;
            }
        }
        pos = end;
    }
    emit_range(text, from, text.len(), emit);
}
