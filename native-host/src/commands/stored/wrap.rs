//! Breaking streamed text at words, for terminals.

use crate::term;

/// Narrower than this, words are broken by the terminal: nearly every one would not fit.
const MIN_WIDTH: usize = 10;

/// A stream of text and where the cursor stands in it. A word is held back until it is complete.
pub struct Wrap {
    width: usize,
    column: usize,
    word: String,
    /// The beginning of the word was shown already, because it alone fills a line.
    is_begun: bool,
}

impl Wrap {
    /// For a terminal of this many columns; `None` if it is too narrow.
    pub fn new(width: usize) -> Option<Wrap> {
        (width >= MIN_WIDTH).then_some(Wrap {
            width,
            column: 0,
            word: String::new(),
            is_begun: false,
        })
    }

    /// What can be shown now.
    pub fn push(&mut self, text: &str) -> String {
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '\n' => {
                    self.place(&mut out);
                    out.push('\n');
                    self.column = 0;
                }
                ' ' | '\t' => {
                    self.place(&mut out);
                    // A blank at the edge would begin the next line.
                    if self.column < self.width {
                        out.push(c);
                        self.column += 1;
                    }
                }
                c => self.word.push(c),
            }
            // A word longer than a line (an address, text without blanks) is not held back.
            if console::measure_text_width(&self.word) >= self.width {
                self.place(&mut out);
                self.is_begun = true;
            }
        }
        out
    }

    /// The last word.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        self.place(&mut out);
        out
    }

    fn place(&mut self, out: &mut String) {
        let width = console::measure_text_width(&self.word);
        let fits = self.column + width <= self.width;
        if self.column > 0 && width > 0 && !fits && !self.is_begun {
            out.push('\n');
            self.column = 0;
        }
        out.push_str(&self.word);
        // A line that is just full keeps the cursor until something follows.
        self.column += width;
        while self.column > self.width {
            self.column -= self.width;
        }
        self.word.clear();
        self.is_begun = false;
    }
}

/// A wrap for standard output, if it is a terminal whose width is known.
pub fn for_stdout() -> Option<Wrap> {
    term::out_width().and_then(Wrap::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_words_however_the_pieces_are_cut() {
        let rows = [
            ("one two three four", "one two \nthree four"),
            ("a\nb", "a\nb"),
            ("abcdefghij klm", "abcdefghij\nklm"),
            ("abcdefghijklmno pq", "abcdefghijklmno pq"),
            ("", ""),
        ];
        for (text, wanted) in rows {
            for size in 1..=text.len().max(1) {
                let mut wrap = Wrap::new(10).unwrap_or_else(|| unreachable!());
                let pieces = text.as_bytes().chunks(size).map(String::from_utf8_lossy);
                let mut out: String = pieces.map(|piece| wrap.push(&piece)).collect();
                out.push_str(&wrap.finish());
                assert_eq!(out, wanted, "{text} in pieces of {size}");
            }
        }
        assert!(Wrap::new(3).is_none());
    }
}
