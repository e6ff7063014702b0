//! Moments and spans as they are written: RFC 3339 in UTC with nanoseconds, and integers of them.

use std::time::Duration;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment, counted from 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub Duration);

impl Timestamp {
    /// Whole seconds, as OpenAI counts.
    pub fn seconds(self) -> u64 {
        self.0.as_secs()
    }

    /// The moment after a span; the last representable one if there is none.
    #[must_use]
    pub fn after(self, span: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(span))
    }
}

/// The last moment that RFC 3339 can write, for spans that end behind it.
const LAST: &str = "9999-12-31T23:59:59.999999999Z";

impl std::fmt::Display for Timestamp {
    /// As Go writes it: fractions without trailing zeros, and `Z`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = i128::try_from(self.0.as_nanos()).unwrap_or(i128::MAX);
        let date = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
        let text = date.and_then(|date| date.format(&Rfc3339).ok());
        f.write_str(text.as_deref().unwrap_or(LAST))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A span in whole nanoseconds.
pub fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_go_does() {
        let cases = [
            (Duration::ZERO, "1970-01-01T00:00:00Z"),
            (Duration::new(1_709_210_096, 123_456_789), "2024-02-29T12:34:56.123456789Z"),
            (Duration::new(1_709_210_096, 120_000_000), "2024-02-29T12:34:56.12Z"),
            (Duration::new(253_402_300_799, 0), "9999-12-31T23:59:59Z"),
            (Duration::MAX, LAST),
        ];
        for (span, want) in cases {
            assert_eq!(Timestamp(span).to_string(), want);
        }
    }
}
