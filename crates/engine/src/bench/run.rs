//! Runs tests on a loaded model; see [`run`].
//!
//! Nothing here knows a terminal or a page. The clock is the session's own, so the browser's bench
//! is this very code. What is timed is what an answer takes: chunks of the prompt, the choice of a
//! token, the token fed back. Ids are random, so that no text is special. The cache is filled to a
//! test's depth once, before its runs, because runs overwrite only what lies behind it.

use std::collections::VecDeque;

use kernels::{Peaks, PlayerError};

use super::progress::{Pace, Progress, Step, Watch};
use super::roofline::Roofline;
use super::row::{Asked, Outcome, Row, Subject};
use super::settings::{Settings, Test};
use super::stats::drift;
use crate::error::Error;
use crate::session::Session;

/// A warm-up writes at most so many tokens: what is slow the first time (pages, pipelines, clocks)
/// is over by then, and long tests would take twice as long otherwise.
pub(super) const WARM_UP_TOKENS: usize = 16;

/// Milliseconds between two looks at the host's event loop. Each costs a message in a browser, and
/// a cancel may take this long to be seen.
const YIELD_MS: f64 = 100.0;

/// Why a test ended early.
pub(super) enum Stop {
    Asked,
    Failed(Error),
}

impl From<PlayerError> for Stop {
    fn from(error: PlayerError) -> Stop {
        Stop::Failed(error.into())
    }
}

/// Seconds of a run, and until its first token was chosen.
struct Timing {
    seconds: f64,
    first_token: Option<f64>,
}

/// Runs every test of `settings` and gives a row for each, in order. A test that cannot be run has
/// a row that says why; after an interruption there are only the rows so far. The session's cache
/// is forgotten.
///
/// `pace` is what the device showed before, for the time left; start with a default one.
pub async fn run(
    session: &mut Session,
    asked: &Asked,
    settings: &Settings,
    pace: &mut Pace,
    watch: &mut dyn Watch,
) -> Vec<Row> {
    session.clear();
    let subject = Subject {
        asked: asked.clone(),
        model: Some(session.model_info().clone()),
        player: Some(session.player_info()),
        load_ms: Some(session.load_ms()),
    };
    let max_rows = session.max_rows();
    let only_embeds = session.model_info().only_embeds;
    let n_batch = match settings.n_batch {
        // What is read in both directions is read whole.
        Some(n_batch) if !only_embeds => n_batch.clamp(1, max_rows),
        _ => max_rows.max(1),
    };
    let now = session.now_ms();
    let mut bench = Bench {
        ids: random_ids(n_batch, session.model_info().dims.n_vocab),
        session,
        settings,
        pace,
        watch,
        n_batch,
        only_embeds,
        peaks: None,
        index: 0,
        progress: Progress {
            test: Test::default(),
            index: 0,
            n_tests: settings.tests.len(),
            step: Step::WarmUp,
            n_runs: settings.n_runs.max(1),
            left_s: None,
        },
        step_start: now,
        step_left: None,
        last_yield: now,
        slot: 0,
        queue: VecDeque::new(),
    };
    let mut rows = Vec::new();
    for (index, test) in settings.tests.iter().enumerate() {
        bench.index = index;
        let mut row = Row {
            subject: subject.clone(),
            test: *test,
            n_batch,
            n_warmup: settings.n_warmup,
            ..Row::default()
        };
        let stopped = bench.test(&mut row).await;
        let is_over = matches!(stopped, Err(Stop::Asked));
        match stopped {
            Ok(()) => {}
            Err(Stop::Asked) if row.seconds.is_empty() => break,
            Err(Stop::Asked) => row.outcome = Outcome::Interrupted,
            Err(Stop::Failed(error)) => {
                // Numbers from before a failure say nothing about what failed.
                let why = error.to_string();
                row = Row::failed(subject.clone(), *test, error.code(), why);
            }
        }
        bench.watch.row(&row);
        rows.push(row);
        if is_over {
            break;
        }
    }
    rows
}

