//! A text as windows of tokens, cut as llama-perplexity cuts it.
//!
//! The whole text becomes ids once; window follows window, and where the model begins texts with a
//! token, it takes the place of a window's first one. Only the second half of a window is scored: a
//! token with little before it is hard to foresee, whatever the model. With a stride windows
//! overlap, and each scores the last ids of its own, as many as it goes on.

use std::ops::Range;

use tokenizer::{Encode, Tokenizer};

use crate::Error;

/// Tokens of the smallest window; the half that is scored then has one.
const MIN_CTX: usize = 4;

/// How a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Tokens of a window.
    pub n_ctx: usize,
    /// Tokens from one window to the next, if not all of one.
    pub stride: Option<usize>,
    /// Windows to leave out at the beginning.
    pub skip: usize,
    /// Windows to read at most.
    pub n_windows: Option<usize>,
    /// Read the text of special tokens as these tokens.
    pub parse_special: bool,
}

impl Cut {
    /// Windows of `n_ctx` tokens, all of them, side by side.
    pub fn new(n_ctx: usize) -> Cut {
        Cut { n_ctx, stride: None, skip: 0, n_windows: None, parse_special: false }
    }

    /// Tokens that a model must be loaded for.
    pub fn n_positions(&self) -> usize {
        self.n_ctx.saturating_add(self.stride.unwrap_or(0) / 2)
    }

    /// Tokens from one window to the next.
    fn step(&self) -> usize {
        self.stride.unwrap_or(self.n_ctx).max(1)
    }

    /// Position of the first row that is scored.
    fn first(&self) -> usize {
        match self.stride {
            Some(stride) => self.n_positions().saturating_sub(stride.saturating_add(1)),
            None => self.n_ctx / 2,
        }
    }

    /// Windows of a text, and the tokens it needs to have for one.
    fn count(&self, n_ids: usize) -> (usize, usize) {
        let n = self.n_positions();
        match self.stride {
            Some(_) => (n_ids.saturating_sub(n).div_ceil(self.step()), n.saturating_add(1)),
            // Two windows at least, or the error would mean nothing.
            None => (n_ids / n.max(1), n.saturating_mul(2)),
        }
    }
}

/// The windows of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    ids: Vec<u32>,
    bos: Option<u32>,
    cut: Cut,
    n: usize,
}

impl Windows {
    /// Cuts a text.
    ///
    /// # Errors
    /// [`Error::Window`], [`Error::TextTooShort`], [`Error::AddsEos`].
    pub fn new(tokenizer: &Tokenizer, text: &str, cut: Cut) -> Result<Windows, Error> {
        if tokenizer.adds_eos() || tokenizer.separator().is_some() {
            return Err(Error::AddsEos);
        }
        let options = Encode { add_special: true, parse_special: cut.parse_special };
        Windows::of_ids(tokenizer.encode(text, options), bos(tokenizer), cut)
    }

    /// Windows of ids; the first of each is replaced by `bos`.
    ///
    /// # Errors
    /// As [`Windows::new`].
    pub fn of_ids(mut ids: Vec<u32>, bos: Option<u32>, cut: Cut) -> Result<Windows, Error> {
        let stride = cut.stride.unwrap_or(1);
        if cut.n_ctx < MIN_CTX || stride == 0 || stride >= cut.n_ctx {
            let least = MIN_CTX.max(stride.saturating_add(1));
            return Err(Error::Window { n_ctx: cut.n_ctx, least });
        }
        let skipped = cut.skip.saturating_mul(cut.step());
        let (n, need) = cut.count(ids.len().saturating_sub(skipped));
        let need = need.saturating_add(skipped);
        if ids.len() < need {
            return Err(Error::TextTooShort { have: ids.len(), need, n_ctx: cut.n_ctx });
        }
        ids.drain(..skipped);
        Ok(Windows { ids, bos, cut, n: cut.n_windows.map_or(n, |most| n.min(most)) })
    }

