//! The first format: a count, then name, number of uses and sums of each tensor, one after another.
//!
//! It has no magic. What is not one is told apart by lengths that do not fit into the file, so
//! every one is checked against what is left of it before anything is allocated.

use std::collections::BTreeMap;

use gguf::ByteSource;

use super::{Imatrix, refuse};
use crate::Error;

pub(super) fn read(source: Box<dyn ByteSource>) -> Result<Imatrix, Error> {
    let n = usize::try_from(source.len()).map_err(|_| refuse("it is too large".to_owned()))?;
    let mut bytes = vec![0; n];
    source.read_at(0, &mut bytes).map_err(|error| refuse(error.to_string()))?;
    let mut rest = Rest(&bytes);
    let mut entries = BTreeMap::new();
    for _ in 0..rest.count("tensors")? {
        let n = rest.count("bytes of a name")?;
        let name = rest.text(n)?;
        // How many pieces of text were summed up.
        let n_calls = rest.number()?;
        let n_values = rest.count("numbers")?;
        let sums = rest.take(n_values.saturating_mul(4))?;
        let scale = if n_calls > 0 { n_calls as f32 } else { 1.0 };
        let floats = sums.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes) / scale);
        entries.insert(name, floats.collect());
    }
    // Older files end here.
    let mut imatrix = Imatrix { entries, ..Imatrix::default() };
    if !rest.0.is_empty() {
        imatrix.n_chunks = u32::try_from(rest.number()?).unwrap_or(0);
        let n = rest.count("bytes of a name")?;
        imatrix.dataset = rest.text(n)?;
    }
    Ok(imatrix)
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let short = || refuse(format!("it needs {n} bytes where {} are left", self.0.len()));
        let (taken, rest) = self.0.split_at_checked(n).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<i32, Error> {
        let bytes = self.take(4)?;
        Ok(i32::from_le_bytes(*bytes.first_chunk().unwrap_or(&[0; 4])))
    }

    /// A number of things that take a byte each at least.
    fn count(&mut self, what: &str) -> Result<usize, Error> {
        let n = self.number()?;
        let found = usize::try_from(n).ok().filter(|n| *n <= self.0.len());
        found.ok_or_else(|| {
            refuse(format!("it declares {n} {what}, {} bytes are left", self.0.len()))
        })
    }

    fn text(&mut self, n: usize) -> Result<String, Error> {
        let bytes = self.take(n)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| refuse("a name is no text".to_owned()))
    }
}
