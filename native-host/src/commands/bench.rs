//! `ingle bench`: reading and writing speed of models and settings, beside what the device allows.
//!
//! What is measured and how is the engine's ([`engine::bench`]); here are the models and devices
//! it is done with, one load for each combination. One that fails has rows that say why, and the
//! others still run; a GPU that goes away is opened once more for the tests that it took with it.

mod configs;
pub(super) mod memory;
mod output;
mod watch;

use std::path::Path;

use engine::bench::{self, Asked, Outcome, Row, Settings, Subject, Test};

use crate::args::BenchArgs;
use crate::failure::Failure;
use crate::{interrupt, load, settings, term};

use configs::Config;
use output::Output;
use watch::Watching;

/// As [`engine::Error::code`] has it.
const GPU_LOST: &str = "gpu.lost";

pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    let tests = configs::tests(args);
    if tests.is_empty() {
        return Err(Failure::Usage("-p 0 and -n 0 leave nothing to measure".to_owned()));
    }
    let configs = configs::configs(args)?;
    let output = Output::of(args)?;
    interrupt::listen();
    let mut watch = Watching::new(&configs);
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for (index, config) in configs.iter().enumerate() {
        watch.begin(index);
        if let Err(failure) = measure(config, args, &tests, &mut watch, &mut rows) {
            failures.push(failure);
        }
        if interrupt::pending() {
            break;
        }
    }
    watch.end();
    finish(args, &output, &rows, failures)
}

/// Prints what there is and says how it went.
fn finish(
    args: &BenchArgs,
    output: &Output,
    rows: &[Row],
    failures: Vec<Failure>,
) -> Result<(), Failure> {
    let failed = rows.iter().filter(|row| row.error().is_some()).count();
    if rows.iter().all(|row| row.seconds.is_empty()) {
        if interrupt::pending() {
            return Err(Failure::Interrupted);
        }
        // Nothing to print: the first reason is the error, the others are said before it.
        let mut said = reasons(rows).into_iter();
        let first = said.next().unwrap_or_else(|| "nothing was measured".to_owned());
        said.for_each(|reason| term::warning(&reason));
        return Err(failures.into_iter().next().unwrap_or(Failure::Incomplete(first)));
    }
    output.give(rows)?;
    reasons(rows).iter().for_each(|reason| term::warning(reason));
    if interrupt::pending() {
        return Err(Failure::Interrupted);
    }
    if failed > 0 {
        let said = format!("{failed} of {} rows could not be measured", rows.len());
        return Err(Failure::Incomplete(said));
    }
    match below(rows, args.min_tok_s.unwrap_or(0.0)) {
        Some(said) => Err(Failure::Below(said)),
        None => Ok(()),
    }
}

/// Why rows failed, each reason once.
fn reasons(rows: &[Row]) -> Vec<String> {
    let mut reasons = Vec::new();
    for row in rows {
        let reason = row.error().map(|why| format!("{}: {why}", row.subject.asked.file));
        reasons.extend(reason.filter(|reason| !reasons.contains(reason)));
    }
    reasons
}

/// What is slower than `min` tokens per second, as a sentence.
fn below(rows: &[Row], min: f64) -> Option<String> {
    let slow: Vec<&Row> = rows.iter().filter(|row| row.stats().mean < min).collect();
    let first = slow.first()?;
    Some(format!(
        "{} of {} rows are below {min} tokens/s: {} of {} has {:.2}",
        slow.len(),
        rows.len(),
        first.test.name(),
        first.subject.model_name(),
        first.stats().mean
    ))
}

/// Loads one model and runs its tests; rows are made in any case.
fn measure(
    config: &Config,
    args: &BenchArgs,
    tests: &[Test],
    watch: &mut Watching,
    rows: &mut Vec<Row>,
) -> Result<(), Failure> {
    let first = rows.len();
    let outcome = attempt(config, args, tests, watch, rows);
    let is_lost = |row: &Row| row.error_code() == Some(GPU_LOST);
    let lost: Vec<Test> = rows[first..].iter().filter(|row| is_lost(row)).map(|r| r.test).collect();
    if outcome.is_err() || lost.is_empty() || interrupt::pending() {
        return outcome;
    }
    term::warning("the GPU went away; its tests are tried once more");
    rows.truncate(first + rows[first..].iter().filter(|row| !is_lost(row)).count());
    attempt(config, args, &lost, watch, rows)
}

fn attempt(
    config: &Config,
    args: &BenchArgs,
    tests: &[Test],
    watch: &mut Watching,
    rows: &mut Vec<Row>,
) -> Result<(), Failure> {
    let mut subject = Subject { asked: config.asked(), ..Subject::default() };
    let done = load_and_run(config, args, tests, watch, &mut subject, rows);
    if let Err(failure) = done {
        if matches!(failure, Failure::Interrupted) || interrupt::pending() {
            return Err(Failure::Interrupted);
        }
        let said = failure.to_string();
        let failed = |test: &Test| Row::failed(subject.clone(), *test, failure.code(), &*said);
        rows.extend(tests.iter().map(failed));
        return Err(failure);
    }
    Ok(())
}

fn load_and_run(
    config: &Config,
    args: &BenchArgs,
    tests: &[Test],
    watch: &mut Watching,
    subject: &mut Subject,
    rows: &mut Vec<Row>,
) -> Result<(), Failure> {
    let opened = load::open(&config.file)?;
    subject.model = Some(opened.info());
    let mut wanted = Settings {
        tests: tests.to_vec(),
        n_runs: args.r,
        n_warmup: args.warmup,
        n_batch: None,
        tokens_per_job: args.tokens_per_job,
        peaks: !args.no_peaks,
        profile: args.profile,
    };
    let mut load_args = config.load.clone();
    load_args.ctx = Some(wanted.n_ctx().max(args.ctx.unwrap_or(0)));
    let mut player = settings::player_config(&load_args, &opened)?;
    player.n_slots = wanted.n_slots();
    let mut session = load::load_opened(opened, &load_args, player)?;
    warn_of_slow_kernels(&session);
    for &n_batch in &config.batches {
        wanted.n_batch = n_batch;
        let mut pace = watch.pace;
        let run = bench::run(&mut session, &subject.asked, &wanted, &mut pace, watch);
        let new = pollster::block_on(run);
        watch.pace = pace;
        say(&new);
        rows.extend(new);
        if interrupt::pending() {
            break;
        }
    }
    Ok(())
}

/// What must be known of the rows, on standard error.
fn say(rows: &[Row]) {
    for row in rows.iter().filter(|row| row.outcome == Outcome::Done) {
        for note in row.notes() {
            term::warning(&format!("{} {}: {note}", row.subject.asked.file, row.test.name()));
        }
    }
}

/// A processor without the instructions our fast kernels are written for is right, but slow.
fn warn_of_slow_kernels(session: &engine::Session) {
    let player = session.player_info();
    if player.device.contains("cpu") && player.name.contains("(portable)") {
        term::warning(
            "this processor has none of the instructions that ingle has fast kernels for, so the \
             portable ones are measured, which are several times slower",
        );
    }
}

/// The file's name without its folder.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl Config {
    fn asked(&self) -> Asked {
        Asked {
            file: file_name(&self.file),
            device: configs::device_name(self.load.device).to_owned(),
            n_threads: self.load.threads.unwrap_or(0),
            gpu_layers: self.load.gpu_layers,
            kv: settings::kv_type(self.load.kv),
        }
    }
}
