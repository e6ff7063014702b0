//! What an analysis follows from, as a number: the model's bytes, the text's and the settings.

use gguf::{ByteSource, Gguf, SourceError};
use sha2::{Digest, Sha256};

/// Changes when what is measured changes.
const METHOD: &str = "1";

/// Bytes that are read at a time.
const PIECE: usize = 1 << 22;

/// Digests of what goes in, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the model: of all of its files in order.
    pub model: String,
    /// Of the text.
    pub text: String,
    /// Of the importance matrix, if one is given.
    pub importance: Option<String>,
}

/// What an analysis is kept by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub String);

impl Key {
    /// Of everything that goes in; `settings` is a line of all that changes the numbers.
    pub fn new(digests: &Digests, settings: &str) -> Key {
        let importance = digests.importance.as_deref().unwrap_or("none");
        let Digests { model, text, .. } = digests;
        let all = format!("{METHOD}\n{model}\n{text}\n{importance}\n{settings}\n");
        Key(hex(&Sha256::digest(all.as_bytes())))
    }
}

/// Digest of bytes in memory.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A digest that is being made.
#[derive(Default)]
pub struct Running(Sha256);

impl Running {
    /// Takes all bytes of a source; false if `watch`, which gets how many came, stopped it.
    ///
    /// # Errors
    /// The source's.
    pub fn source(
        &mut self,
        source: &dyn ByteSource,
        mut watch: impl FnMut(u64) -> bool,
    ) -> Result<bool, SourceError> {
        // So that bytes do not move from one file to the next unseen.
        self.0.update(source.len().to_le_bytes());
        let mut piece = vec![0; PIECE];
        let mut at = 0;
        while at < source.len() {
            let n = (source.len() - at).min(PIECE as u64);
            let piece = piece.get_mut(..n as usize).unwrap_or_default();
            source.read_at(at, piece)?;
            self.0.update(&*piece);
            at += n;
            if !watch(n) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// In hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The model again, and the digest of all its bytes. `watch` gets bytes done and in all; it may
/// stop the reading, which then has no digest.
///
/// # Errors
/// A file that cannot be read, in words.
pub fn hashed(
    gguf: Gguf,
    mut watch: impl FnMut(u64, u64) -> bool,
) -> Result<(Gguf, Option<String>), SourceError> {
    let total = gguf.file_bytes().sum();
    let mut hash = Running::default();
    let mut result = Ok(true);
    let mut done = 0;
    let gguf = gguf.map_sources(|_, source| {
        if let Ok(true) = result {
            result = hash.source(&*source, |n| {
                done += n;
                watch(done, total)
            });
        }
        source
    });
    let is_whole = result?;
    Ok((gguf, is_whole.then(|| hash.finish())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_makes_another_key() {
        let one = Digests { model: "a".into(), text: "b".into(), importance: None };
        let key = Key::new(&one, "s");
        assert_eq!(key, Key::new(&one.clone(), "s"));
        let others = [
            (Digests { model: "c".into(), ..one.clone() }, "s"),
            (Digests { text: "c".into(), ..one.clone() }, "s"),
            (Digests { importance: Some("c".into()), ..one.clone() }, "s"),
            (one, "t"),
        ];
        for (digests, settings) in others {
            assert_ne!(key, Key::new(&digests, settings), "{digests:?} {settings}");
        }
    }
}
