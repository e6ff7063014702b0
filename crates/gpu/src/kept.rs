//! The outside of the texts that a host keeps about a device: what was tuned, what was examined.
//!
//! Lines of words and not JSON, which this crate has nothing to do with. The first line names the
//! kind of text and the device it is bound to, the last has a sum over all before: what says
//! anything else is refused with a sentence, because a form is only known to be right where it was
//! tried, and a half-written file says nothing at all.

use std::fmt::Write;

/// Bytes of a text: some hundred shapes or forms of a hundred characters.
const MAX_BYTES: usize = 256 << 10;

/// The first line of a text of this kind about this device; lines are added to it.
pub fn begin(kind: &str, device: &str) -> String {
    format!("{kind} {device}\n")
}

/// Adds the sum.
pub fn end(mut text: String) -> String {
    let sum = sum(text.as_bytes());
    let _ = writeln!(text, "sum {sum:016x}");
    text
}

/// The lines between the first and the last.
///
/// # Errors
/// Why the text is of no use, to follow "because".
pub fn lines<'a>(
    text: &'a str,
    kind: &str,
    device: &str,
) -> Result<impl Iterator<Item = &'a str>, String> {
    if text.len() > MAX_BYTES {
        return Err("it is too large".to_string());
    }
    let body = text.trim_end().rfind("\nsum ").map(|at| &text[..=at]).ok_or_else(damaged)?;
    let stated = text[body.len()..].trim_end().strip_prefix("sum ").ok_or_else(damaged)?;
    if u64::from_str_radix(stated, 16).ok() != Some(sum(body.as_bytes())) {
        return Err(damaged());
    }
    let mut lines = body.lines();
    let head = lines.next().and_then(|line| line.strip_prefix(kind)).ok_or_else(damaged)?;
    if head.trim() != device {
        return Err(format!("it was made for '{}' and not for '{device}'", head.trim()));
    }
    Ok(lines)
}

/// What is said of a text that makes no sense.
pub fn damaged() -> String {
    "it is damaged".to_string()
}

/// FNV-1a: finds damage, and nothing more is asked of it.
pub fn sum(bytes: &[u8]) -> u64 {
    let step = |h: u64, &b: &u8| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// For the tests of what is kept: a text about "a GPU, driver 1" is refused for another driver, and
/// with any bit or end of it changed.
#[cfg(test)]
pub fn refuses_all_but(text: &str, refused: impl Fn(&str, &str) -> Option<String>) {
    let device = "a GPU, driver 1";
    assert_eq!(refused(text, device), None, "{text}");
    let error = refused(text, "a GPU, driver 2").unwrap_or_default();
    assert!(error.contains("driver 1") && error.contains("driver 2"), "{error}");
    for i in 0..text.len() - 1 {
        let mut bytes = text.to_owned().into_bytes();
        bytes[i] ^= 1;
        if let Ok(changed) = String::from_utf8(bytes) {
            assert!(refused(&changed, device).is_some(), "byte {i}");
        }
        assert!(refused(&text[..i], device).is_some(), "{i} bytes");
    }
    for garbage in ["", "\n", "sum 0", "\nsum x", "{}", &"x".repeat(MAX_BYTES + 1)] {
        assert!(refused(garbage, device).is_some());
    }
}
