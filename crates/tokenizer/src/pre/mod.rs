//! Cutting text into words before byte-pair merging, as `tokenizer.ggml.pre` names it.
//!
//! The published rules are regular expressions with look-ahead. Here each is a matcher written by
//! hand: a regex engine with look-ahead backtracks (a line of 40,000 letters has crashed servers
//! that used one), the engines that do not backtrack have no look-ahead, and either would weigh
//! more in the browser than all of these together. A matcher looks at a position and says where the
//! word ends; it never looks at a character more than a constant number of times, and needs no
//! stack.
//!
//! A rule may have several stages: every piece of one stage is cut again by the next. Text that no
//! alternative matches stays together as a piece of its own.

mod cased;
mod deepseek;
mod digits;
mod gpt2;
mod sets;
mod table;
mod words;

pub(crate) use table::{Pre, find, names};

/// One pass over a piece: calls back with consecutive, non-empty pieces that cover it.
pub(crate) type Stage = fn(&str, &mut dyn FnMut(&str));

/// Runs the stages one inside the other; the depth is the number of stages, at most six.
pub(crate) fn split(stages: &[Stage], text: &str, emit: &mut dyn FnMut(&str)) {
    match stages.split_first() {
        Some((stage, rest)) => stage(text, &mut |piece| split(rest, piece, emit)),
        None if text.is_empty() => {}
        None => emit(text),
    }
}

/// A stage from a matcher: `matcher(text, position)` is the end of the word that starts there.
fn by_match(
    text: &str,
    emit: &mut dyn FnMut(&str),
    matcher: impl Fn(&str, usize) -> Option<usize>,
) {
    // Start of what no match has covered yet, and the position to try next.
    let (mut gap, mut pos) = (0, 0);
    while let Some((_, next)) = char_at(text, pos) {
        match matcher(text, pos) {
            Some(end) if end > pos => {
                emit_range(text, gap, pos, emit);
                emit_range(text, pos, end, emit);
                (gap, pos) = (end, end);
            }
            _ => pos = next,
        }
    }
    emit_range(text, gap, text.len(), emit);
}

/// Calls back with `text[start..end]` if that is not empty.
fn emit_range(text: &str, start: usize, end: usize, emit: &mut dyn FnMut(&str)) {
    if let Some(piece) = text.get(start..end).filter(|piece| !piece.is_empty()) {
        emit(piece);
    }
}

/// The character at a byte position, and the position after it.
#[inline]
fn char_at(text: &str, pos: usize) -> Option<(char, usize)> {
    let c = text.get(pos..)?.chars().next()?;
    Some((c, pos + c.len_utf8()))
}

/// The end of the run of characters from `pos` that all are `wanted`.
#[inline]
fn run(text: &str, pos: usize, wanted: impl Fn(char) -> bool) -> usize {
    let rest = text.get(pos..).unwrap_or("");
    pos + rest.find(|c| !wanted(c)).unwrap_or(rest.len())
}

/// The end of a run of at least one character.
fn some(text: &str, pos: usize, wanted: impl Fn(char) -> bool) -> Option<usize> {
    let end = run(text, pos, wanted);
    (end > pos).then_some(end)
}

/// The end of a run after one optional character, which is taken only if the run follows.
fn some_after(
    text: &str,
    pos: usize,
    optional: impl Fn(char) -> bool,
    wanted: impl Fn(char) -> bool,
) -> Option<usize> {
    let (first, next) = char_at(text, pos)?;
    if optional(first)
        && let Some(end) = some(text, next, &wanted)
    {
        return Some(end);
    }
    some(text, pos, wanted)
}
