//! The `Range` header of a request.

use std::ops::Range;

/// What a `Range` header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// All of it: no header, several ranges, or one that is not understood.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Outside,
}

/// Reads a `Range` header for a file of `len` bytes.
pub fn requested_range(header: Option<&str>, len: u64) -> Requested {
    let spec = header.and_then(|header| header.trim().strip_prefix("bytes="));
    let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else {
        return Requested::Whole;
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (number(first), number(last)) {
        (None, Some(n)) if first.is_empty() => len.saturating_sub(n)..len,
        (Some(first), None) if last.is_empty() => first..len,
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        _ => return Requested::Whole,
    };
    if range.start < range.end { Requested::Part(range) } else { Requested::Outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let rows = [
            (None, Requested::Whole),
            (Some("bytes=0-0"), Requested::Part(0..1)),
            (Some("bytes=2-"), Requested::Part(2..10)),
            (Some("bytes=-3"), Requested::Part(7..10)),
            (Some("bytes=-30"), Requested::Part(0..10)),
            (Some("bytes=5-99999999999999999999999"), Requested::Part(5..10)),
            (Some("bytes=10-"), Requested::Outside),
            (Some("bytes=10-20"), Requested::Outside),
            (Some("bytes=-0"), Requested::Outside),
            (Some("bytes=5-4"), Requested::Whole),
            (Some("bytes=0-1,3-4"), Requested::Whole),
            (Some("bytes=a-b"), Requested::Whole),
            (Some("items=0-1"), Requested::Whole),
            (Some("bytes=-"), Requested::Whole),
        ];
        for (header, wanted) in rows {
            assert_eq!(requested_range(header, 10), wanted, "{header:?}");
        }
        assert_eq!(requested_range(Some("bytes=0-"), 0), Requested::Outside);
    }
}
