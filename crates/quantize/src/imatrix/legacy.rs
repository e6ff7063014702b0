//! The first format: a count, then name, number of uses and sums of each tensor, one after another.
//!
//! It has no magic. What is not one is told apart by lengths that do not fit into the file, so
//! every one is checked against what is left of it before anything is allocated.

use std::collections::BTreeMap;
use std::io::{self, Write};

use gguf::ByteSource;

use super::refuse;
use super::sums::{ImatrixSums, InputSums};
use crate::Error;

pub(super) fn read(source: Box<dyn ByteSource>, chunk_size: u32) -> Result<ImatrixSums, Error> {
    let n = usize::try_from(source.len()).map_err(|_| refuse("it is too large".to_owned()))?;
    let mut bytes = vec![0; n];
    source.read_at(0, &mut bytes).map_err(|error| refuse(error.to_string()))?;
    let mut rest = Rest(&bytes);
    let rows = f64::from(chunk_size.max(1));
    let mut entries = BTreeMap::new();
    for _ in 0..rest.count("tensors")? {
        let n = rest.count("bytes of a name")?;
        let name = rest.text(n)?;
        // How many pieces of text were summed up; the sums are of means over a piece's rows.
        let n_calls = rest.number()?.max(1);
        let n_values = rest.count("numbers")?;
        let sums = rest.take(n_values.saturating_mul(4))?;
        let value = |bytes: &[u8; 4]| f64::from(f32::from_le_bytes(*bytes)) * rows;
        let squares = sums.as_chunks().0.iter().map(value).collect();
        entries.insert(name, InputSums { squares, counts: vec![f64::from(n_calls) * rows] });
    }
    // Older files end here.
    let mut sums = ImatrixSums { entries, chunk_size, ..ImatrixSums::default() };
    if !rest.0.is_empty() {
        sums.n_chunks = u32::try_from(rest.number()?).unwrap_or(0);
        let n = rest.count("bytes of a name")?;
        sums.datasets = vec![rest.text(n)?];
    }
    Ok(sums)
}

impl ImatrixSums {
    /// Writes the first format, for older programs: means times the number of pieces of text. The
    /// name of the last text is all it keeps of them.
    ///
    /// # Errors
    /// Whatever the destination reports; a number that is more than the format can say.
    pub fn write_legacy<W: Write>(&self, mut out: W) -> io::Result<W> {
        out.write_all(&int(self.entries.len())?)?;
        for (name, sums) in &self.entries {
            let most = sums.counts.iter().copied().fold(0.0, f64::max);
            // Rounded up, so that a few rows are not none.
            let n_calls = (most / f64::from(self.chunk_size.max(1))).ceil() as usize;
            put_text(&mut out, name)?;
            out.write_all(&int(n_calls)?)?;
            out.write_all(&int(sums.squares.len())?)?;
            for mean in sums.means() {
                out.write_all(&(mean * n_calls as f32).to_le_bytes())?;
            }
        }
        out.write_all(&int(self.n_chunks as usize)?)?;
        put_text(&mut out, self.datasets.last().map_or("", String::as_str))?;
        out.flush()?;
        Ok(out)
    }
}

fn put_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(&int(text.len())?)?;
    out.write_all(text.as_bytes())
}

fn int(n: usize) -> io::Result<[u8; 4]> {
    let n = i32::try_from(n).map_err(|_| io::Error::other(format!("{n} does not fit")))?;
    Ok(n.to_le_bytes())
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
