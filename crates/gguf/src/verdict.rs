//! The reader's answer about a file as one line of text, the same on every machine.
//!
//! Two builds of this crate (64-bit native, wasm32) are compared by what they say, so the line has
//! everything a wrong truncation could change: the error with its numbers, or the counts and a
//! checksum over every key, value and extent.

use std::fmt::Write as _;

use crate::file::Gguf;
use crate::limits::Limits;

/// "accept …" with counts and a checksum, or "kind: sentence".
pub fn verdict(bytes: &[u8], limits: &Limits) -> String {
    match Gguf::open_with(vec![Box::new(bytes.to_vec())], limits) {
        Err(error) => format!("{}: {error}", error.kind()),
        Ok(gguf) => {
            let mut sum = Fnv::default();
            // Writing into a checksum cannot fail.
            let _ = write!(sum, "{:?}{:?}", gguf.metadata, gguf.tensors);
            format!(
                "accept: {} keys, {} tensors of {} bytes from {}, {} trailing, checksum {:016x}",
                gguf.metadata.len(),
                gguf.tensors.len(),
                gguf.tensor_bytes(),
                gguf.data_start,
                gguf.trailing_bytes,
                sum.0
            )
        }
    }
}

/// FNV-1a over 64 bits: enough to tell two answers apart.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl std::fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
