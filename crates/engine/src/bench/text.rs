//! Numbers and names as people read them: decimal units, thousands apart, nothing that acts on a
//! terminal or breaks a table.

use std::borrow::Cow;

/// What stands where there is no number.
pub const NONE: &str = "–";

/// Control characters, and marks that reorder text, made visible: names come from files.
pub fn clean(text: &str) -> Cow<'_, str> {
    let is_unsafe =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if is_unsafe(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Three digits at least: "1,840", "156.2", "10.84".
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        1000.0.. => return thousands(value.round()),
        100.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// A whole number with a comma between thousands.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", &*digits), |rest| ("-", rest));
    let mut out = String::from(sign);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// With a decimal prefix: `scaled(31.2e9, "B/s")` is "31.2 GB/s".
pub fn scaled(value: f64, unit: &str) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match prefixes.iter().find(|prefix| value >= prefix.0) {
        Some((scale, prefix)) => {
            let value = value / scale;
            let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
            format!("{value:.decimals$} {prefix}{unit}")
        }
        None => format!("{value:.0} {unit}"),
    }
}

/// "1.24 B", "135 M": how parameters are counted.
pub fn params(n: u64) -> String {
    scaled(n as f64, "").replace('G', "B").trim_end().to_owned()
}

/// "78%"; from 1 % on without decimals.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    let decimals = usize::from(value < 1.0);
    format!("{value:.decimals$}%")
}

/// "412 ms", "1.84 s", "3 min 20 s".
pub fn duration(seconds: f64) -> String {
    match seconds {
        60.0.. => format!("{} min {} s", (seconds / 60.0) as u64, (seconds % 60.0) as u64),
        1.0.. => format!("{seconds:.2} s"),
        0.01.. => format!("{:.0} ms", seconds * 1000.0),
        _ => format!("{:.2} ms", seconds * 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let table = [
            (number(1840.2), "1,840"),
            (number(156.24), "156.2"),
            (number(10.844), "10.84"),
            (number(0.5), "0.500"),
            (thousands(-1_234_567.0), "-1,234,567"),
            (thousands(999.0), "999"),
            (scaled(31.24e9, "B/s"), "31.2 GB/s"),
            (scaled(4.3e12, "B/s"), "4.30 TB/s"),
            (scaled(512.0, "B"), "512 B"),
            (params(1_235_814_432), "1.24 B"),
            (params(134_515_008), "135 M"),
            (percent(0.784), "78%"),
            (percent(0.0042), "0.4%"),
            (duration(0.412), "412 ms"),
            (duration(0.0004), "0.40 ms"),
            (duration(1.84), "1.84 s"),
            (duration(200.0), "3 min 20 s"),
        ];
        for (shown, wanted) in table {
            assert_eq!(shown, wanted);
        }
    }

    #[test]
    fn names_do_nothing() {
        assert_eq!(clean("Llama é"), "Llama é");
        assert_eq!(clean("a\u{1b}[2J\u{202e}b"), "a\\u{1b}[2J\\u{202e}b");
    }
}
