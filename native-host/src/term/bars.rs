//! The look of a line of progress: percent and amount always, the rest as far as there is room.

use indicatif::ProgressStyle;

use super::look::{error_width, is_utf8, middle};

/// From these many columns on the bar, the rate and the time left are shown, too.
const BAR_FROM: usize = 48;
const RATE_FROM: usize = 64;
const LEFT_FROM: usize = 84;
/// Columns that percent and amount take.
const FIGURES: usize = 24;
/// The least that is left of a name.
const MIN_NAME: usize = 8;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Bytes,
    /// Something that speaks for itself in the bar's message.
    Work,
}

/// The style of a bar on standard error as wide as it is now; `{prefix}` is its name.
pub fn style(counted: Counted) -> ProgressStyle {
    let template = template(counted, error_width().unwrap_or(80));
    let style = ProgressStyle::with_template(&template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars(if is_utf8() { "█▌ " } else { "#  " })
}

/// The style of something that only turns.
pub fn turning() -> ProgressStyle {
    let style = ProgressStyle::default_spinner();
    if is_utf8() { style } else { style.tick_chars("|/-\\ ") }
}

/// True where a line has no room for more than percent and some words.
pub fn is_narrow() -> bool {
    error_width().is_some_and(|width| width < RATE_FROM)
}

/// A name as short as the line wants it.
pub fn name(text: &str) -> String {
    let width = error_width().unwrap_or(80);
    middle(text, width.saturating_sub(FIGURES).max(MIN_NAME), !is_utf8())
}

fn template(counted: Counted, width: usize) -> String {
    let (amount, rate) = match counted {
        Counted::Bytes => ("{decimal_bytes}/{decimal_total_bytes}", " {decimal_bytes_per_sec}"),
        Counted::Work => ("{msg}", ""),
    };
    let bar = if width >= BAR_FROM { "{wide_bar} " } else { "" };
    let rate = if width >= RATE_FROM { rate } else { "" };
    let left = if width >= LEFT_FROM { " about {eta} left" } else { "" };
    format!("{{prefix}} {{percent:>3}}% {bar}{amount}{rate}{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_narrow_line_leaves_out() {
        let rows = [
            (40, "{prefix} {percent:>3}% {decimal_bytes}/{decimal_total_bytes}"),
            (50, "{prefix} {percent:>3}% {wide_bar} {decimal_bytes}/{decimal_total_bytes}"),
            (
                70,
                "{prefix} {percent:>3}% {wide_bar} {decimal_bytes}/{decimal_total_bytes} \
                 {decimal_bytes_per_sec}",
            ),
            (
                200,
                "{prefix} {percent:>3}% {wide_bar} {decimal_bytes}/{decimal_total_bytes} \
                 {decimal_bytes_per_sec} about {eta} left",
            ),
        ];
        for (width, wanted) in rows {
            assert_eq!(template(Counted::Bytes, width), wanted, "{width}");
        }
        assert_eq!(template(Counted::Work, 40), "{prefix} {percent:>3}% {msg}");
    }
}
