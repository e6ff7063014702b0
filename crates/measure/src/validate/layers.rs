//! What a model computes behind each layer, against what another one does.
//!
//! The residual stream is what layers hand on; how far it is from the baseline's behind each of
//! them shows where an error comes in and whether later layers carry it on. One row in eight is
//! looked at: neighbors tell the same, and all rows of a large model would be gigabytes.

use std::sync::{Arc, Mutex, PoisonError};

use kernels::{Op, Plan, Tap};

/// One row in so many is kept.
const EVERY: usize = 8;

/// Error of the residual stream at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// "embedding", "layer 0", …
    pub name: String,
    /// Root of the mean square of the difference, over that of the baseline's rows.
    pub error: f64,
}

/// Rows kept at one op.
#[derive(Clone, Debug, Default)]
struct Kept {
    n_seen: usize,
    rows: Vec<f32>,
}

/// Rows kept at each place of a Plan, in its order.
#[derive(Clone, Debug, Default)]
pub struct Rows(pub Vec<Vec<f32>>);

/// Rows of so many that are kept.
pub fn kept_rows(n_rows: usize) -> usize {
    n_rows / EVERY
}

/// Sits in the player.
pub struct StreamsTap {
    /// Place of each op, where it is looked at.
    places: Vec<Option<usize>>,
    dim: usize,
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// Takes what the tap has kept.
pub struct Streams(Arc<Mutex<Vec<Kept>>>);

impl StreamsTap {
    /// For this Plan: before each layer, and before the head.
    pub fn new(plan: &Plan) -> (StreamsTap, Streams) {
        let mut n = 0;
        let place = |op: &Op| {
            let is_place = matches!(op, Op::Qkv { .. } | Op::Head { .. });
            n += usize::from(is_place);
            is_place.then(|| n - 1)
        };
        let places = plan.ops.iter().map(place).collect();
        let kept = Arc::new(Mutex::new(vec![Kept::default(); n]));
        (StreamsTap { places, dim: plan.dims.dim, kept: Arc::clone(&kept) }, Streams(kept))
    }
}

impl Tap for StreamsTap {
    fn inputs(&mut self, _: usize, _: &[f32], _: usize) {}

    fn stream(&mut self, op: usize, rows: &[f32]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.places.get(op).copied().flatten();
        let Some(kept) = place.and_then(|place| kept.get_mut(place)) else { return };
        for row in rows.chunks_exact(self.dim.max(1)) {
            kept.n_seen += 1;
            if kept.n_seen.is_multiple_of(EVERY) {
                kept.rows.extend_from_slice(row);
            }
        }
    }
}

impl Streams {
    /// The rows since this was last called.
    pub fn take(&self) -> Rows {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Rows(kept.iter_mut().map(|kept| std::mem::take(kept).rows).collect())
    }
}

/// Sums over windows.
#[derive(Default)]
pub struct Errors(Vec<(f64, f64)>);

impl Errors {
    /// Rows of the same window, of the baseline and of the other model.
    pub fn add(&mut self, base: &Rows, other: &Rows) {
        self.0.resize(self.0.len().max(base.0.len()), (0.0, 0.0));
        for ((difference, power), (a, b)) in self.0.iter_mut().zip(base.0.iter().zip(&other.0)) {
            for (&a, &b) in a.iter().zip(b) {
                let (a, b) = (f64::from(a), f64::from(b));
                *difference += (a - b) * (a - b);
                *power += a * a;
            }
        }
    }

    /// All places, in order.
    pub fn finish(self) -> Vec<Layer> {
        let layer = |(i, (difference, power)): (usize, (f64, f64))| Layer {
            name: match i.checked_sub(1) {
                None => "embedding".to_owned(),
                Some(layer) => format!("layer {layer}"),
            },
            error: if power > 0.0 { (difference / power).sqrt() } else { 0.0 },
        };
        self.0.into_iter().enumerate().map(layer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative() {
        let mut errors = Errors::default();
        let base = Rows(vec![vec![3.0, 4.0], vec![0.0]]);
        errors.add(&base, &Rows(vec![vec![3.0, 4.5], vec![0.0]]));
        let layers = errors.finish();
        assert_eq!(layers[0], Layer { name: "embedding".into(), error: 0.1 });
        assert_eq!(layers[1], Layer { name: "layer 0".into(), error: 0.0 });
    }
}
