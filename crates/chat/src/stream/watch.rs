//! Waits for one of several markers in a text that comes character by character.
//!
//! Text is let through as soon as it cannot become a marker. White space is held back with it:
//! before a marker it belongs to the markup and is dropped, before anything else it is text.

/// Longest marker that is looked for, in bytes. Real ones have fewer than 40; what a template's
/// text suggests beyond that is prose.
pub(crate) const MAX_MARKER_BYTES: usize = 64;

/// A watch for markers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    markers: Vec<String>,
    space: String,
    /// What has come of a marker.
    partial: String,
}

impl Watch {
    /// For these markers; empty ones are left out.
    pub fn new<S: Into<String>>(markers: impl IntoIterator<Item = S>) -> Watch {
        let markers = markers.into_iter().map(Into::into).filter(|m: &String| !m.is_empty());
        Watch { markers: markers.collect(), ..Watch::default() }
    }

    /// Takes a character; text that is certain goes to `out`. True when a marker is complete.
    pub fn push(&mut self, c: char, out: &mut String) -> bool {
        if self.partial.is_empty() && c.is_whitespace() {
            self.space.push(c);
            return false;
        }
        self.partial.push(c);
        while !self.partial.is_empty() {
            if self.markers.contains(&self.partial) {
                return true;
            }
            if self.markers.iter().any(|m| m.starts_with(&self.partial)) {
                return false;
            }
            self.release_one(out);
        }
        false
    }

    /// The first character of what was held back is text after all.
    fn release_one(&mut self, out: &mut String) {
        out.push_str(&self.space);
        self.space.clear();
        out.push(self.partial.remove(0));
        // White space inside of a marker is text like any other now, and held back again.
        let n = self.partial.len() - self.partial.trim_start().len();
        self.space.extend(self.partial.drain(..n));
    }

    /// What was held back: white space and the beginning of a marker, or a whole one.
    pub fn take(&mut self) -> String {
        let mut held = std::mem::take(&mut self.space);
        held.push_str(&std::mem::take(&mut self.partial));
        held
    }
}
