//! Rotary position embedding as a table of frequencies.
//!
//! Every scaling scheme in use (linear, YaRN, Llama 3's per-dimension factors) makes an angle that
//! is linear in the position, so `model` folds all of them into one frequency per pair and players
//! never hear of them: `angle[i](p) = p · inv_freq[i]`.
//!
//! Source: Su et al., *RoFormer*, 2021 (arXiv:2104.09864); Peng et al., *YaRN*, 2023
//! (arXiv:2309.00071).

/// Which two elements of a head form the pair `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RopeStyle {
    /// `(2i, 2i + 1)`: llama files (their Q and K rows were permuted for it).
    Interleaved,
    /// `(i, i + n_rot/2)`: qwen, gemma and most others.
    Halves,
}

/// Frequencies of one rotation. Elements of a head beyond `2 · inv_freq.len()` are not rotated.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeTable {
    /// How a head is cut into pairs.
    pub style: RopeStyle,
    /// Radians per position, one per pair.
    pub inv_freq: Vec<f64>,
    /// Factor on cosine and sine (YaRN's attention temperature; 1 otherwise).
    pub magnitude: f32,
    /// What the frequencies are in a long context, where that differs.
    pub long: Option<LongRope>,
}

/// The frequencies of a context that is longer than the one the usual ones were trained for. Which
/// of the two hold is decided once, when a model is loaded: keys that were turned by the one would
/// mean nothing beside those of the other.
///
/// Source: Ding et al., *LongRoPE*, 2024 (arXiv:2402.13753).
#[derive(Clone, Debug, PartialEq)]
pub struct LongRope {
    /// Tokens of context up to which the usual frequencies hold.
    pub above: usize,
    /// Radians per position, as many as the usual ones.
    pub inv_freq: Vec<f64>,
}

impl RopeTable {
    /// Chooses the frequencies for a context of `n_ctx` tokens.
    pub fn settle(&mut self, n_ctx: usize) {
        if let Some(long) = self.long.take()
            && n_ctx > long.above
        {
            self.inv_freq = long.inv_freq;
        }
    }

    /// Number of pairs.
    pub fn n_pairs(&self) -> usize {
        self.inv_freq.len()
    }

    /// Writes `(cos, sin)` for each pair at `pos` into `out`, `[n_pairs][2]` flattened.
    ///
    /// The angle is computed in f64: at position 131 072 an f32 angle is already off by 1e-2 rad.
    pub fn cos_sin(&self, pos: usize, out: &mut [f32]) {
        for (pair, freq) in out.chunks_exact_mut(2).zip(&self.inv_freq) {
            let (sin, cos) = (pos as f64 * freq).sin_cos();
            pair[0] = cos as f32 * self.magnitude;
            pair[1] = sin as f32 * self.magnitude;
        }
    }
}
