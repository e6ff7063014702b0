//! Embeddings: texts read like prompts, their hidden rows pooled into one vector each.
//!
//! What is pooled are the rows behind the last norm, as the file's `pooling_type` says. Vectors are
//! not normalized: that is a matter of the interface that asks. Sums are in f64, so that the mean
//! of a long text does not depend on how it was cut into chunks.

use std::collections::VecDeque;

/// How the rows of a text become one vector; `{arch}.pooling_type` in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// The mean of all rows: what files mean that say nothing.
    #[default]
    Mean,
    /// The first row, of models that put a token for it in front.
    Cls,
    /// The last row, which in a causal model has seen all others.
    Last,
}

impl Pooling {
    /// From the file's number: 1, 2 and 3 as llama.cpp counts them; 0 and 4 (no pooling, ranks)
    /// give no vector of a text, so they and all others mean the default.
    pub fn from_number(number: Option<u32>) -> Pooling {
        match number {
            Some(2) => Pooling::Cls,
            Some(3) => Pooling::Last,
            _ => Pooling::Mean,
        }
    }
}

/// Vectors of some texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// One per text, in their order, not normalized.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all texts.
    pub n_tokens: usize,
    /// Tokens that were cut off, because a text is longer than the context.
    pub truncated_tokens: usize,
    /// It was cancelled: vectors are missing.
    pub is_cancelled: bool,
}

/// The work on some texts in one slot.
pub(crate) struct Embed {
    pooling: Pooling,
    dim: usize,
    waiting: VecDeque<Vec<u32>>,
    /// Rows of the current text so far, and what was pooled of them.
    n_rows: usize,
    pooled: Vec<f64>,
    n_read: usize,
    is_over: bool,
    done: Embeddings,
}

impl Embed {
    /// For texts of at least one id each; the first is taken with [`Embed::next_input`].
    pub fn new(pooling: Pooling, dim: usize, texts: Vec<Vec<u32>>, truncated: usize) -> Embed {
        let n_tokens = texts.iter().map(Vec::len).sum();
        let done = Embeddings { n_tokens, truncated_tokens: truncated, ..Embeddings::default() };
        let (waiting, pooled) = (texts.into(), vec![0.0; dim]);
        Embed { pooling, dim, waiting, n_rows: 0, pooled, n_read: 0, is_over: false, done }
    }

    pub fn is_over(&self) -> bool {
        self.is_over
    }

    pub fn cancel(&mut self) {
        self.done.is_cancelled |= !self.is_over;
        self.is_over = true;
    }

    /// Tokens read so far, and in all.
    pub fn n_read(&self) -> usize {
        self.n_read
    }

    pub fn n_tokens(&self) -> usize {
        self.done.n_tokens
    }

    /// Takes hidden rows of the current text.
    pub fn take_rows(&mut self, rows: &[f32]) {
        for row in rows.chunks_exact(self.dim.max(1)) {
            match self.pooling {
                Pooling::Mean => {
                    self.pooled.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
                }
                Pooling::Cls if self.n_rows > 0 => {}
                Pooling::Cls | Pooling::Last => {
                    self.pooled.iter_mut().zip(row).for_each(|(kept, x)| *kept = f64::from(*x));
                }
            }
            self.n_rows += 1;
            self.n_read += 1;
        }
    }

    /// Closes the current text, if there is one, and gives the next.
    pub fn next_input(&mut self) -> Option<Vec<u32>> {
        if self.n_rows > 0 {
            let n = if self.pooling == Pooling::Mean { self.n_rows as f64 } else { 1.0 };
            self.done.vectors.push(self.pooled.iter().map(|sum| (sum / n) as f32).collect());
            self.pooled.fill(0.0);
            self.n_rows = 0;
        }
        let next = self.waiting.pop_front();
        self.is_over |= next.is_none();
        next
    }

    /// What there is.
    pub fn finish(mut self) -> Embeddings {
        self.done.is_cancelled |= !self.is_over;
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_pooled_as_the_file_says() {
        let rows = [1.0, 2.0, 3.0, 4.0, 8.0, 0.0];
        for (number, want) in [
            (None, [4.0, 2.0]),
            (Some(1), [4.0, 2.0]),
            (Some(2), [1.0, 2.0]),
            (Some(3), [8.0, 0.0]),
            (Some(0), [4.0, 2.0]),
        ] {
            let pooling = Pooling::from_number(number);
            let mut embed = Embed::new(pooling, 2, vec![vec![7; 3], vec![8]], 0);
            assert_eq!(embed.next_input(), Some(vec![7; 3]));
            embed.take_rows(&rows[..2]);
            embed.take_rows(&rows[2..]);
            assert_eq!(embed.next_input(), Some(vec![8]));
            embed.take_rows(&[5.0, 6.0]);
            assert_eq!(embed.next_input(), None);
            assert!(embed.is_over());
            let done = embed.finish();
            assert_eq!(done.vectors, [want.to_vec(), vec![5.0, 6.0]], "{number:?}");
            assert_eq!((done.n_tokens, done.is_cancelled), (4, false));
        }
    }

    #[test]
    fn a_cancelled_work_says_so() {
        let mut embed = Embed::new(Pooling::Mean, 1, vec![vec![1], vec![2]], 0);
        embed.next_input();
        embed.take_rows(&[1.0]);
        embed.cancel();
        assert!(embed.is_over() && embed.finish().is_cancelled);
    }
}
