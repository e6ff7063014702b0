//! `ingle devices`: where models can run on this machine.

use serde::Serialize;

use super::print_json;
use crate::args::{DevicesArgs, Format};
use crate::failure::Failure;
use crate::term;

/// One line of the list.
#[derive(Serialize)]
struct Row {
    /// What `--device` calls it.
    device: &'static str,
    name: String,
    backend: String,
    /// False for a GPU emulated in software, which `--device auto` passes over.
    hardware: bool,
    details: String,
}

pub fn run(args: &DevicesArgs) -> Result<(), Failure> {
    let rows = rows();
    if args.format == Format::Json {
        return print_json(&rows);
    }
    for row in &rows {
        let (name, details) = (term::clean(&row.name), term::clean(&row.details));
        let software = if row.hardware { "" } else { "  (software: only with --device gpu)" };
        term::line(&format!("{:<10} {name}  {}{details}{software}", row.device, row.backend))?;
    }
    Ok(())
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows
}
