//! Progress of long operations, on standard error.
//!
//! On a terminal: one bar per blob, redrawn in place. Elsewhere: one line per step, and one per
//! blob every ten percent, but not more often than every half minute, so that logs stay short.
//! What is shown of a blob never goes back, whatever the server says.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use store::human_bytes;

use crate::client::Progress;
use crate::term;

/// Redraws per second at most.
const HZ: u8 = 10;
/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(100);
/// Where there is no terminal: percent and time between two lines of a blob.
const STEP_PERCENT: u64 = 10;
const STEP_TIME: Duration = Duration::from_secs(30);

/// The progress of one command.
pub struct Bars {
    drawn: Option<MultiProgress>,
    spinner: Option<ProgressBar>,
    bars: HashMap<String, ProgressBar>,
    lines: Lines,
}

impl Bars {
    /// For standard error as it is.
    pub fn new() -> Bars {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_live = io::stderr().is_terminal() && !dumb && !set("CI");
        let target = || ProgressDrawTarget::stderr_with_hz(HZ);
        Bars {
            drawn: is_live.then(|| MultiProgress::with_draw_target(target())),
            spinner: None,
            bars: HashMap::new(),
            lines: Lines::default(),
        }
    }

    /// The next object of a stream.
    pub fn update(&mut self, progress: &Progress) {
        let Some(drawn) = &self.drawn else {
            if let Some(line) = self.lines.update(progress, Instant::now()) {
                term::note(&line);
            }
            return;
        };
        let key = progress.digest.clone().unwrap_or_else(|| progress.status.clone());
        let status = term::clean(&progress.status).into_owned();
        match progress.total.filter(|total| *total > 0) {
            Some(total) => {
                stop(&mut self.spinner);
                let bar = self.bars.entry(key).or_insert_with(|| drawn.add(bar(total)));
                bar.set_message(status);
                bar.set_position(bar.position().max(progress.completed.unwrap_or(0)).min(total));
            }
            None => {
                let spinner = self.spinner.get_or_insert_with(|| drawn.add(spinner()));
                spinner.set_message(status);
            }
        }
    }

    /// Says what goes on where no number is known.
    pub fn step(&mut self, status: &str) {
        self.update(&Progress { status: status.to_owned(), ..Progress::default() });
    }
}

impl Drop for Bars {
    /// Bars stay, full or not; the spinner leaves.
    fn drop(&mut self) {
        stop(&mut self.spinner);
        self.bars.values().for_each(ProgressBar::abandon);
    }
}

fn stop(spinner: &mut Option<ProgressBar>) {
    if let Some(spinner) = spinner.take() {
        spinner.finish_and_clear();
    }
}

fn bar(total: u64) -> ProgressBar {
    let template = "{msg} {percent:>3}% {wide_bar} {decimal_bytes}/{decimal_total_bytes} \
                    {decimal_bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template);
    // Hidden until it is added to the others, which draw it.
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.enable_steady_tick(TURN);
    bar
}

/// What is written where nothing can be redrawn.
#[derive(Default)]
struct Lines {
    last: String,
    blobs: HashMap<String, Blob>,
}

/// The last line about a blob.
struct Blob {
    percent: u64,
    at: Instant,
}

impl Lines {
    /// The line that this object is worth, if any.
    fn update(&mut self, progress: &Progress, now: Instant) -> Option<String> {
        let status = &progress.status;
        let Some(total) = progress.total.filter(|total| *total > 0) else {
            let is_new = self.last != *status && !status.is_empty();
            self.last.clone_from(status);
            return is_new.then(|| status.clone());
        };
        let completed = progress.completed.unwrap_or(0).min(total);
        let percent = (u128::from(completed) * 100 / u128::from(total)) as u64;
        let key = progress.digest.as_ref().unwrap_or(status);
        let line = format!("{status} {percent}% of {}", human_bytes(total));
        match self.blobs.get_mut(key) {
            None => {
                self.blobs.insert(key.clone(), Blob { percent, at: now });
                Some(line)
            }
            Some(blob) => {
                let is_full = percent == 100 && blob.percent < 100;
                let is_time = now.duration_since(blob.at) >= STEP_TIME;
                let is_worth = is_full || is_time && percent >= blob.percent + STEP_PERCENT;
                if is_worth {
                    *blob = Blob { percent, at: now };
                }
                is_worth.then_some(line)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_where_there_is_no_terminal() {
        let start = Instant::now();
        let rows = [
            (0, "pulling manifest", None, Some("pulling manifest")),
            (0, "pulling manifest", None, None),
            (1, "pulling aa", Some(0), Some("pulling aa 0% of 2 KB")),
            (2, "pulling aa", Some(1000), None),
            (40, "pulling aa", Some(1000), Some("pulling aa 50% of 2 KB")),
            (80, "pulling aa", Some(1100), None),
            (81, "pulling aa", Some(500), None),
            (82, "pulling aa", Some(2000), Some("pulling aa 100% of 2 KB")),
            (83, "pulling aa", Some(2000), None),
            (84, "success", None, Some("success")),
        ];
        let mut lines = Lines::default();
        for (second, status, completed, wanted) in rows {
            let total = completed.map(|_| 2000);
            let digest = completed.map(|_| "sha256:aa".to_owned());
            let progress = Progress { status: status.to_owned(), digest, total, completed };
            let line = lines.update(&progress, start + Duration::from_secs(second));
            assert_eq!(line.as_deref(), wanted, "{second} {status}");
        }
    }
}
