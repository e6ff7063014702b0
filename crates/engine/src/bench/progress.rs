//! What a host hears while a bench runs, and how long it will still take.
//!
//! Time left is worked out from what tests cost ([`Cost`]) and how fast the same device did such
//! work before, and not from how many runs are done: a run of "pp4096" takes a thousand times as
//! long as one of "tg4". As long as nothing comparable was measured it is unknown, and said so.

use std::ops::ControlFlow;

use super::cost::{Cost, Work};
use super::row::Row;
use super::settings::{Settings, Test};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The tokens before the test are read into the cache.
    Filling,
    /// A run that is not timed.
    WarmUp,
    /// The device's own peaks are measured.
    Peaks,
    /// Timed run number `.0` (from 1).
    Run(u32),
    /// A run with every kernel timed.
    Profile,
}

/// Where a bench stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The test at work.
    pub test: Test,
    /// Its place among the tests of this model, from 0.
    pub index: usize,
    /// Tests of this model.
    pub n_tests: usize,
    /// What is being done.
    pub step: Step,
    /// Timed runs of the test.
    pub n_runs: u32,
    /// Seconds left for this model; `None` while nothing comparable was measured.
    pub left_s: Option<f64>,
}

/// The host's side of a running bench.
pub trait Watch {
    /// Called between jobs, also inside timed runs: be quick. [`ControlFlow::Break`] ends the
    /// bench; the rows so far, and the runs of the row at work, are kept.
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()>;

    /// A row is complete.
    fn row(&mut self, _row: &Row) {}

    /// Highest memory use of the process since it was last forgotten, where the host can tell.
    fn peak_memory(&mut self) -> Option<u64> {
        None
    }

    /// Peaks were measured, with memory that is not the model's: what [`Watch::peak_memory`] saw
    /// since it was last called does not count.
    fn forget_memory(&mut self) {}
}

/// How fast a device did what it did so far. Keep one per device and hand it to each model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    seconds_per_op: Option<f64>,
    seconds_per_byte: Option<f64>,
}

impl Pace {
    /// Reading `work` took so long.
    pub(crate) fn learn_reading(&mut self, work: Work, seconds: f64) {
        if work.ops > 0.0 && seconds > 0.0 {
            self.seconds_per_op = Some(seconds / work.ops);
        }
    }

    /// Writing `work` took so long.
    pub(crate) fn learn_writing(&mut self, work: Work, seconds: f64) {
        if work.bytes > 0.0 && seconds > 0.0 {
            self.seconds_per_byte = Some(seconds / work.bytes);
        }
    }

    fn reading(&self, work: Work) -> Option<f64> {
        if work.ops > 0.0 { Some(work.ops * self.seconds_per_op?) } else { Some(0.0) }
    }

    fn writing(&self, work: Work) -> Option<f64> {
        if work.bytes > 0.0 { Some(work.bytes * self.seconds_per_byte?) } else { Some(0.0) }
    }

    /// Seconds that one run of `test` takes, without filling the cache before.
    pub fn run(&self, test: &Test, cost: &Cost, rows: usize) -> Option<f64> {
        let (read, write) = test.works(cost, rows);
        Some(self.reading(read)? + self.writing(write)?)
    }

    /// Seconds that filling the cache before `test` takes.
    pub fn fill(&self, test: &Test, cost: &Cost, rows: usize) -> Option<f64> {
        self.reading(cost.prompt(0, test.depth, rows))
    }

    /// Seconds that all of `test` takes, warm-up and profile included.
    pub fn whole(&self, test: &Test, settings: &Settings, cost: &Cost, rows: usize) -> Option<f64> {
        let n_runs = settings.n_runs + settings.n_warmup + u32::from(settings.profile);
        Some(self.fill(test, cost, rows)? + f64::from(n_runs) * self.run(test, cost, rows)?)
    }
}
