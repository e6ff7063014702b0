//! What is asked for: a text, and how it is cut.

use measure::{Cut, validate};
use serde::Deserialize;

use crate::error::EdgeError;

/// Tokens of a window where nobody says how many: what published numbers are measured with.
const DEFAULT_CTX: u32 = 512;
/// Windows that are read where nobody says how many: minutes with a large model, and enough to tell
/// Q4_K_M from Q4_0.
const DEFAULT_CHUNKS: u32 = 8;
/// Bytes of the largest text: it is in memory as a whole, and so are its tokens.
const MAX_TEXT: usize = 64 << 20;

/// `{ text?, chunks?, contextLength?, weights? }`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    text: Option<String>,
    chunks: u32,
    context_length: u32,
    /// Compare the weights, too.
    pub weights: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        let (chunks, context_length) = (DEFAULT_CHUNKS, DEFAULT_CTX);
        Settings { text: None, chunks, context_length, weights: true }
    }
}

impl Settings {
    /// The text, without one line break at its end: editors add it.
    ///
    /// # Errors
    /// A text that is too long for a page.
    pub fn text(&self) -> Result<&str, EdgeError> {
        let Some(text) = &self.text else { return Ok(validate::TEXT) };
        if text.len() > MAX_TEXT {
            let text = format!(
                "the text has {} MB, and at most {} are judged in a page: give a part of it",
                text.len() >> 20,
                MAX_TEXT >> 20
            );
            return Err(EdgeError::new("request.invalid", text));
        }
        Ok(text.strip_suffix('\n').unwrap_or(text))
    }

    /// True for a text of the asker's.
    pub fn has_text(&self) -> bool {
        self.text.is_some()
    }

    /// How it is cut.
    ///
    /// # Errors
    /// No window at all.
    pub fn cut(&self) -> Result<Cut, EdgeError> {
        if self.chunks == 0 {
            let text = "chunks is 0, but at least 1 window must be read: leave it out for 8";
            return Err(EdgeError::new("request.invalid", text));
        }
        let n_windows = Some(self.chunks as usize);
        Ok(Cut { n_windows, ..Cut::new(self.context_length as usize) })
    }
}
