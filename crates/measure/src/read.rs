//! Windows through a session, row by row, in the memory of a few rows.

use std::ops::{ControlFlow, Range};

use engine::Session;

use crate::softmax::Row;
use crate::{Divergence, Error, Estimate, Windows};

/// The host's side of a measurement.
pub trait Watch {
    /// Called behind every job: be quick. `done` is in windows, with fractions of one.
    /// [`ControlFlow::Break`] ends the measurement with [`Error::Cancelled`].
    fn pulse(&mut self, done: f64, n_windows: usize) -> ControlFlow<()>;

    /// Window `i` is done; what all so far say, of the model alone.
    fn window(&mut self, _i: usize, _so_far: &Estimate) {}

    /// As [`Watch::window`], of a model that is compared with another.
    fn compared(&mut self, i: usize, so_far: &Divergence) {
        self.window(i, &so_far.model);
    }
}

/// Reads the ids of a window up to `rows.end`, and gives `row` the logits of `rows` in order, each
/// with its position. `pulse` gets the share of the window that is read.
pub(crate) async fn window(
    session: &mut Session,
    ids: &[u32],
    rows: Range<usize>,
    mut pulse: impl FnMut(f64) -> ControlFlow<()>,
    mut row: impl FnMut(usize, Row<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let n_vocab = session.model_info().dims.n_vocab.max(1);
    let read = ids.get(..rows.end).unwrap_or(ids);
    let mut pos = rows.start;
    let mut result = Ok(());
    let sink = |n_read: usize, logits: &[f32]| {
        for logits in logits.chunks_exact(n_vocab) {
            result = Row::new(logits, pos).and_then(|logits| row(pos, logits));
            if result.is_err() {
                return ControlFlow::Break(());
            }
            pos += 1;
        }
        let flow = pulse(n_read as f64 / read.len().max(1) as f64);
        if flow.is_break() {
            result = Err(Error::Cancelled);
        }
        flow
    };
    session.logits_from(read, rows.start, sink).await?;
    result
}

/// As [`window`] for the scored rows of window `i`; `row` gets the id that follows.
pub(crate) async fn scored(
    session: &mut Session,
    windows: &Windows,
    i: usize,
    watch: &mut dyn Watch,
    mut row: impl FnMut(Row<'_>, u32) -> Result<(), Error>,
) -> Result<(), Error> {
    let (ids, n) = (windows.get(i), windows.len());
    let pulse = |share| watch.pulse(i as f64 + share, n);
    let next = |pos: usize| ids.get(pos + 1).copied().unwrap_or(0);
    let row = |pos: usize, logits: Row<'_>| row(logits, next(pos));
    window(session, &ids, windows.scored(), pulse, row).await
}

/// The perplexity of a text: how many tokens the model hesitates between, on average.
///
/// # Errors
/// Whatever the session reports; [`Error::Cancelled`].
pub async fn perplexity(
    session: &mut Session,
    windows: &Windows,
    watch: &mut dyn Watch,
) -> Result<Estimate, Error> {
    let mut estimate = Estimate::default();
    for i in 0..windows.len() {
        scored(session, windows, i, watch, |row, next| {
            estimate.add(-row.log_prob(next as usize));
            Ok(())
        })
        .await?;
        watch.window(i, &estimate);
    }
    Ok(estimate)
}
