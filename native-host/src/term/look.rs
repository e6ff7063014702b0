//! What this terminal can show: color, signs beyond ASCII, a line that is redrawn, and how wide.
//!
//! Decided here and nowhere else. A pipe or a file is no terminal: it gets UTF-8, no color and no
//! cursor codes, whatever the variables say that speak of terminals.

use std::borrow::Cow;
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use clap::ValueEnum;

/// Colors, as `--color` asks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that wants them
    Auto,
    Always,
    Never,
}

static COLOR: OnceLock<Color> = OnceLock::new();

/// What the command line says, once.
pub fn set_color(color: Color) {
    let _ = COLOR.set(color);
}

/// True if standard output is a terminal.
pub fn out_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// True if standard error is colored: as `--color` says, else as `NO_COLOR` and `CLICOLOR_FORCE`.
pub fn wants_color() -> bool {
    match COLOR.get() {
        Some(Color::Always) => true,
        Some(Color::Never) => false,
        _ if is_set("NO_COLOR") => false,
        _ if is_set("CLICOLOR_FORCE") => true,
        _ => io::stderr().is_terminal() && !is_dumb(),
    }
}

/// True if a line of standard error can be redrawn: it is a terminal, its width is known, and
/// nobody keeps what it shows as a log.
pub fn is_live() -> bool {
    !is_dumb() && !is_set("CI") && error_width().is_some()
}

/// Columns of standard error, if it is a terminal that says so.
pub fn error_width() -> Option<usize> {
    let size = console::Term::stderr().size_checked().filter(|_| io::stderr().is_terminal());
    size.map(|(_, columns)| usize::from(columns))
}

/// Columns of standard output, if it is a terminal that says so.
pub fn out_width() -> Option<usize> {
    let size = console::Term::stdout().size_checked().filter(|_| out_is_terminal());
    size.map(|(_, columns)| usize::from(columns))
}

/// Our own text as standard output can show it.
pub fn for_out(text: &str) -> Cow<'_, str> {
    shown(text, out_is_terminal() && !is_utf8())
}

/// Our own text as standard error can show it.
pub fn for_error(text: &str) -> Cow<'_, str> {
    shown(text, io::stderr().is_terminal() && !is_utf8())
}

/// Our signs with letters of ASCII in their place.
fn shown(text: &str, in_ascii: bool) -> Cow<'_, str> {
    if !in_ascii || text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '·' => out.push('|'),
            '…' => out.push_str("..."),
            '✓' => out.push('+'),
            '✗' | '×' => out.push('x'),
            '±' => out.push_str("+-"),
            '–' => out.push('-'),
            'µ' => out.push('u'),
            'Δ' => out.push('d'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// "one-very-l…ame.gguf": at most `width` columns, cut in the middle.
pub fn middle(text: &str, width: usize, in_ascii: bool) -> String {
    let n = text.chars().count();
    let dots = if in_ascii { "..." } else { "…" };
    let n_dots = dots.chars().count();
    if n <= width || width <= n_dots {
        return text.chars().take(width).collect();
    }
    let kept = width - n_dots;
    let head: String = text.chars().take(kept.div_ceil(2)).collect();
    let tail: String = text.chars().skip(n - kept / 2).collect();
    format!("{head}{dots}{tail}")
}

/// True if the locale has more letters than ASCII.
pub fn is_utf8() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_lowercase();
    cfg!(windows) || locale.contains("utf-8") || locale.contains("utf8")
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_in_ascii() {
        assert_eq!(shown("a · b … 1 ± 2", true), "a | b ... 1 +- 2");
        assert_eq!(shown("a · b", false), "a · b");
        assert_eq!(shown("Zürich", true), "Zürich", "names stay what they are");
    }

    #[test]
    fn cuts_are_in_the_middle() {
        let rows = [
            ("short", 10, "short"),
            ("exactly ten", 11, "exactly ten"),
            ("llama3.2:1b-instruct", 10, "llama…ruct"),
            ("äöüäöüäöüäöü", 5, "äö…öü"),
            ("abc", 1, "a"),
            ("abc", 0, ""),
        ];
        for (text, width, wanted) in rows {
            assert_eq!(middle(text, width, false), wanted, "{text} {width}");
        }
        assert_eq!(middle("llama3.2:1b-instruct", 10, true), "llam...uct");
    }
}
