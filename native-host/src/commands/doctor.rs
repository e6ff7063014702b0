//! `ingle doctor`: will it work here, and if it is slow, why?
//!
//! One row per question, each with a mark, a finding and what to do. Only what fails makes the exit
//! code 10; what could be better is a note.

mod rows;

use std::time::Duration;

use serde::Serialize;

use super::print_json;
use crate::args::{DoctorArgs, Format};
use crate::failure::Failure;
use crate::term;
use rows::{Mark, Row};

/// All of it, as `--format json` prints it.
#[derive(Serialize)]
struct Report {
    summary: String,
    rows: Vec<Row>,
    kernels: Vec<rows::Kernel>,
}

pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let wheel = indicatif::ProgressBar::new_spinner().with_message("looking at this computer");
    wheel.enable_steady_tick(Duration::from_millis(250));
    let report = report();
    wheel.finish_and_clear();
    match args.format {
        Format::Json => print_json(&report)?,
        Format::Text => report.print()?,
    }
    verdict(&report.rows)
}

fn verdict(rows: &[Row]) -> Result<(), Failure> {
    let failed = rows.iter().filter(|row| row.mark == Mark::Problem).map(|row| row.name);
    let failed: Vec<&str> = failed.collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Unwell(format!("something does not work here: {}", failed.join(", "))))
}

fn report() -> Report {
    let (graphics, numbers, kernels) = rows::graphics();
    let (memory, bytes) = rows::memory();
    let rows = vec![graphics, numbers, rows::processor(), memory, rows::store()];
    let summary = summary(bytes, &rows);
    Report { summary, rows, kernels }
}

fn summary(bytes: Option<u64>, rows: &[Row]) -> String {
    let size = bytes.map_or("some size".to_owned(), |n| format!("about {}", term::bytes(n)));
    let n = rows.iter().filter(|row| matches!(row.mark, Mark::Note | Mark::Problem)).count();
    let rest = match n {
        0 => String::new(),
        1 => " One thing to improve.".to_owned(),
        n => format!(" {n} things to improve."),
    };
    format!("This computer runs models up to {size}.{rest}")
}

impl Report {
    fn print(&self) -> Result<(), Failure> {
        term::line(&format!("{}\n", self.summary))?;
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for Row { name, mark, finding, help } in &self.rows {
            let line = format!("{} {name:<width$}  {finding}", mark.glyph());
            term::text_out(&format!("{}\n", term::clean(&line)))?;
            if let Some(help) = help {
                term::line(&term::clean(&format!("  {:<width$}  help: {help}", "")))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, mark: Mark) -> Row {
        Row { name, mark, finding: String::new(), help: None }
    }

    #[test]
    fn only_what_does_not_work_is_a_failure() {
        let fine = [row("a", Mark::Pass), row("b", Mark::Note), row("c", Mark::Untested)];
        assert!(verdict(&fine).is_ok());
        let failure = verdict(&[row("a", Mark::Note), row("numbers", Mark::Problem)]).err();
        assert!(matches!(failure, Some(Failure::Unwell(said)) if said.ends_with(": numbers")));
    }

    #[test]
    fn the_summary_counts_what_can_be_better() {
        let said = |marks: &[Mark]| {
            let rows: Vec<Row> = marks.iter().map(|&mark| row("x", mark)).collect();
            summary(Some(6_700_000_000), &rows)
        };
        let start = "This computer runs models up to about 6.70 GB.";
        assert_eq!(said(&[Mark::Pass, Mark::Untested]), start);
        assert_eq!(said(&[Mark::Note]), format!("{start} One thing to improve."));
        assert_eq!(said(&[Mark::Note, Mark::Problem]), format!("{start} 2 things to improve."));
    }
}
