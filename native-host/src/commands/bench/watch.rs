//! Progress of a bench on standard error, and Ctrl-C.
//!
//! On a terminal one line is redrawn, at most ten times a second; elsewhere a finished row is a
//! line if the last one is long ago. Drawing happens between jobs, also of timed runs: some
//! microseconds every tenth of a second.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use engine::bench::{Pace, Progress, Row, Step, Watch, duration};
use indicatif::{ProgressBar, ProgressStyle};

use super::configs::Config;
use super::memory::Memory;
use crate::{interrupt, term};

/// Time between two drawings of the line.
const REDRAW: Duration = Duration::from_millis(100);

/// Time between two lines where there is no terminal.
const LINE: Duration = Duration::from_secs(30);

/// The host's side of the bench.
pub struct Watching {
    /// What the device showed so far.
    pub pace: Pace,
    titles: Vec<String>,
    /// Bytes of each load's file: the others take as much longer as they are larger.
    sizes: Vec<f64>,
    index: usize,
    start: Instant,
    memory: Memory,
    bar: Option<ProgressBar>,
    drawn: Instant,
    n_rows: usize,
}

impl Watching {
    pub fn new(configs: &[Config]) -> Watching {
        let size =
            |config: &Config| std::fs::metadata(&config.file).map_or(0.0, |m| m.len() as f64);
        Watching {
            pace: Pace::default(),
            titles: configs.iter().map(Config::title).collect(),
            sizes: configs.iter().map(size).collect(),
            index: 0,
            start: Instant::now(),
            memory: Memory::default(),
            bar: term::is_live().then(bar),
            drawn: Instant::now(),
            n_rows: 0,
        }
    }

    /// The load number `index` begins.
    pub fn begin(&mut self, index: usize) {
        self.index = index;
        self.start = Instant::now();
        self.memory.restart();
        // Another device has another pace.
        self.pace = Pace::default();
    }

    /// Clears the line.
    pub fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn title(&self) -> &str {
        self.titles.get(self.index).map_or("", String::as_str)
    }

    /// "pp512 run 2 of 5 · test 1 of 4 · about 12 s left".
    fn line(&self, progress: &Progress) -> String {
        let test = progress.test.name();
        let step = match progress.step {
            Step::Filling => format!("{test} reading {} tokens before", progress.test.depth),
            Step::WarmUp => format!("{test} warming up"),
            Step::Peaks => "measuring the device".to_owned(),
            Step::Run(n) => format!("{test} run {n} of {}", progress.n_runs),
            Step::Profile => format!("{test} timing kernels"),
        };
        let mut line = format!("{} · {step}", term::clean(self.title()));
        if progress.n_tests > 1 {
            line += &format!(" · test {} of {}", progress.index + 1, progress.n_tests);
        }
        if self.titles.len() > 1 {
            line += &format!(" · load {} of {}", self.index + 1, self.titles.len());
        }
        if let Some(left) = self.left(progress) {
            line += &format!(" · about {} left", short(left));
        }
        line
    }

    /// Seconds left in all.
    fn left(&self, progress: &Progress) -> Option<f64> {
        let here = progress.left_s?;
        let whole = self.start.elapsed().as_secs_f64() + here;
        let size = self.sizes.get(self.index).copied().filter(|&size| size > 0.0)?;
        let later: f64 = self.sizes.iter().skip(self.index + 1).sum();
        Some(here + whole * later / size)
    }
}

/// Whole seconds: a guess has no decimals.
fn short(seconds: f64) -> String {
    if seconds < 60.0 { format!("{:.0} s", seconds.ceil()) } else { duration(seconds) }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

impl Watch for Watching {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        if let Some(bar) = self.bar.as_ref().filter(|_| self.drawn.elapsed() >= REDRAW) {
            bar.set_message(term::for_error(&self.line(progress)).into_owned());
            bar.tick();
            self.drawn = Instant::now();
        }
        if interrupt::pending() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn row(&mut self, row: &Row) {
        self.n_rows += 1;
        if self.bar.is_none() && self.drawn.elapsed() >= LINE {
            self.drawn = Instant::now();
            let speed = row.stats().mean;
            let (title, test) = (self.title(), row.test.name());
            term::note(&format!("bench {title} {test}: {speed:.2} tokens/s"));
        }
    }

    fn peak_memory(&mut self) -> Option<u64> {
        self.memory.highest()
    }

    fn forget_memory(&mut self) {
        self.memory.forget();
    }
}