    /// Whether another model makes the same tokens of the text: one whose tokens differ answers
    /// different questions.
    ///
    /// # Errors
    /// [`Error::OtherTokens`]; as [`Windows::new`].
    pub fn check_tokens(&self, tokenizer: &Tokenizer, text: &str) -> Result<(), Error> {
        let theirs = Windows::new(tokenizer, text, self.cut)?;
        let is_same = (0..self.n).all(|i| self.get(i) == theirs.get(i));
        if is_same { Ok(()) } else { Err(Error::OtherTokens) }
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.n
    }

    /// True if there is none to read.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// How they are cut.
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// Tokens of a window.
    pub fn n_ctx(&self) -> usize {
        self.cut.n_positions()
    }

    /// Positions whose rows are scored.
    pub fn scored(&self) -> Range<usize> {
        self.cut.first()..self.n_ctx().saturating_sub(1)
    }

    /// Ids of window `i`, as they are read.
    pub fn get(&self, i: usize) -> Vec<u32> {
        let mut ids = self.plain(i).to_vec();
        if let (Some(first), Some(bos)) = (ids.first_mut(), self.bos) {
            *first = bos;
        }
        ids
    }

    /// Ids of window `i`, as the text has them.
    fn plain(&self, i: usize) -> &[u32] {
        let start = i.saturating_mul(self.cut.step());
        self.ids.get(start..start.saturating_add(self.n_ctx())).unwrap_or(&[])
    }

    /// Ids of all windows, as the text has them.
    pub(crate) fn all_ids(&self) -> impl Iterator<Item = u32> {
        (0..self.n).flat_map(|i| self.plain(i)).copied()
    }
}

/// What windows begin with.
pub(crate) fn bos(tokenizer: &Tokenizer) -> Option<u32> {
    tokenizer.bos().filter(|_| tokenizer.adds_bos())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn windows(n: u32, bos: Option<u32>, cut: Cut) -> Result<Windows, Error> {
        Windows::of_ids((0..n).collect(), bos, cut)
    }

    #[test]
    fn windows_stand_side_by_side_and_begin_alike() {
        let cut = Cut { n_windows: Some(9), ..Cut::new(8) };
        let windows = windows(30, Some(99), cut).unwrap();
        assert_eq!((windows.len(), windows.n_ctx(), windows.scored()), (3, 8, 4..7));
        assert_eq!(windows.get(1), [99, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(windows.all_ids().count(), 24);
        assert_eq!(windows.all_ids().nth(8), Some(8));
    }

    #[test]
    fn some_are_left_out() {
        let cut = Cut { skip: 2, n_windows: Some(1), ..Cut::new(8) };
        let windows = windows(40, None, cut).unwrap();
        assert_eq!((windows.len(), windows.get(0)), (1, (16..24).collect()));
    }

    #[test]
    fn strides_overlap() {
        // Ten tokens at a time, each window scores the last four of its own.
        let cut = Cut { stride: Some(4), ..Cut::new(8) };
        let windows = windows(20, None, cut).unwrap();
        assert_eq!((windows.len(), windows.n_ctx(), windows.scored()), (3, 10, 5..9));
        assert_eq!(windows.get(2), (8..18).collect::<Vec<u32>>());
    }

    #[test]
    fn what_cannot_be_cut_is_said() {
        let stride = |n| Cut { stride: Some(n), ..Cut::new(8) };
        for (n, cut, about) in [
            (100, Cut::new(3), "at least 4"),
            (100, Cut::new(0), "at least 4"),
            (15, Cut::new(8), "16 are needed"),
            (100, stride(0), "at least 4"),
            (100, stride(8), "at least 9"),
            (10, stride(4), "11 are needed"),
            (31, Cut { skip: 2, ..Cut::new(8) }, "32 are needed"),
            (31, Cut { skip: usize::MAX, ..Cut::new(8) }, "are needed"),
            (31, Cut::new(usize::MAX), "are needed"),
        ] {
            let said = windows(n, None, cut).unwrap_err().to_string();
            assert!(said.contains(about), "{said}");
        }
    }
}
