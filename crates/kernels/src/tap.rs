//! A tap: somebody who looks at what passes between the ops of a Plan.
//!
//! Importance matrices are sums over what matrices are multiplied with, and the error of a layer is
//! that of the rows behind it; both are inside of a job and gone when it is done. A player that has
//! a tap shows it those rows before each op. One question per op is all it costs without one, and
//! the ops themselves know nothing of it: what a norm gives is computed a second time for the tap.

/// Sees rows of a player. Called in the Plan's order, one call at a time, from any thread.
pub trait Tap: Send {
    /// Op number `op` of the Plan multiplies its matrices with `rows`, `[n_rows, n_cols]`. Of the
    /// head those rows alone whose logits are wanted.
    fn inputs(&mut self, op: usize, rows: &[f32], n_cols: usize);

    /// The residual stream before op number `op` (one that norms it), `[n_rows, dim]`: what the
    /// layers before have made of the tokens.
    fn stream(&mut self, _op: usize, _rows: &[f32]) {}
}
