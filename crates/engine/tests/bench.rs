//! The bench runs what it says, times only that, and never gives a number it should not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::ops::ControlFlow;

use common::*;
use engine::bench::{
    Asked, Field, Outcome, Pace, Progress, Row, Settings, Step, Subject, Test, Watch, run, tests,
};
use kernels::Peaks;

/// Remembers the steps; stops at the look with this number.
#[derive(Default)]
struct Watching {
    steps: Vec<Step>,
    looks: usize,
    stop_at: Option<usize>,
    n_rows: usize,
    last: Option<Progress>,
}

impl Watch for Watching {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.steps.push(progress.step);
        self.steps.dedup();
        self.last = Some(*progress);
        self.looks += 1;
        match self.stop_at == Some(self.looks) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn row(&mut self, _: &Row) {
        self.n_rows += 1;
    }

    fn peak_memory(&mut self) -> Option<u64> {
        Some(1234)
    }
}

fn bench(fake: &Fake, settings: &Settings, watch: &mut Watching) -> Vec<Row> {
    let mut session = fake.session(64);
    let asked = Asked { file: "tiny.gguf".into(), device: "cpu".into(), ..Asked::default() };
    let rows = block_on(run(&mut session, &asked, settings, &mut Pace::default(), watch));
    assert_eq!(watch.n_rows, rows.len(), "the host hears of every row");
    rows
}

fn one(n_prompt: usize, n_gen: usize, depth: usize) -> Settings {
    let tests = vec![Test { n_prompt, n_gen, depth, n_slots: 1 }];
    Settings { tests, n_runs: 2, peaks: false, ..Settings::default() }
}

