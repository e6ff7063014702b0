//! What may stand in each part of a name: Ollama's characters and lengths, and no device names.

use crate::limits::{HOST_CHARS, PART_CHARS};

/// A part of a name.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Host,
    Namespace,
    Model,
    Tag,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::Namespace => "namespace",
            Kind::Model => "model",
            Kind::Tag => "tag",
        }
    }

    const fn max(self) -> usize {
        match self {
            Kind::Host => HOST_CHARS,
            Kind::Namespace | Kind::Model | Kind::Tag => PART_CHARS,
        }
    }

    fn allows(self, byte: u8) -> bool {
        match byte {
            b'_' | b'-' => true,
            b'.' => self != Kind::Namespace,
            b':' => self == Kind::Host,
            _ => byte.is_ascii_alphanumeric(),
        }
    }

    const fn others(self) -> &'static str {
        match self {
            Kind::Host => "_ - . :",
            Kind::Namespace => "_ -",
            Kind::Model | Kind::Tag => "_ - .",
        }
    }
}

/// Whether a part follows the rules; the reason if not, as half a sentence.
pub(super) fn check(kind: Kind, part: &str) -> Result<(), String> {
    let (word, max) = (kind.word(), kind.max());
    if part.is_empty() {
        return Err(format!("its {word} is empty"));
    }
    if part.len() > max {
        return Err(format!("its {word} is longer than {max} characters"));
    }
    if let Some(bad) = part.chars().find(|c| !u8::try_from(*c).is_ok_and(|b| kind.allows(b))) {
        let (bad, others) = (bad.escape_debug(), kind.others());
        return Err(format!(
            "its {word} has a '{bad}', only letters, digits and {others} may stand there"
        ));
    }
    if !part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("its {word} must begin with a letter, a digit or _"));
    }
    match is_device(part) {
        true => Err(format!("its {word} is the name of a device on Windows, take another")),
        false => Ok(()),
    }
}

/// `con`, `NUL.txt`, `com1`: names that are no files on Windows, whatever follows the point.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    let numbered = |prefix| {
        let rest = stem.strip_prefix(prefix).unwrap_or("");
        matches!(rest.as_bytes(), [b'1'..=b'9'])
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}