pub(super) struct Bench<'a> {
    pub(super) session: &'a mut Session,
    pub(super) settings: &'a Settings,
    pace: &'a mut Pace,
    watch: &'a mut dyn Watch,
    /// As many as a job may have; every chunk is made of their first.
    pub(super) ids: Vec<u32>,
    pub(super) n_batch: usize,
    /// The model writes no tokens, so that only reading can be measured.
    pub(super) only_embeds: bool,
    /// As measured last: the end of a row is the start of the next.
    peaks: Option<Peaks>,
    index: usize,
    progress: Progress,
    step_start: f64,
    /// Seconds left when the step began.
    step_left: Option<f64>,
    last_yield: f64,
    /// The sequence that is read or written alone.
    pub(super) slot: usize,
    /// For each job that was submitted: how many tokens are written when it is done.
    pub(super) queue: VecDeque<usize>,
}

impl Bench<'_> {
    /// Fills in the row's numbers.
    async fn test(&mut self, row: &mut Row) -> Result<(), Stop> {
        let (test, settings) = (row.test, self.settings);
        self.progress.test = test;
        self.progress.index = self.index;
        if self.only_embeds && test.n_gen > 0 {
            return Err(Stop::Failed(Error::OnlyEmbeds));
        }
        if test.n_ctx() > self.session.n_ctx() {
            let (pos, n_ctx) = (test.n_ctx() - 1, self.session.n_ctx());
            return Err(PlayerError::Context { pos, n_ctx }.into());
        }
        let n_slots = self.session.n_slots();
        if test.n_slots > n_slots {
            return Err(PlayerError::Slot { slot: test.n_slots - 1, n_slots }.into());
        }
        self.step(Step::Filling, 0);
        self.slot = 0;
        while self.slot < test.n_slots {
            self.read(0, test.depth, false).await?;
            self.slot += 1;
        }
        self.slot = 0;
        for _ in 0..settings.n_warmup {
            self.step(Step::WarmUp, 0);
            let n_gen = test.n_gen.min(WARM_UP_TOKENS);
            self.once(&Test { n_gen, ..test }).await?;
        }
        row.host_us_per_token = self.host_time(&test).await?;
        row.peak_memory = self.watch.peak_memory();
        let before = self.measured_peaks().await?;
        let ended = self.runs(row).await;
        // What was interrupted is judged with the peaks known until then.
        self.peaks = None;
        let after = match &ended {
            Ok(()) => self.measured_peaks().await,
            Err(_) => Ok(None),
        };
        self.judge(row, before, after.unwrap_or_default());
        ended
    }

    /// The timed runs, and the one for the profile.
    async fn runs(&mut self, row: &mut Row) -> Result<(), Stop> {
        for run in 0..self.settings.n_runs.max(1) {
            self.step(Step::Run(run + 1), run);
            let timing = self.once(&row.test).await?;
            row.seconds.push(timing.seconds);
            row.first_token_ms.extend(timing.first_token.map(|s| s * 1000.0));
        }
        if self.settings.profile {
            self.step(Step::Profile, self.settings.n_runs);
            self.session.player.set_profiling(true);
            let ended = self.once(&row.test).await;
            row.profile = self.session.player.profile();
            self.session.player.set_profiling(false);
            ended?;
        }
        Ok(())
    }

    /// Compares what was measured with what the device can do.
    fn judge(&self, row: &mut Row, before: Option<Peaks>, after: Option<Peaks>) {
        let cost = self.session.cost();
        let last = row.test.n_ctx().saturating_sub(1);
        row.kv_bytes_per_token = cost.kv_bytes(last);
        if let (Some(a), Some(b)) = (&before, &after) {
            let read = drift(a.read_bytes_per_s, b.read_bytes_per_s);
            row.drift = read.max(drift(a.op_per_s, b.op_per_s));
        }
        row.peaks = match (before, after) {
            (Some(a), Some(b)) => Some(Peaks {
                read_bytes_per_s: a.read_bytes_per_s.max(b.read_bytes_per_s),
                op_per_s: a.op_per_s.max(b.op_per_s),
                op_kind: b.op_kind,
            }),
            (a, b) => a.or(b),
        };
        let parts = row.test.parts(cost, self.n_batch);
        let mean = row.stats().mean;
        row.roofline = Roofline::of(&parts, row.test.n_tokens(), mean, row.peaks.as_ref());
    }

    /// The device's peaks, measured now unless they just were.
    async fn measured_peaks(&mut self) -> Result<Option<Peaks>, Stop> {
        if !self.settings.peaks {
            return Ok(None);
        }
        if self.peaks.is_none() {
            self.step(Step::Peaks, self.settings.n_runs);
            self.look().await?;
            self.peaks = self.session.measure_peaks().await.map_err(Stop::Failed)?;
            self.watch.forget_memory();
        }
        Ok(self.peaks.clone())
    }

    /// One run, from the test's depth on.
    async fn once(&mut self, test: &Test) -> Result<Timing, Stop> {
        let cost = self.session.cost();
        let (read, write) = test.works(cost, self.n_batch);
        let start = self.session.now_ms();
        let mut middle = start;
        let mut first_token = None;
        if test.n_prompt > 0 {
            self.read(test.depth, test.n_prompt, true).await?;
            middle = self.session.now_ms();
            first_token = Some((middle - start) / 1000.0);
        }
        let pos = test.depth + test.n_prompt;
        match test.n_slots {
            0 | 1 => self.write(pos, test.n_gen).await?,
            n_slots => self.write_together(n_slots, pos, test.n_gen).await?,
        }
        let end = self.session.now_ms();
        self.pace.learn_reading(read, (middle - start) / 1000.0);
        self.pace.learn_writing(write, (end - middle) / 1000.0);
        Ok(Timing { seconds: (end - start) / 1000.0, first_token })
    }

    /// A step begins: `n_done` timed runs of the test are over.
    fn step(&mut self, step: Step, n_done: u32) {
        self.progress.step = step;
        self.step_start = self.session.now_ms();
        let (cost, rows, settings) = (self.session.cost(), self.n_batch, self.settings);
        let test = &self.progress.test;
        let after = settings.tests.iter().skip(self.index + 1);
        let mut later = after.map(|test| self.pace.whole(test, settings, cost, rows));
        let here = match step {
            Step::Filling => self.pace.whole(test, settings, cost, rows),
            _ => {
                let n_left = settings.n_runs - n_done + u32::from(settings.profile);
                self.pace.run(test, cost, rows).map(|run| run * f64::from(n_left))
            }
        };
        let later = later.try_fold(0.0, |sum, seconds| Some(sum + seconds?));
        self.step_left = here.zip(later).map(|(here, later)| here + later);
    }

    /// Tells the host where we are, hears whether to stop, and lets its event loop run.
    pub(super) async fn look(&mut self) -> Result<(), Stop> {
        let now = self.session.now_ms();
        let elapsed = (now - self.step_start) / 1000.0;
        self.progress.left_s = self.step_left.map(|left| (left - elapsed).max(0.0));
        if self.watch.progress(&self.progress).is_break() {
            return Err(Stop::Asked);
        }
        if now - self.last_yield > YIELD_MS {
            self.session.env.yield_now().await;
            self.last_yield = self.session.now_ms();
        }
        Ok(())
    }
}

/// The same ids every time: a linear congruential sequence is random enough to read.
fn random_ids(n: usize, n_vocab: usize) -> Vec<u32> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 33) % n_vocab.max(1) as u64) as u32
    };
    (0..n).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_in_the_vocabulary() {
        let ids = random_ids(1000, 7);
        assert!(ids.iter().all(|&id| id < 7));
        assert!((0..7).all(|id| ids.contains(&id)));
    }
}