/// Position, rows, and what for.
type Jobs<'a> = &'a [(usize, usize, &'static str)];

#[test]
fn jobs_are_those_of_the_test() {
    let table: &[(Settings, bool, Jobs<'_>)] = &[
        // Warm-up and two runs of 8 + 2 rows, with a choice after the last.
        (one(10, 0, 0), true, &[(0, 8, "nothing"), (8, 2, "tokens")].repeat(3)),
        (one(0, 2, 0), true, &[(0, 1, "tokens"), (1, 1, "tokens")].repeat(3)),
        (one(0, 2, 0), false, &[(0, 1, "last"), (1, 1, "last")].repeat(3)),
        // The cache is filled once.
        (
            one(0, 1, 9),
            true,
            &[&[(0, 8, "nothing"), (8, 1, "nothing")], &[(9, 1, "tokens"); 3][..]].concat(),
        ),
        (
            one(3, 1, 4),
            true,
            &[&[(0, 4, "nothing")], &[(4, 3, "tokens"), (7, 1, "tokens")].repeat(3)[..]].concat(),
        ),
        (
            Settings { n_batch: Some(2), n_warmup: 0, n_runs: 1, ..one(4, 0, 0) },
            true,
            &[(0, 2, "nothing"), (2, 2, "tokens")],
        ),
        // More than the device takes is what the device takes.
        (
            Settings { n_batch: Some(100), n_warmup: 0, n_runs: 1, ..one(9, 0, 0) },
            true,
            &[(0, 8, "nothing"), (8, 1, "tokens")],
        ),
        (
            Settings { tokens_per_job: 3, n_warmup: 0, n_runs: 1, ..one(0, 5, 0) },
            true,
            &[(0, 1, "tokens"), (3, 1, "tokens")],
        ),
    ];
    for (settings, can_sample, wanted) in table {
        let fake = Fake { can_sample: *can_sample, ..Fake::default() };
        let rows = bench(&fake, settings, &mut Watching::default());
        assert_eq!(*fake.log.borrow(), *wanted, "{settings:?}");
        let row = &rows[0];
        assert_eq!((rows.len(), row.seconds.len()), (1, settings.n_runs as usize));
        assert_eq!(row.first_token_ms.is_empty(), row.test.n_prompt == 0);
        assert_eq!((row.outcome.clone(), row.peak_memory), (Outcome::Done, Some(1234)));
        assert!(row.stats().mean > 0.0 && row.seconds.iter().all(|&s| s > 0.0));
    }
}

#[test]
fn a_device_without_peaks_has_no_ceiling() {
    let settings = Settings { peaks: true, ..one(4, 0, 0) };
    let rows = bench(&Fake::default(), &settings, &mut Watching::default());
    let row = &rows[0];
    assert_eq!((row.peaks.clone(), row.roofline.limit_ts, row.drift), (None, None, 0.0));
    assert!(row.roofline.bytes_per_token > 0.0 && row.roofline.op_per_s > 0.0);
    let fields = row.fields();
    let field = |name: &str| fields.iter().find(|field| field.0 == name).unwrap().1.clone();
    for unknown in ["peak_read_bytes_per_s", "limit_ts", "limit_share", "peak_drift"] {
        assert_eq!(field(unknown), Field::None, "{unknown}");
    }
    assert_eq!(field("test"), Field::Text("pp4".into()));
}

#[test]
fn the_hosts_time_is_that_of_a_token() {
    for (encode_ns, settings, wanted) in [
        (250_000, one(0, 4, 0), Some(250.0)),
        (250_000, one(4, 0, 0), None),
        (0, one(0, 4, 0), None),
    ] {
        let fake = Fake { encode_ns, queue: 2, can_sample: true, ..Fake::default() };
        let rows = bench(&fake, &settings, &mut Watching::default());
        assert_eq!(rows[0].host_us_per_token, wanted, "{settings:?}");
    }
}

#[test]
fn a_device_that_changes_meanwhile_is_said() {
    let peaks =
        |read: f64, op: f64| Peaks { read_bytes_per_s: read, op_per_s: op, op_kind: "test".into() };
    // Read bandwidth, product, before and after; drift; steady?
    let table = [
        ([(1e12, 1e15), (1e12, 1e15)], 0.0, true),
        ([(1e12, 1e15), (0.9e12, 1e15)], 0.1, true),
        ([(1e12, 1e15), (0.8e12, 1e15)], 0.2, false),
        ([(1e12, 0.5e15), (1e12, 1e15)], 0.5, false),
    ];
    for (both, drift, is_steady) in table {
        let fake = Fake::default();
        *fake.peaks.borrow_mut() = both.map(|(read, op)| peaks(read, op)).to_vec();
        let settings = Settings { peaks: true, ..one(4, 0, 0) };
        let rows = bench(&fake, &settings, &mut Watching::default());
        let row = &rows[0];
        assert!((row.drift - drift).abs() < 1e-9, "{}", row.drift);
        assert_eq!((row.is_steady(), row.notes().is_empty()), (is_steady, is_steady), "{both:?}");
        assert_eq!(row.peaks, Some(peaks(1e12, 1e15)), "the higher of the two");
        assert!(row.roofline.share.unwrap() > 0.0);
    }
}

#[test]
fn what_cannot_be_run_says_so_and_the_rest_runs() {
    let all = Settings { tests: tests(&[40, 100], &[4], &[], &[0]), ..one(0, 0, 0) };
    let rows = bench(&Fake::default(), &all, &mut Watching::default());
    let failed: Vec<bool> = rows.iter().map(|row| row.error().is_some()).collect();
    assert_eq!(failed, [false, true, false]);
    assert!(rows[1].error().unwrap().contains("64"), "{:?}", rows[1].error());
    // The device goes away in the second test: no numbers from then on.
    let fake = Fake { max_jobs: Some(6), ..Fake::default() };
    let lost = Settings { tests: tests(&[8], &[4], &[], &[0]), ..one(0, 0, 0) };
    let rows = bench(&fake, &lost, &mut Watching::default());
    assert_eq!(rows[0].outcome, Outcome::Done);
    assert!(rows[1].error().unwrap().contains("unplugged"));
    assert_eq!(rows[1].error_code(), Some("gpu.lost"));
    assert!(rows[1].seconds.is_empty() && rows[1].stats().mean == 0.0);
}

#[test]
fn stopping_keeps_what_was_measured() {
    let settings = Settings { tests: tests(&[8], &[4], &[], &[0]), ..one(0, 0, 0) };
    // Looks: 3 runs of one chunk, then 3 of four tokens.
    let table = [(1, 0, 0), (2, 0, 0), (3, 1, 1), (7, 1, 2), (8, 1, 2), (12, 2, 1), (15, 2, 1)];
    for (stop_at, n_rows, n_runs) in table {
        let mut watch = Watching { stop_at: Some(stop_at), ..Watching::default() };
        let rows = bench(&Fake::default(), &settings, &mut watch);
        let runs = rows.last().map_or(0, |row| row.seconds.len());
        assert_eq!((rows.len(), runs), (n_rows, n_runs), "stopped at look {stop_at}");
        let is_partial = runs == 1;
        let outcome = rows.last().map(|row| row.outcome.clone()).unwrap_or_default();
        assert_eq!(outcome == Outcome::Interrupted, is_partial, "{stop_at}");
    }
}

#[test]
fn progress_names_steps_and_learns_the_time_left() {
    let settings = Settings { profile: true, peaks: true, ..one(4, 2, 8) };
    let mut watch = Watching::default();
    bench(&Fake::default(), &settings, &mut watch);
    let wanted = [
        Step::Filling,
        Step::WarmUp,
        Step::Peaks,
        Step::Run(1),
        Step::Run(2),
        Step::Profile,
        Step::Peaks,
    ];
    assert_eq!(watch.steps, wanted);
    assert!(watch.last.unwrap().left_s.is_some());
}

#[test]
fn a_row_that_could_not_be_loaded_has_every_field() {
    let subject = Subject {
        asked: Asked { file: "big.gguf".into(), device: "gpu".into(), ..Asked::default() },
        ..Subject::default()
    };
    let test = Test { n_prompt: 512, ..Test::default() };
    let failed = Row::failed(subject, test, "model.toobig", "too big");
    let good = bench(&Fake::default(), &one(4, 0, 0), &mut Watching::default()).remove(0);
    let names = |row: &Row| row.fields().into_iter().map(|field| field.0).collect::<Vec<_>>();
    assert_eq!(names(&failed), names(&good));
    let fields = failed.fields();
    let field = |name: &str| fields.iter().find(|field| field.0 == name).unwrap().1.clone();
    assert_eq!(field("error"), Field::Text("too big".into()));
    assert_eq!((field("avg_ts"), field("device")), (Field::None, Field::Text("gpu".into())));
    assert!(!failed.is_steady());
}
