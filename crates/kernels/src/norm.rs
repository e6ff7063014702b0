//! Norms: what the ops of a [`Plan`](crate::Plan) say of them.

use crate::plan::WeightId;

/// What a norm divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Root-mean-square norm: `y = gain ⊙ x / sqrt(mean(x²) + eps)`.
    Rms,
    /// Layer norm: `y = gain ⊙ (x - mean(x)) / sqrt(var(x) + eps) + bias`.
    Layer {
        /// As wide as the gain; 0 where there is none.
        bias: Option<WeightId>,
    },
}

/// A norm of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// `[dim]` (or `[head_dim]` for Q/K norms), always F32 in files.
    pub gain: WeightId,
    /// Added to the mean of squares, not to its root.
    pub eps: f32,
    /// Which one.
    pub kind: NormKind,
}

impl Norm {
    /// A root-mean-square norm.
    pub fn rms(gain: WeightId, eps: f32) -> Norm {
        Norm { gain, eps, kind: NormKind::Rms }
    }

    /// A layer norm.
    pub fn layer(gain: WeightId, bias: Option<WeightId>, eps: f32) -> Norm {
        Norm { gain, eps, kind: NormKind::Layer { bias } }
    }

    /// The vector that is added, of a layer norm that has one.
    pub fn bias(&self) -> Option<WeightId> {
        match self.kind {
            NormKind::Rms => None,
            NormKind::Layer { bias } => bias,
        }
    }

    pub(crate) fn for_each_weight_mut(&mut self, f: &mut impl FnMut(&mut WeightId)) {
        f(&mut self.gain);
        if let NormKind::Layer { bias: Some(bias) } = &mut self.kind {
            f(bias);
        }
    }
}
