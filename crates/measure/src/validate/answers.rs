//! What the baseline says and computes in one window, kept until the other model reads the same.
//!
//! Both models need not be in memory together: what is kept goes through a file of the host's and
//! comes back with the same bits, so either way gives the same numbers. For a row of the 128 256
//! tokens of Llama 3 that are 257 kB, for a window of 512 tokens 65 MB.

use std::io::{self, Read, Write};

use kernels::{Op, Plan};

use super::layers::{Rows, kept_rows};
use crate::Windows;
use crate::kl::Coded;

/// A row of the baseline, and the logarithm of the probability of the token that followed.
pub(super) type Answer = (Coded, f32);

/// What was said in one window, and rows of the residual stream at each place of the Plan.
pub struct Answers {
    pub(super) rows: Vec<Answer>,
    /// Empty where the device does not show them.
    pub(super) streams: Rows,
}

impl Answers {
    /// Room for the answers to one window.
    pub fn new(n_vocab: usize, windows: &Windows) -> Answers {
        let rows = vec![(Coded::new(n_vocab), 0.0); windows.scored().len()];
        Answers { rows, streams: Rows::default() }
    }

    /// Bytes that [`Answers::write`] writes for one window at most.
    pub fn max_bytes(plan: &Plan, windows: &Windows) -> u64 {
        let row = Coded::n_bytes(plan.dims.n_vocab) as u64 + size_of::<f32>() as u64;
        let rows = row.saturating_mul(windows.scored().len() as u64);
        let is_place = |op: &&Op| matches!(op, Op::Qkv { .. } | Op::Head { .. });
        let n_places = plan.ops.iter().filter(is_place).count() as u64;
        let kept = (kept_rows(windows.n_ctx()) * plan.dims.dim * size_of::<f32>()) as u64;
        let counts = size_of::<u32>() as u64;
        let streams = kept.saturating_add(counts).saturating_mul(n_places);
        rows.saturating_add(streams).saturating_add(counts)
    }

    /// Writes them: rows with their numbers, then the number of places, and for each how many
    /// numbers it has, and these. All little-endian.
    ///
    /// # Errors
    /// Whatever `out` reports.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for (row, log_prob) in &self.rows {
            out.write_all(row.bytes())?;
            out.write_all(&log_prob.to_le_bytes())?;
        }
        let count = |n: usize| u32::try_from(n).map_err(io::Error::other);
        out.write_all(&count(self.streams.0.len())?.to_le_bytes())?;
        for place in &self.streams.0 {
            out.write_all(&count(place.len())?.to_le_bytes())?;
            for value in place {
                out.write_all(&value.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Reads what [`Answers::write`] wrote for windows of this size and this vocabulary.
    ///
    /// # Errors
    /// Whatever `from` reports; counts that were never written.
    pub fn read(&mut self, from: &mut dyn Read) -> io::Result<()> {
        let mut word = [0; size_of::<f32>()];
        for (row, log_prob) in &mut self.rows {
            from.read_exact(row.bytes_mut())?;
            from.read_exact(&mut word)?;
            *log_prob = f32::from_le_bytes(word);
            if !row.is_sound() {
                return Err(io::Error::other("a row holds no probabilities"));
            }
        }
        let mut count = |from: &mut dyn Read, most: usize| {
            from.read_exact(&mut word)?;
            let n = u32::from_le_bytes(word) as usize;
            if n > most { Err(io::Error::other(format!("{n} is too many"))) } else { Ok(n) }
        };
        let n_places = count(from, MAX_PLACES)?;
        self.streams.0.resize_with(n_places, Vec::new);
        for place in &mut self.streams.0 {
            let n = count(from, MAX_VALUES)?;
            place.clear();
            place.try_reserve(n).map_err(io::Error::other)?;
            for _ in 0..n {
                let mut value = [0; size_of::<f32>()];
                from.read_exact(&mut value)?;
                place.push(f32::from_le_bytes(value));
            }
        }
        Ok(())
    }
}

/// More layers than any model has.
const MAX_PLACES: usize = 1 << 16;
/// More numbers than the rows of one place have; 1 GiB.
const MAX_VALUES: usize = 1 << 28;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::Cut;
    use crate::softmax::Row;

    #[test]
    fn what_is_kept_comes_back() {
        let windows = Windows::of_ids((0..16).collect(), None, Cut::new(8)).unwrap();
        let mut all = Answers::new(5, &windows);
        for (i, (row, log_prob)) in all.rows.iter_mut().enumerate() {
            row.encode(&Row::new(&[i as f32, 1.0, -3.0, 0.5, 2.0], 0).unwrap());
            *log_prob = -(i as f32);
        }
        all.streams = Rows(vec![vec![1.0, -2.5], vec![f32::MIN_POSITIVE]]);
        let mut bytes = Vec::new();
        all.write(&mut bytes).unwrap();
        let mut back = Answers::new(5, &windows);
        // Of the window before: nothing of it may stay.
        back.streams = Rows(vec![vec![9.0; 7]; 3]);
        back.read(&mut &*bytes).unwrap();
        assert_eq!(back.rows, all.rows);
        assert_eq!(back.streams.0, all.streams.0);
        for cut in [0, 3, bytes.len() - 1] {
            let said = back.read(&mut &bytes[..cut]).unwrap_err();
            assert_eq!(said.kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
        // A number of places that nobody wrote.
        let at = all.rows.len() * (Coded::n_bytes(5) + 4);
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(back.read(&mut &*bytes).unwrap_err().to_string().contains("too many"));
    }
}
