//! The bar while a model loads: on standard error, only on a terminal, only if it takes long.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::term::{self, bars};

/// A load that is over before this needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Redraws per second at most.
const HZ: u8 = 10;

/// Progress of one load.
pub struct LoadBar {
    start: Instant,
    bar: Option<ProgressBar>,
    enabled: bool,
}

impl LoadBar {
    pub fn new() -> LoadBar {
        LoadBar { start: Instant::now(), bar: None, enabled: term::is_live() }
    }

    pub fn update(&mut self, done: u64, total: u64) {
        if !self.enabled || self.start.elapsed() < PATIENCE {
            return;
        }
        let start = self.start;
        self.bar.get_or_insert_with(|| bar(total, start.elapsed())).set_position(done);
    }
}

impl Drop for LoadBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64, elapsed: Duration) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(HZ);
    let bar = ProgressBar::with_draw_target(Some(total), target);
    bar.with_style(bars::style(bars::Counted::Bytes)).with_prefix("loading").with_elapsed(elapsed)
}
