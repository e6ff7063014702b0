//! Text from tokens as they come, one at a time.
//!
//! A token may end inside a character (byte tokens always do for anything but ASCII). What is not a
//! whole character is held back until it is, or until it cannot become one; only then, or at the
//! end, it shows as U+FFFD. So the pieces are always text, and together they are exactly what
//! decoding all tokens at once gives.

use std::sync::Arc;

use crate::Tokenizer;

/// Turns tokens into text piece by piece.
#[derive(Debug)]
pub struct Detokenizer {
    tokenizer: Arc<Tokenizer>,
    /// Bytes that are not a whole character yet: at most three.
    held: Vec<u8>,
    /// Whether control tokens are shown by their text.
    special: bool,
    /// Control tokens that are shown even where the others are not.
    shown: Vec<u32>,
    /// Whether the next visible token begins the text (its marking space is left out).
    at_start: bool,
}

impl Detokenizer {
    /// For tokens that go on from other text (an answer): a leading space is part of them.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Detokenizer {
            tokenizer,
            held: Vec::new(),
            special: false,
            shown: Vec::new(),
            at_start: false,
        }
    }

    /// For tokens from the beginning of a text: the space that encoding put before it is left out.
    pub fn from_start(tokenizer: Arc<Tokenizer>) -> Self {
        let at_start = tokenizer.adds_space_prefix();
        Detokenizer { at_start, ..Detokenizer::new(tokenizer) }
    }

    /// Shows control tokens by their text instead of leaving them out.
    #[must_use]
    pub fn with_special(self, special: bool) -> Self {
        Detokenizer { special, ..self }
    }

    /// Shows these control tokens by their text, the others not: a mark before tool calls may be
    /// one.
    #[must_use]
    pub fn showing(self, shown: Vec<u32>) -> Self {
        Detokenizer { shown, ..self }
    }

    /// Takes a token; returns the text that is complete now, which may be empty.
    pub fn push(&mut self, id: u32) -> String {
        let tokenizer = Arc::clone(&self.tokenizer);
        let special = self.special || self.shown.contains(&id);
        let shown = visible(&tokenizer, id, special, &mut self.at_start);
        self.push_bytes(shown)
    }

    /// Takes bytes that follow the tokens so far.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = self.held.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    // Without a length the character may still be completed.
                    let Some(n_bad) = error.error_len() else {
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = rest.get(n_bad..).unwrap_or(&[]);
                }
            }
        }
        let n_done = self.held.len() - rest.len();
        self.held.drain(..n_done);
        text
    }

    /// What was held back, as text; the detokenizer is then as new, in the middle of a text.
    pub fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        String::from_utf8_lossy(&held).into_owned()
    }
}

/// What a token shows: nothing for control tokens (unless `special`), U+FFFD for a number that is
/// no token. At the start of a text the first visible token loses one leading space.
pub(crate) fn visible<'a>(
    tokenizer: &'a Tokenizer,
    id: u32,
    special: bool,
    at_start: &mut bool,
) -> &'a [u8] {
    let Some(piece) = tokenizer.piece(id) else {
        return "\u{fffd}".as_bytes();
    };
    if tokenizer.is_hidden(id) && !special {
        return &[];
    }
    let stripped = if *at_start { piece.strip_prefix(b" ").unwrap_or(piece) } else { piece };
    *at_start &= piece.is_empty();
    stripped
}
