//! What the steps of a command did: names, times, counts, and one line at the end.
//!
//! A step that fails does not end the run: one run should show all that is wrong. Steps that stand
//! on a failed one are failures of their own and say so, because a step that was not run proves
//! nothing. The last line has the form `N passed, N failed, N skipped`.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

/// Counts of one step. A step without tests of its own counts as one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    /// Name and reason of each failure.
    pub failed: Vec<String>,
    /// Name and reason of each skip.
    pub skipped: Vec<String>,
}

impl Tally {
    /// One check that held.
    pub fn one() -> Tally {
        Tally { passed: 1, ..Tally::default() }
    }

    /// One check that could not be made here, and why.
    pub fn skip(reason: impl Into<String>) -> Tally {
        Tally { skipped: vec![reason.into()], ..Tally::default() }
    }

    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
    }

    fn line(&self) -> String {
        let (failed, skipped) = (self.failed.len(), self.skipped.len());
        format!("{} passed, {failed} failed, {skipped} skipped", self.passed)
    }
}

struct Done {
    name: String,
    seconds: f64,
    tally: Tally,
}

/// All steps of one command so far.
pub struct Report {
    start: Instant,
    done: Vec<Done>,
}

impl Report {
    pub fn new() -> Report {
        Report { start: Instant::now(), done: Vec::new() }
    }

    /// Runs one step, prints its name, time and result, and keeps them for the end.
    pub fn step(&mut self, name: &str, step: impl FnOnce() -> Result<Tally>) {
        println!("\n── {name}");
        let start = Instant::now();
        let tally = step().unwrap_or_else(|error| Tally {
            failed: vec![format!("{name}: {error:#}")],
            ..Tally::default()
        });
        let seconds = start.elapsed().as_secs_f64();
        let result = if tally.failed.is_empty() { "ok" } else { "FAILED" };
        println!("   {result}: {name}, {seconds:.1} s, {}", tally.line());
        for reason in &tally.failed {
            println!("   failed: {reason}");
        }
        self.done.push(Done { name: name.into(), seconds, tally });
    }

    /// True if the step was run and something in it failed.
    pub fn has_failed(&self, name: &str) -> bool {
        self.done.iter().any(|done| done.name == name && !done.tally.failed.is_empty())
    }

    /// Prints the table and the last line; the code is not 0 if anything failed.
    pub fn finish(self) -> ExitCode {
        println!("\n── summary");
        let mut total = Tally::default();
        for done in self.done {
            let result = if done.tally.failed.is_empty() { "ok" } else { "FAILED" };
            println!(
                "   {:<10} {result:<6} {:>7.1} s   {}",
                done.name,
                done.seconds,
                done.tally.line()
            );
            total.add(done.tally);
        }
        for reason in &total.skipped {
            println!("   skipped: {reason}");
        }
        for reason in &total.failed {
            println!("   failed: {}", reason.lines().next().unwrap_or_default());
        }
        println!("   {:.0} s in all", self.start.elapsed().as_secs_f64());
        println!("{}", total.line());
        if total.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn an_error_is_a_failure_and_the_run_goes_on() {
        let mut report = Report::new();
        report.step("first", || bail!("no"));
        report.step("second", || Ok(Tally::one()));
        assert!(report.has_failed("first"));
        assert!(!report.has_failed("second"));
        assert_eq!(report.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn skips_do_not_fail() {
        let mut report = Report::new();
        report.step("only", || Ok(Tally::skip("no fixtures")));
        assert_eq!(report.finish(), ExitCode::SUCCESS);
    }

    #[test]
    fn the_line_has_its_form() {
        let mut tally = Tally::one();
        tally.add(Tally { passed: 2, failed: vec!["a".into()], skipped: vec!["b".into()] });
        assert_eq!(tally.line(), "3 passed, 1 failed, 1 skipped");
    }
}
