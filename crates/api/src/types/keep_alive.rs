//! How long a model stays in memory after its last request.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::limits::MAX_KEEP_ALIVE_SECONDS;

/// A span, or no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeepAlive {
    /// Zero: unload with the last request.
    For(Duration),
    /// Until it is asked to leave, or its memory is needed.
    Forever,
}

impl KeepAlive {
    /// Ollama's default: five minutes.
    pub const DEFAULT: KeepAlive = KeepAlive::For(Duration::from_secs(5 * 60));
    /// Leave at once.
    pub const NONE: KeepAlive = KeepAlive::For(Duration::ZERO);

    /// The value of `OLLAMA_KEEP_ALIVE`: a Go duration or whole seconds.
    ///
    /// # Errors
    /// [`DurationError`] if it is neither.
    pub fn parse(text: &str) -> Result<KeepAlive, DurationError> {
        match text.trim().parse::<i64>() {
            Ok(seconds) => Ok(KeepAlive::of_seconds(seconds as f64)),
            Err(_) => parse_duration(text.trim()).map(KeepAlive::of_span),
        }
    }

    /// Seconds as JSON gives them; the fraction is dropped, negative is forever.
    fn of_seconds(seconds: f64) -> KeepAlive {
        if seconds < 0.0 || seconds >= MAX_KEEP_ALIVE_SECONDS as f64 {
            return KeepAlive::Forever;
        }
        KeepAlive::For(Duration::from_secs(seconds as u64))
    }

    fn of_span((negative, span): (bool, Duration)) -> KeepAlive {
        let is_forever = negative && !span.is_zero() || span.as_secs() >= MAX_KEEP_ALIVE_SECONDS;
        if is_forever { KeepAlive::Forever } else { KeepAlive::For(span) }
    }
}

impl<'de> Deserialize<'de> for KeepAlive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeepAlive, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = KeepAlive;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("seconds as a number, or a duration such as \"10m\"")
            }
            fn visit_i64<E: Error>(self, seconds: i64) -> Result<KeepAlive, E> {
                Ok(KeepAlive::of_seconds(seconds as f64))
            }
            fn visit_u64<E: Error>(self, seconds: u64) -> Result<KeepAlive, E> {
                Ok(KeepAlive::of_seconds(seconds as f64))
            }
            fn visit_f64<E: Error>(self, seconds: f64) -> Result<KeepAlive, E> {
                Ok(KeepAlive::of_seconds(seconds))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<KeepAlive, E> {
                parse_duration(text).map(KeepAlive::of_span).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A text that is no duration, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No number where one must stand.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    NoUnit(String),
    /// Not one of `ns us µs ms s m h`.
    #[error("time: unknown unit {1:?} in duration {0:?}")]
    Unit(String, String),
}

/// Longest text that is read: every meaningful duration is far shorter.
const MAX_DURATION_BYTES: usize = 64;

/// A duration in Go's notation: a sign, then numbers with units (`1h30m`, `-1.5s`, `0`). The
/// result is whether it is negative, and its length; too long ones are cut at [`Duration::MAX`].
///
/// # Errors
/// [`DurationError`] in Go's words.
pub fn parse_duration(text: &str) -> Result<(bool, Duration), DurationError> {
    let shown = || text.chars().take(MAX_DURATION_BYTES).collect::<String>();
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok((negative, Duration::ZERO));
    }
    if rest.is_empty() || text.len() > MAX_DURATION_BYTES {
        return Err(DurationError::Invalid(shown()));
    }
    let mut span = Duration::ZERO;
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let (number, behind) = rest.split_at(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
        let number: f64 = number.parse().map_err(|_| DurationError::Invalid(shown()))?;
        let (unit, behind) = behind.split_at(behind.find(is_number).unwrap_or(behind.len()));
        let seconds = match unit {
            "" => return Err(DurationError::NoUnit(shown())),
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            unit => return Err(DurationError::Unit(shown(), unit.into())),
        };
        let part = Duration::try_from_secs_f64(number * seconds).unwrap_or(Duration::MAX);
        span = span.saturating_add(part);
        rest = behind;
    }
    Ok((negative, span))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    fn seconds(n: u64) -> KeepAlive {
        KeepAlive::For(Duration::from_secs(n))
    }

    #[test]
    fn json_values() {
        let cases = [
            (json!(0), seconds(0)),
            (json!(10), seconds(10)),
            (json!(1.9), seconds(1)),
            (json!(-1), KeepAlive::Forever),
            (json!(-0.5), KeepAlive::Forever),
            (json!(1e30), KeepAlive::Forever),
            (json!("10m"), seconds(600)),
            (json!("1h30m"), seconds(5400)),
            (json!("1.5s"), KeepAlive::For(Duration::from_millis(1500))),
            (json!("-1m"), KeepAlive::Forever),
            (json!("0"), seconds(0)),
            (json!("-0"), seconds(0)),
            (json!("9999999h"), KeepAlive::Forever),
        ];
        for (value, want) in cases {
            assert_eq!(
                serde_json::from_value::<KeepAlive>(value.clone()).ok(),
                Some(want),
                "{value}"
            );
        }
    }

    #[test]
    fn errors_are_in_the_words_of_go() {
        let wrong = |kind: &str| {
            let expected = "seconds as a number, or a duration such as \"10m\"";
            format!("invalid type: {kind}, expected {expected}")
        };
        let cases = [
            (json!("10"), r#"time: missing unit in duration "10""#),
            (json!(""), r#"time: invalid duration """#),
            (json!("abc"), r#"time: invalid duration "abc""#),
            (json!("1.2.3s"), r#"time: invalid duration "1.2.3s""#),
            (json!("3d"), r#"time: unknown unit "d" in duration "3d""#),
            (json!(true), &wrong("boolean `true`")),
            (json!([]), &wrong("sequence")),
        ];
        for (value, want) in cases {
            let error = serde_json::from_value::<KeepAlive>(value).unwrap_err();
            assert_eq!(error.to_string(), want.to_string());
        }
        assert_eq!(KeepAlive::parse("300"), Ok(seconds(300)));
        assert_eq!(KeepAlive::parse("-1"), Ok(KeepAlive::Forever));
        assert_eq!(KeepAlive::parse("24h"), Ok(seconds(86400)));
        assert!(KeepAlive::parse("soon").is_err());
    }
}
