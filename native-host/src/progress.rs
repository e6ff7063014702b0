//! The bar while a model loads: on standard error, only on a terminal, only if it takes long.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let enabled = io::stderr().is_terminal() && !dumb;
        LoadBar { start: Instant::now(), bar: None, enabled }
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
    let template = "loading {percent:>3}% {wide_bar} {decimal_bytes}/{decimal_total_bytes} \
                    {decimal_bytes_per_sec} about {eta} left";
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), target).with_style(style).with_elapsed(elapsed)
}
