//! SHA-256 digests: the only thing that can name a blob.
//!
//! A digest is parsed once, at the edge, into 32 bytes; paths are made from the bytes. Text from
//! the net never becomes a path, which is how other stores were broken into.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// The SHA-256 of a blob's bytes. Its text form is `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The digest's 32 bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of `data`.
    pub fn of(data: &[u8]) -> Digest {
        Digest(Sha256::digest(data).into())
    }

    /// Parses the form that stands on the wire, `sha256:<64 hex>`, and no other.
    ///
    /// # Errors
    /// [`Error::Digest`] for anything else: other algorithms, other lengths, upper case.
    pub fn parse_wire(text: &str) -> Result<Digest, Error> {
        Digest::parse_after(text, "sha256:")
    }

    fn parse_after(text: &str, prefix: &str) -> Result<Digest, Error> {
        // Long text would only make the message long.
        let refuse = || Error::Digest { text: text.chars().take(100).collect() };
        let hex = text.strip_prefix(prefix).ok_or_else(refuse)?;
        let mut bytes = [0; 32];
        if hex.len() != 64 {
            return Err(refuse());
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let [high, low] = pair else { return Err(refuse()) };
            *byte = (nibble(*high).ok_or_else(refuse)? << 4) | nibble(*low).ok_or_else(refuse)?;
        }
        Ok(Digest(bytes))
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first 12 digits, as people see them.
    pub fn short(&self) -> String {
        self.hex().chars().take(12).collect()
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Parses `sha256:<64 hex>`, and `sha256-<64 hex>` as it stands in file names.
    fn from_str(text: &str) -> Result<Digest, Error> {
        match text.starts_with("sha256-") {
            true => Digest::parse_after(text, "sha256-"),
            false => Digest::parse_wire(text),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// SHA-256 of nothing.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digests_are_parsed() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), format!("sha256:{EMPTY}"));
        assert_eq!(digest.short(), "e3b0c44298fc");
        for text in [format!("sha256:{EMPTY}"), format!("sha256-{EMPTY}")] {
            assert_eq!(text.parse(), Ok(digest));
        }
        assert!(Digest::parse_wire(&format!("sha256-{EMPTY}")).is_err());
    }

    #[test]
    fn everything_else_is_refused() {
        let hex = |n| "a".repeat(n);
        let rows = [
            String::new(),
            hex(64),
            format!("sha256:{}", hex(63)),
            format!("sha256:{}", hex(65)),
            format!("sha256:{}", EMPTY.to_uppercase()),
            format!("sha256:{}é", hex(62)),
            format!("sha512:{}", hex(128)),
            format!("md5:{}", hex(32)),
            "sha256:../../etc/passwd".into(),
            format!("sha256:../{}", hex(61)),
            format!("sha256:{}\0", hex(63)),
            format!("sha256:%2e%2e%2f{}", hex(55)),
            format!(" sha256:{EMPTY}"),
        ];
        for text in rows {
            let error = text.parse::<Digest>().unwrap_err();
            assert!(matches!(error, Error::Digest { .. }), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn text_and_bytes_are_one(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(Digest::parse_wire(&digest.to_string()), Ok(digest));
        }

        #[test]
        fn any_text_is_a_digest_or_an_error(text in ".{0,80}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.hex(), &text[7..]);
            }
        }
    }
}
