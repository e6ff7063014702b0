//! The terminal: what may be written to it, and how.
//!
//! Answers and data go to standard output, everything else to standard error. Text that comes out
//! of a model or a file may hold escape sequences that move the cursor, change the title or fake a
//! prompt; on a terminal their control characters are shown as `\u{1b}` and do nothing. A pipe
//! gets an answer's bytes as they are.

pub mod bars;
mod look;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;

pub use look::{
    Color, for_error, is_live, is_utf8, middle, out_is_terminal, out_width, set_color, wants_color,
};

/// Control characters made visible; line breaks and tabs stay.
pub fn clean_text(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_unsafe(c) && c != '\n' && c != '\t')
}

/// All control characters made visible, for text that must stay on one line.
pub fn clean(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// C0 and C1 controls, and the marks that reorder text so that it reads as something else.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(text: &str, bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if bad(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Writes to standard output and flushes; failures are for nobody.
pub fn out(bytes: &[u8]) {
    let _ = write_out(bytes);
}

/// Writes to standard output and flushes, so that streaming stays streaming in a pipe.
pub fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::output("standard output", error))
}

/// Writes our own text of one or more lines to standard output, in the signs it can show.
pub fn text_out(text: &str) -> Result<(), Failure> {
    write_out(look::for_out(text).as_bytes())
}

/// Writes a line to standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    write_out(format!("{text}\n").as_bytes())
}

/// `error: … [code]` on standard error; on a terminal that wants color the word is red and the code
/// dim.
pub fn error(text: &str, code: &str) {
    let code = match wants_color() {
        true => format!("\u{1b}[2m[{code}]\u{1b}[0m"),
        false => format!("[{code}]"),
    };
    label("31", "error", &format!("{} {code}", clean(text)));
}

/// `warning: …` on standard error.
pub fn warning(text: &str) {
    label("33", "warning", &clean(text));
}

/// A plain line on standard error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", look::for_error(&clean(text)));
}

/// Our own text of several lines on standard error.
pub fn note_lines(text: &str) {
    let _ = write!(io::stderr(), "{}", look::for_error(text));
}

/// A piece of what a model thinks, on standard error: dimmed and harmless on a terminal.
pub fn dim(text: &str) {
    let is_terminal = io::stderr().is_terminal();
    let text = if is_terminal { clean_text(text) } else { Cow::Borrowed(text) };
    let _ = match wants_color() {
        true => write!(io::stderr(), "\u{1b}[2m{text}\u{1b}[0m"),
        false => write!(io::stderr(), "{text}"),
    };
}

/// `text` is clean.
fn label(color: &str, label: &str, text: &str) {
    let text = look::for_error(text);
    let _ = match wants_color() {
        true => writeln!(io::stderr(), "\u{1b}[{color}m{label}:\u{1b}[0m {text}"),
        false => writeln!(io::stderr(), "{label}: {text}"),
    };
}

/// "4.92 GB", decimal, three digits.
pub fn bytes(n: u64) -> String {
    scaled(n, &[(1e9, " GB"), (1e6, " MB"), (1e3, " kB")], " bytes")
}

/// "1.24 B", "268 k": how parameters are counted.
pub fn count(n: u64) -> String {
    scaled(n, &[(1e9, " B"), (1e6, " M"), (1e3, " k")], "")
}

fn scaled(n: u64, units: &[(f64, &str)], rest: &str) -> String {
    let value = n as f64;
    let Some((scale, unit)) = units.iter().find(|unit| value >= unit.0) else {
        return format!("{n}{rest}");
    };
    let value = value / scale;
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_nothing() {
        assert_eq!(clean("plain é"), "plain é");
        assert_eq!(clean("a\u{1b}[2J\nb"), "a\\u{1b}[2J\\u{a}b");
        assert_eq!(clean_text("a\n\tb\u{7}\u{9b}1m\r"), "a\n\tb\\u{7}\\u{9b}1m\\u{d}");
        assert_eq!(clean("x\u{202e}y"), "x\\u{202e}y");
    }

    #[test]
    fn sizes_have_three_digits() {
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(4_920_000_000), "4.92 GB");
        assert_eq!(bytes(45_600_000), "45.6 MB");
        assert_eq!(count(268_000), "268 k");
        assert_eq!(count(512), "512");
    }
}
