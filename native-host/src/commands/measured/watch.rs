//! Progress of a measurement: a bar with the time left on a terminal, else a line now and then.
//!
//! Results so far go to standard output while they come, as llama.cpp prints them, so that a run of
//! hours can be judged after minutes. Where standard output is the terminal that shows the bar,
//! they stand in the bar instead.

use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use measure::{Divergence, Estimate, Watch};

use crate::{interrupt, term};

/// Redraws per second at most.
const HZ: u8 = 4;
/// Time between two lines where there is no terminal.
const STEP: Duration = Duration::from_secs(30);
/// Parts of a window that the bar tells apart.
const PARTS: f64 = 100.0;

/// Watches a measurement.
pub struct Progress {
    work: &'static str,
    /// What is counted: "windows".
    unit: &'static str,
    start: Instant,
    /// What was done when it began, which says nothing about the time that is left.
    before: Option<f64>,
    said: Instant,
    bar: Option<ProgressBar>,
    /// Prints results so far as they come.
    prints: bool,
    /// Perplexities so far, window by window.
    pub running: Vec<f64>,
    failure: Option<crate::failure::Failure>,
}

impl Progress {
    /// `work` is what is done, as in "measuring". With `prints` results so far are printed.
    pub fn new(work: &'static str, prints: bool) -> Progress {
        let bar = term::is_live().then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(HZ);
            let style = term::bars::style(term::bars::Counted::Work);
            ProgressBar::with_draw_target(Some(1), target).with_style(style).with_prefix(work)
        });
        let prints = prints && !io::stdout().is_terminal();
        let now = Instant::now();
        Progress {
            work,
            unit: "windows",
            start: now,
            before: None,
            said: now,
            bar,
            prints,
            running: Vec::new(),
            failure: None,
        }
    }

    /// For work that is counted in something else.
    pub fn counting(work: &'static str, unit: &'static str) -> Progress {
        let mut progress = Progress::new(work, false);
        progress.unit = unit;
        progress
    }

    /// Seconds since it began.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Ends the line of results, if one was begun; an error if it could not be printed.
    pub fn finish(mut self) -> Result<Vec<f64>, crate::failure::Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.prints && !self.running.is_empty() {
            term::line("")?;
        }
        Ok(std::mem::take(&mut self.running))
    }

    fn print(&mut self, text: &str) {
        if self.prints && self.failure.is_none() {
            self.failure = term::text_out(text).err();
        }
    }

    /// A line now and then, for logs.
    fn note(&mut self, done: f64, n_windows: usize) {
        let before = *self.before.get_or_insert(done);
        if self.said.elapsed() < STEP || done <= before {
            return;
        }
        self.said = Instant::now();
        let left = self.seconds() * (n_windows as f64 - done) / (done - before);
        term::note(&format!(
            "{}: {:.1} of {n_windows} {}, about {} left",
            self.work,
            done,
            self.unit,
            span(left)
        ));
    }
}

/// "40 seconds", "3 minutes", "2.5 hours".
fn span(seconds: f64) -> String {
    match seconds {
        ..100.0 => format!("{seconds:.0} seconds"),
        ..6000.0 => format!("{:.0} minutes", seconds / 60.0),
        _ => format!("{:.1} hours", seconds / 3600.0),
    }
}

impl Watch for Progress {
    fn pulse(&mut self, done: f64, n_windows: usize) -> ControlFlow<()> {
        match &self.bar {
            Some(bar) => {
                bar.set_length((n_windows as f64 * PARTS) as u64);
                bar.set_position((done * PARTS) as u64);
            }
            None => self.note(done, n_windows),
        }
        match interrupt::pending() || self.failure.is_some() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn window(&mut self, i: usize, so_far: &Estimate) {
        let value = so_far.perplexity().value;
        if so_far.n() == 0 {
            return;
        }
        self.running.push(value);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("PPL {value:.4}"));
        }
        self.print(&format!("[{}]{value:.4},", i + 1));
    }

    fn compared(&mut self, i: usize, so_far: &Divergence) {
        let value = so_far.model.perplexity();
        self.running.push(value.value);
        let (ratio, kl) = (so_far.log_ratio(), so_far.kl());
        if let Some(bar) = &self.bar {
            bar.set_message(format!("PPL {:.4}, KL {:.5}", value.value, kl.value));
        }
        let (rms, top) = (so_far.rms_delta(), so_far.same_top());
        if i == 0 {
            self.print(
                "chunk             PPL               ln(PPL(Q)/PPL(base))          KL Divergence  \
                 \x20           Δp RMS            Same top p\n",
            );
        }
        self.print(&format!(
            "{:4}   {:10.4} ± {:9.4}   {:10.5} ± {:9.5}   {:10.5} ± {:9.5}   {:6.3} ± {:6.3} %    \
             {:6.3} ± {:6.3} %\n",
            i + 1,
            value.value,
            value.error,
            ratio.value,
            ratio.error,
            kl.value,
            kl.error,
            100.0 * rms.value,
            100.0 * rms.error,
            100.0 * top.value,
            100.0 * top.error
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
