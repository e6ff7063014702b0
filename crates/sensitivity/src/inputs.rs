//! The tap of an analysis: what matrices are multiplied with, as sums of squares and as a sample.
//!
//! Sums make importances and need all rows; the error of a product needs rows themselves, of which
//! some dozens tell as much as all. They are drawn evenly from the whole text by a reservoir whose
//! chance is a hash of the row's number, so the same text gives the same sample.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use kernels::{Op, Plan, Tap};
use quantize::{ImatrixSums, InputSums};

/// Rows of inputs, `[n_rows, n_cols]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Row after row.
    pub rows: Vec<f32>,
    /// Columns of the matrix.
    pub n_cols: usize,
}

impl Sample {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.rows.len() / self.n_cols.max(1)
    }
}

/// What came to one op's matrices.
#[derive(Default)]
struct OpInputs {
    names: BTreeSet<String>,
    squares: Vec<f64>,
    n_seen: u64,
    sample: Sample,
}

/// Sits in the player.
pub struct InputsTap {
    all: Arc<Mutex<Vec<OpInputs>>>,
    most: usize,
}

/// Takes what the tap has seen.
pub struct Inputs(Arc<Mutex<Vec<OpInputs>>>);

/// Everything the tap has seen, by name of tensor.
#[derive(Default)]
pub struct Seen {
    /// As an importance matrix has it: layers and the head.
    pub sums: ImatrixSums,
    /// Rows, shared by matrices with the same inputs.
    pub samples: BTreeMap<String, Rc<Sample>>,
}

/// Columns of all matrices' inputs in a Plan, each input counted once: a sample of `n` rows takes
/// `4 · n` bytes for each.
pub fn n_cols(plan: &Plan) -> u64 {
    let cols = |op: &Op| {
        let mut cols = 0;
        if !matches!(op, Op::Embed { .. }) {
            op.for_each_weight(|id| {
                let weight = plan.weights.get(id.0).filter(|weight| weight.n_rows > 1);
                cols = cols.max(weight.map_or(0, |weight| weight.n_cols as u64));
            });
        }
        cols
    };
    plan.ops.iter().map(cols).sum()
}

impl InputsTap {
    /// For this Plan, and the other end; keeps at most `most` rows of each op.
    pub fn new(plan: &Plan, most: usize) -> (InputsTap, Inputs) {
        let of = |op: &Op| {
            let mut names = BTreeSet::new();
            if !matches!(op, Op::Embed { .. }) {
                op.for_each_weight(|id| {
                    let weight = plan.weights.get(id.0).filter(|weight| weight.n_rows > 1);
                    names.extend(weight.map(|weight| weight.name.clone()));
                });
            }
            OpInputs { names, ..OpInputs::default() }
        };
        let all = Arc::new(Mutex::new(plan.ops.iter().map(of).collect()));
        (InputsTap { all: Arc::clone(&all), most }, Inputs(all))
    }
}

impl Tap for InputsTap {
    fn inputs(&mut self, op: usize, rows: &[f32], n_cols: usize) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = all.get_mut(op).filter(|seen| !seen.names.is_empty()) else { return };
        seen.squares.resize(n_cols, 0.0);
        seen.sample.n_cols = n_cols;
        for row in rows.chunks_exact(n_cols.max(1)) {
            for (sum, &x) in seen.squares.iter_mut().zip(row) {
                *sum += f64::from(x * x);
            }
            seen.keep(op, row, self.most);
            seen.n_seen += 1;
        }
    }
}

impl OpInputs {
    /// Keeps the row, each one seen so far with the same chance.
    fn keep(&mut self, op: usize, row: &[f32], most: usize) {
        let kept = &mut self.sample.rows;
        if self.n_seen < most as u64 {
            kept.extend_from_slice(row);
            return;
        }
        let place = hash((op as u64) << 40 ^ self.n_seen) % (self.n_seen + 1);
        let start = usize::try_from(place).ok().and_then(|place| place.checked_mul(row.len()));
        let range = start.and_then(|start| kept.get_mut(start..start.checked_add(row.len())?));
        if let Some(old) = range {
            old.copy_from_slice(row);
        }
    }
}

/// SplitMix64's mixing of a counter.
fn hash(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Inputs {
    /// Takes all of it.
    ///
    /// # Errors
    /// [`measure::Error::Input`] for inputs that are no numbers.
    pub fn take(&self) -> Result<Seen, measure::Error> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Seen::default();
        for op in all.iter_mut().filter(|op| op.n_seen > 0) {
            if let Some(value) = op.squares.iter().find(|value| !value.is_finite()) {
                let tensor = op.names.first().cloned().unwrap_or_default();
                return Err(measure::Error::Input { tensor, value: *value as f32 });
            }
            let squares = std::mem::take(&mut op.squares);
            let sums = InputSums { squares, counts: vec![op.n_seen as f64] };
            let sample = Rc::new(std::mem::take(&mut op.sample));
            for name in &op.names {
                // An embedding that is the head, too, is looked up as often as it is multiplied.
                if name.starts_with("blk.") || name == "output.weight" {
                    out.sums.entries.insert(name.clone(), sums.clone());
                }
                out.samples.insert(name.clone(), Rc::clone(&sample));
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_even_and_the_same_each_time() {
        let draw = || {
            let mut op = OpInputs::default();
            for i in 0..10_000u32 {
                op.keep(3, &[i as f32, 0.0], 64);
                op.n_seen += 1;
            }
            op.sample.rows
        };
        let rows = draw();
        assert_eq!((rows.len(), &rows), (128, &draw()));
        // Of a thousand of ten thousand about one in ten; thirds of the text have their share.
        let early = rows.chunks(2).filter(|row| row[0] < 5000.0).count();
        assert!((20..=44).contains(&early), "{early} of 64 are of the first half");
    }
}
