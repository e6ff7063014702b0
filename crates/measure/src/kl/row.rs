//! A row of log-probabilities in 16 bits each, as llama.cpp's file has them.
//!
//! Values stand evenly between the largest and 16 below it (or the smallest, if that is nearer);
//! what is less probable than `exp(-16)` times the best is kept as if it were that. A row of
//! 128 256 tokens so takes 257 kB, and no log-probability is off by more than 0.00013.
//!
//! ```text
//! f32 scale, f32 min, u16 × n_vocab (rounded up to an even number): log p = min + scale · code
//! ```

use crate::softmax::Row;

/// Logits further below the best one than this are not told apart.
const SPAN: f32 = 16.0;

/// The largest code.
const CODES: f32 = 65535.0;

/// Bytes before the codes.
const HEAD: usize = 8;

/// Log-probabilities of another model for the same place.
pub(crate) trait Other {
    /// Logarithm of the probability of `id`.
    fn log_prob(&self, id: usize) -> f32;

    /// The most probable id, the first if there are several.
    fn top(&self) -> usize;
}

impl Other for Row<'_> {
    fn log_prob(&self, id: usize) -> f32 {
        Row::log_prob(self, id) as f32
    }

    fn top(&self) -> usize {
        self.top
    }
}

/// One row as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Coded {
    bytes: Vec<u8>,
    n_vocab: usize,
}

impl Coded {
    /// Bytes of a row.
    pub const fn n_bytes(n_vocab: usize) -> usize {
        HEAD + 2 * n_vocab.next_multiple_of(2)
    }

    /// Room for a row.
    pub fn new(n_vocab: usize) -> Coded {
        Coded { bytes: vec![0; Coded::n_bytes(n_vocab)], n_vocab }
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// To be filled with those of the file.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Takes a row.
    pub fn encode(&mut self, row: &Row<'_>) {
        let low = row.logits.iter().copied().fold(f32::INFINITY, f32::min).max(row.max - SPAN);
        let scale = (row.max - low) / CODES;
        let min = low - row.max - row.log_sum as f32;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let Some((head, codes)) = self.bytes.split_first_chunk_mut::<HEAD>() else { return };
        let [s, m] = [scale, min].map(f32::to_le_bytes);
        head.iter_mut().zip(s.into_iter().chain(m)).for_each(|(at, byte)| *at = byte);
        for (code, &logit) in codes.as_chunks_mut().0.iter_mut().zip(row.logits) {
            // In range: above `low`, and at most `max`.
            let steps = ((logit - low).max(0.0) * inverse).round_ties_even();
            *code = (steps as u16).to_le_bytes();
        }
    }

    fn head(&self) -> (f32, f32) {
        let float = |at: usize| {
            let bytes = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk());
            f32::from_le_bytes(bytes.copied().unwrap_or_default())
        };
        (float(0), float(4))
    }

    fn codes(&self) -> &[[u8; 2]] {
        let codes = self.bytes.get(HEAD..).unwrap_or(&[]).as_chunks().0;
        codes.get(..self.n_vocab).unwrap_or(codes)
    }

    /// False for numbers that are no log-probabilities.
    pub fn is_sound(&self) -> bool {
        let (scale, min) = self.head();
        (0.0..=1.0).contains(&scale) && min.is_finite() && min + scale * CODES < 1.0
    }
}

/// A coded row with what it says of the token that followed, as it was: a confident model is often
/// more than 16 nats away from that, and its perplexity would come out too small.
pub(crate) struct WithNext<'a> {
    /// The row.
    pub row: &'a Coded,
    /// The token that followed.
    pub next: usize,
    /// Logarithm of its probability.
    pub log_prob: f32,
}

impl Other for WithNext<'_> {
    fn log_prob(&self, id: usize) -> f32 {
        if id == self.next { self.log_prob } else { self.row.log_prob(id) }
    }

    fn top(&self) -> usize {
        self.row.top()
    }
}

impl Other for Coded {
    fn log_prob(&self, id: usize) -> f32 {
        let (scale, min) = self.head();
        let code = self.codes().get(id).copied().unwrap_or_default();
        scale * f32::from(u16::from_le_bytes(code)) + min
    }

    fn top(&self) -> usize {
        let (mut top, mut best) = (0, 0);
        for (i, code) in self.codes().iter().enumerate() {
            let code = u16::from_le_bytes(*code);
            if i == 0 || code > best {
                (top, best) = (i, code);
            }
        }
        top
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn codes_are_near_and_keep_the_best() {
        for logits in [
            vec![0.5, -1.0, 2.0, 1.9, -3.0],
            vec![0.0, 1.0, -100.0, f32::NEG_INFINITY],
            vec![4.0; 7],
        ] {
            let row = Row::new(&logits, 0).unwrap();
            let mut coded = Coded::new(logits.len());
            coded.encode(&row);
            assert!(coded.is_sound(), "{logits:?}");
            assert_eq!(coded.top(), row.top, "{logits:?}");
            for id in 0..logits.len() {
                let (want, got) = (Row::log_prob(&row, id), coded.log_prob(id));
                let is_far = logits[id] <= row.max - SPAN;
                let want = if is_far { -f64::from(SPAN) - row.log_sum } else { want };
                assert!((f64::from(got) - want).abs() < 1.3e-4, "{logits:?} {id}: {got}, {want}");
            }
        }
    }

    #[test]
    fn what_is_no_row_is_seen() {
        for (scale, min) in [(f32::NAN, -1.0), (-1.0, -1.0), (1e-4, f32::NEG_INFINITY), (1.0, 0.0)]
        {
            let mut coded = Coded::new(2);
            coded.bytes_mut()[..4].copy_from_slice(&f32::to_le_bytes(scale));
            coded.bytes_mut()[4..8].copy_from_slice(&f32::to_le_bytes(min));
            assert!(!coded.is_sound(), "{scale} {min}");
        }
    }
}
