//! Progress of long operations, on standard error.
//!
//! On a terminal: one bar per blob, redrawn in place; elsewhere a few lines. What is shown of a
//! blob never goes back, whatever the server says. While it waits for a registry, a bar gives its
//! place to the time until the next try.

mod lines;

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use lines::Lines;

use crate::client::{Progress, Retry};
use crate::term::{self, bars};

/// Redraws per second at most.
const HZ: u8 = 10;
/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(100);

/// The progress of one command.
pub struct Bars {
    drawn: Option<MultiProgress>,
    spinner: Option<ProgressBar>,
    bars: HashMap<String, ProgressBar>,
    /// What waits for a registry, and how it looks otherwise.
    waiting: Option<(ProgressBar, ProgressStyle)>,
    lines: Lines,
}

impl Bars {
    /// For standard error as it is.
    pub fn new() -> Bars {
        let target = || ProgressDrawTarget::stderr_with_hz(HZ);
        Bars {
            drawn: term::is_live().then(|| MultiProgress::with_draw_target(target())),
            spinner: None,
            bars: HashMap::new(),
            waiting: None,
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
        if let Some((bar, usual)) = self.waiting.take() {
            bar.set_style(usual);
        }
        let total = progress.total.filter(|total| *total > 0);
        let shown = match total {
            Some(total) => {
                stop(&mut self.spinner);
                self.bars.entry(key).or_insert_with(|| drawn.add(bar(total))).clone()
            }
            None => self.spinner.get_or_insert_with(|| drawn.add(spinner())).clone(),
        };
        if let Some(retry) = progress.retry {
            self.waiting = Some((shown.clone(), shown.style()));
            shown.set_style(waiting(retry, total.is_some()));
            shown.enable_steady_tick(TURN);
        }
        if let Some(total) = total {
            shown.set_prefix(bars::name(&status));
            shown.set_position(shown.position().max(progress.completed.unwrap_or(0)).min(total));
        }
        shown.set_message(status);
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
    // Hidden until it is added to the others, which draw it.
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    bar.with_style(bars::style(bars::Counted::Bytes))
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    let bar = bar.with_style(bars::turning());
    bar.enable_steady_tick(TURN);
    bar
}

/// A bar or a spinner that counts down to the next try.
fn waiting(retry: Retry, has_length: bool) -> ProgressStyle {
    let template = match has_length {
        true if bars::is_narrow() => "{prefix} {percent:>3}%, {again}",
        true => "{prefix} {percent:>3}% {decimal_bytes}/{decimal_total_bytes}, {again}",
        false => "{spinner} {msg}, {again}",
    };
    let until = Instant::now().checked_add(Duration::from_millis(retry.wait_ms));
    let left = move || until.map_or(Duration::MAX, |at| at.duration_since(Instant::now()));
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| bars::turning());
    style.with_key("again", move |_: &ProgressState, out: &mut dyn Write| {
        let _ = out.write_str(&again(&retry, left()));
    })
}

/// "trying again in 8 s (try 2 of 6)".
fn again(Retry { attempt, of, .. }: &Retry, left: Duration) -> String {
    match left.as_millis().div_ceil(1000) {
        0 => format!("trying again (try {attempt} of {of})"),
        seconds => format!("trying again in {seconds} s (try {attempt} of {of})"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// A terminal that keeps what is written.
    #[derive(Clone, Debug, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            80
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_waits_counts_down_and_is_a_bar_again() {
        let paper = Paper::default();
        let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
        let mut bars = Bars::new();
        bars.drawn = Some(MultiProgress::with_draw_target(target));
        let retry = |wait_ms| Some(Retry { attempt: 2, of: 6, wait_ms, busy: false });
        let rows = [
            // An hour, less what this machine needs to draw it.
            (None, retry(3_600_000), "pulling aa, trying again in 3"),
            (Some(2_000), retry(3_600_000), "pulling aa  50% 1.00 kB/2.00 kB, trying again in 3"),
            (Some(2_000), retry(0), "pulling aa  50% 1.00 kB/2.00 kB, trying again (try 2 of 6)"),
            (Some(2_000), None, "pulling aa  50% ██"),
        ];
        for (total, retry, wanted) in rows {
            paper.0.lock().unwrap().clear();
            let (status, completed) = ("pulling aa".to_owned(), total.map(|total| total / 2));
            bars.update(&Progress { status, total, completed, retry, ..Progress::default() });
            let drawn = paper.0.lock().unwrap().clone();
            assert!(drawn.contains(wanted), "{wanted}: {drawn:?}");
        }
    }
}
