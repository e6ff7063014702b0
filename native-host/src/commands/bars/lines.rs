//! Progress where nothing can be redrawn: a pipe, a log.
//!
//! One line per step, and one per blob every ten percent, but not more often than every half
//! minute, so that logs stay short. A wait for a registry is one line per try.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use store::human_bytes;

use super::again;
use crate::client::Progress;

/// Percent and time between two lines of a blob.
const STEP_PERCENT: u64 = 10;
const STEP_TIME: Duration = Duration::from_secs(30);

/// What is written where nothing can be redrawn.
#[derive(Default)]
pub struct Lines {
    last: String,
    /// What waits, and for which try.
    waiting: Option<(String, u32)>,
    blobs: HashMap<String, Blob>,
}

/// The last line about a blob.
struct Blob {
    percent: u64,
    at: Instant,
}

impl Lines {
    /// The line that this object is worth, if any.
    pub fn update(&mut self, progress: &Progress, now: Instant) -> Option<String> {
        let Some(retry) = progress.retry else {
            self.waiting = None;
            return self.moved(progress, now);
        };
        let waits = Some((progress.status.clone(), retry.attempt));
        if self.waiting == waits {
            return None;
        }
        self.waiting = waits;
        let why = if retry.busy { "the server is busy" } else { "the server stopped answering" };
        let again = again(&retry, Duration::from_millis(retry.wait_ms));
        Some(format!("{}: {why}, {again}", progress.status))
    }

    fn moved(&mut self, progress: &Progress, now: Instant) -> Option<String> {
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
    use crate::client::Retry;

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
            let status = status.to_owned();
            let progress = Progress { status, digest, total, completed, retry: None };
            let line = lines.update(&progress, start + Duration::from_secs(second));
            assert_eq!(line.as_deref(), wanted, "{second} {}", progress.status);
        }
    }

    #[test]
    fn each_try_is_one_line() {
        let rows = [
            (
                Some((2, 1_000, false)),
                Some("the server stopped answering, trying again in 1 s (try 2 of 6)"),
            ),
            (Some((2, 600, false)), None),
            (
                Some((3, 2_001, false)),
                Some("the server stopped answering, trying again in 3 s (try 3 of 6)"),
            ),
            (None, None),
            (Some((3, 0, true)), Some("the server is busy, trying again (try 3 of 6)")),
            (
                Some((4, u64::MAX, true)),
                Some("the server is busy, trying again in 18446744073709552 s (try 4 of 6)"),
            ),
        ];
        let mut lines = Lines::default();
        let now = Instant::now();
        let start =
            Progress { status: "pulling aa".to_owned(), total: Some(9), ..Progress::default() };
        assert!(lines.update(&start, now).is_some());
        for (row, wanted) in rows {
            let retry = row.map(|(attempt, wait_ms, busy)| Retry { attempt, of: 6, wait_ms, busy });
            let line = lines.update(&Progress { retry, ..start.clone() }, now);
            let wanted = wanted.map(|wanted| format!("pulling aa: {wanted}"));
            assert_eq!(line, wanted, "{row:?}");
        }
    }
}
