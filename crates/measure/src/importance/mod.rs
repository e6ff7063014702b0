//! Importance matrices: which columns of which matrices matter, measured on a text.
//!
//! A matrix's rounding errors are multiplied with its inputs, so a column whose inputs are large
//! deserves more care. What is kept is the sum of squares of each column's inputs over all tokens
//! of all windows, as llama.cpp's `imatrix` keeps it; means are made of it when it is read.

mod statistics;
mod tap;

use std::ops::ControlFlow;

use engine::Session;
use kernels::Plan;
use quantize::ImatrixSums;

use crate::read::{Watch, window};
use crate::{Error, Estimate, Windows};
use tap::InputsTap;

pub use statistics::{LayerStatistics, TensorStatistics, layers, statistics};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Also what `output.weight` is multiplied with.
    pub process_output: bool,
    /// Score the windows, too, which shows at once whether model and text go together.
    pub with_perplexity: bool,
    /// Windows between two calls of `keep`.
    pub keep_every: usize,
    /// Name of the text, as the file will have it.
    pub dataset: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Collected {
    /// Sums over all windows that were read to their end.
    pub sums: ImatrixSums,
    /// Their perplexity, if it was asked for.
    pub estimate: Estimate,
    /// False if somebody stopped it; the sums are worth keeping all the same.
    pub is_whole: bool,
}

/// Sums the squares of all matrices' inputs over a text. `plan` is the one the session plays.
/// `keep` gets the sums so far every [`Settings::keep_every`] windows.
///
/// # Errors
/// [`Error::NoTap`] on a device that does not show its inputs, [`Error::Input`]; whatever the
/// session or `keep` reports. To be stopped is none.
pub async fn collect(
    session: &mut Session,
    plan: &Plan,
    windows: &Windows,
    settings: &Settings,
    watch: &mut dyn Watch,
    mut keep: impl FnMut(&ImatrixSums) -> Result<(), Error>,
) -> Result<Collected, Error> {
    let (tap, inputs) = InputsTap::new(plan, settings.process_output);
    if !session.set_tap(Some(Box::new(tap)))? {
        return Err(Error::NoTap { device: session.player_info().device });
    }
    let sums = ImatrixSums {
        datasets: vec![settings.dataset.clone()],
        chunk_size: u32::try_from(windows.n_ctx()).unwrap_or(u32::MAX),
        ..ImatrixSums::default()
    };
    let mut all = Collected { sums, estimate: Estimate::default(), is_whole: true };
    for i in 0..windows.len() {
        let before = all.estimate;
        match read_one(session, windows, i, settings, watch, &mut all.estimate).await {
            Ok(()) => inputs.take(&mut all.sums)?,
            Err(Error::Cancelled) => {
                (all.estimate, all.is_whole) = (before, false);
                break;
            }
            Err(error) => return Err(error),
        }
        all.sums.n_chunks += 1;
        watch.window(i, &all.estimate);
        if (i + 1) % settings.keep_every.max(1) == 0 && i + 1 < windows.len() {
            keep(&all.sums)?;
        }
    }
    session.set_tap(None)?;
    Ok(all)
}

/// Reads all of one window, scoring what is to be scored.
async fn read_one(
    session: &mut Session,
    windows: &Windows,
    i: usize,
    settings: &Settings,
    watch: &mut dyn Watch,
    estimate: &mut Estimate,
) -> Result<(), Error> {
    let (ids, scored, n) = (windows.get(i), windows.scored(), windows.len());
    let first = match (settings.process_output, settings.with_perplexity) {
        (true, _) => 0,
        (false, true) => scored.start,
        (false, false) => ids.len(),
    };
    let pulse = |share| -> ControlFlow<()> { watch.pulse(i as f64 + share, n) };
    window(session, &ids, first..ids.len(), pulse, |pos, row| {
        if settings.with_perplexity && scored.contains(&pos) {
            let next = ids.get(pos + 1).copied().unwrap_or(0);
            estimate.add(-row.log_prob(next as usize));
        }
        Ok(())
    })
    .await
}
