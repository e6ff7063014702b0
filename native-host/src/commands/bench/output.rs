//! What a bench prints and saves.
//!
//! One format to standard output, or with `-o` that format to a file and the table to standard
//! output. The file is opened before anything is measured: a path that cannot be written is said
//! in the first second and not after ten minutes.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use engine::bench::{self, Field, Row};
use serde_json::{Map, Value};

use crate::args::{BenchArgs, BenchFormat};
use crate::commands::{json_line, measured};
use crate::failure::Failure;
use crate::term;

pub struct Output {
    format: BenchFormat,
    file: Option<PathBuf>,
}

impl Output {
    /// What the flags ask for; fails now if the file cannot be written later.
    pub fn of(args: &BenchArgs) -> Result<Output, Failure> {
        let Some(file) = &args.output else {
            return Ok(Output { format: args.format.unwrap_or(BenchFormat::Md), file: None });
        };
        let format = args.format.or_else(|| by_name(file)).ok_or_else(|| {
            let endings = "md, json, jsonl, csv or html";
            Failure::Usage(format!(
                "{}: what to write is not clear; let the name end in {endings}, or give --format",
                file.display()
            ))
        })?;
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .map_err(|error| failed(file, error))?;
        Ok(Output { format, file: Some(file.clone()) })
    }

    /// Prints and saves.
    pub fn give(&self, rows: &[Row]) -> Result<(), Failure> {
        let text = text(rows, self.format)?;
        let Some(file) = &self.file else {
            term::write_out(text.as_bytes())?;
            if self.format == BenchFormat::Md {
                summaries(rows);
            }
            return Ok(());
        };
        fs::write(file, text).map_err(|error| failed(file, error))?;
        term::text_out(&markdown(rows))?;
        summaries(rows);
        term::note(&format!("saved {}", file.display()));
        Ok(())
    }
}

fn failed(file: &Path, error: io::Error) -> Failure {
    Failure::output(file.display().to_string(), error)
}

fn by_name(file: &Path) -> Option<BenchFormat> {
    let ending = file.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "md" => BenchFormat::Md,
        "json" => BenchFormat::Json,
        "jsonl" | "ndjson" => BenchFormat::Jsonl,
        "csv" => BenchFormat::Csv,
        "html" | "htm" => BenchFormat::Html,
        _ => return None,
    })
}

fn text(rows: &[Row], format: BenchFormat) -> Result<String, Failure> {
    Ok(match format {
        BenchFormat::Md => markdown(rows),
        BenchFormat::Csv => bench::csv(rows),
        BenchFormat::Html => bench::html(rows, &measured::made()),
        BenchFormat::Json => json_line(&rows.iter().map(object).collect::<Vec<Value>>())? + "\n",
        BenchFormat::Jsonl => {
            let lines: Result<Vec<String>, Failure> =
                rows.iter().map(|row| Ok(json_line(&object(row))? + "\n")).collect();
            lines?.concat()
        }
    })
}

fn markdown(rows: &[Row]) -> String {
    let profile = bench::markdown_profile(rows);
    let gap = if profile.is_empty() { "" } else { "\n" };
    format!("{}{gap}{profile}", bench::markdown(rows))
}

/// A line for each load on standard error: what the table has no column for.
fn summaries(rows: &[Row]) {
    for (i, row) in rows.iter().enumerate() {
        let same = |other: &&Row| {
            other.subject.asked == row.subject.asked && other.subject.load_ms == row.subject.load_ms
        };
        let is_first = !rows[..i].iter().any(|other| same(&other));
        if is_first && row.subject.player.is_some() {
            let group: Vec<&Row> = rows.iter().filter(same).collect();
            term::note(&bench::summary(&group));
        }
    }
}

/// A row as a JSON object.
fn object(row: &Row) -> Value {
    fields(row.fields())
}

fn fields(fields: Vec<(&'static str, Field)>) -> Value {
    let entries = fields.into_iter().map(|(name, field)| (name.to_owned(), value(field)));
    Value::Object(entries.collect::<Map<String, Value>>())
}

fn value(field: Field) -> Value {
    match field {
        Field::None => Value::Null,
        Field::Text(text) => text.into(),
        Field::Count(n) => n.into(),
        Field::Number(number) => number.into(),
        Field::Flag(flag) => flag.into(),
        Field::Numbers(numbers) => numbers.into(),
        Field::Texts(texts) => texts.into(),
        Field::Objects(objects) => objects.into_iter().map(fields).collect(),
    }
}
