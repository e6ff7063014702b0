//! The tap behind importance matrices: squares of each op's inputs, summed by column.
//!
//! Matrices of one op have one input, so one sum serves all of them; names are looked up once, when
//! sums are taken. Sums are in f64: a text has more rows than f32 can count squares of.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use kernels::{Op, Plan, Tap};
use quantize::{ImatrixSums, InputSums};

use crate::Error;

/// What one op's matrices were multiplied with since sums were last taken.
#[derive(Default)]
struct OpSums {
    /// Names of its matrices; none if they are not asked for.
    names: BTreeSet<String>,
    squares: Vec<f64>,
    n_rows: u64,
}

/// Sits in the player.
pub struct InputsTap(Arc<Mutex<Vec<OpSums>>>);

/// Takes what the tap has summed.
pub struct Inputs(Arc<Mutex<Vec<OpSums>>>);

impl InputsTap {
    /// For this Plan, and the other end. The head is looked at if `with_output`, and only where it
    /// is a tensor of its own: an embedding is not multiplied with much.
    pub fn new(plan: &Plan, with_output: bool) -> (InputsTap, Inputs) {
        let names = |op: &Op| {
            let mut names = BTreeSet::new();
            op.for_each_weight(|id| {
                let weight = plan.weights.get(id.0).filter(|weight| weight.n_rows > 1);
                let is_wanted = |name: &str| match op {
                    Op::Head { .. } => with_output && name == "output.weight",
                    _ => name.starts_with("blk."),
                };
                names.extend(weight.map(|w| w.name.clone()).filter(|name| is_wanted(name)));
            });
            names
        };
        let all = plan.ops.iter().map(|op| OpSums { names: names(op), ..OpSums::default() });
        let all = Arc::new(Mutex::new(all.collect()));
        (InputsTap(Arc::clone(&all)), Inputs(all))
    }
}

impl Tap for InputsTap {
    fn inputs(&mut self, op: usize, rows: &[f32], n_cols: usize) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sums) = all.get_mut(op).filter(|sums| !sums.names.is_empty()) else { return };
        sums.squares.resize(n_cols, 0.0);
        for row in rows.chunks_exact(n_cols.max(1)) {
            for (sum, &x) in sums.squares.iter_mut().zip(row) {
                *sum += f64::from(x * x);
            }
            sums.n_rows += 1;
        }
    }
}

impl Inputs {
    /// Adds what was summed to `out`, and begins anew.
    pub fn take(&self, out: &mut ImatrixSums) -> Result<(), Error> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = ImatrixSums::default();
        for op in all.iter_mut().filter(|op| op.n_rows > 0) {
            if let Some(value) = op.squares.iter().find(|value| !value.is_finite()) {
                let tensor = op.names.first().cloned().unwrap_or_default();
                return Err(Error::Input { tensor, value: *value as f32 });
            }
            let squares = std::mem::take(&mut op.squares);
            let counts = vec![std::mem::take(&mut op.n_rows) as f64];
            let sums = InputSums { squares, counts };
            for name in &op.names {
                taken.entries.insert(name.clone(), sums.clone());
            }
        }
        Ok(out.add(&taken)?)
    }
}
