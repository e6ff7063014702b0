//! Rows as text: a Markdown table for people, comma-separated values for spreadsheets.
//!
//! The Markdown table shows what one looks at first, and settings only where rows differ in them;
//! the other form has every field of [`Row::fields`]. Neither can be broken by a model's name.

use std::fmt::Write;

use super::field::{Field, kv_name};
use super::roofline::Bound;
use super::row::Row;
use super::stats::Stats;
use super::text::{NONE, clean, duration, number, params, percent, scaled};

/// A column: its head, whether numbers are in it, and a row's cell.
type Column = (&'static str, bool, fn(&Row) -> String);

const COLUMNS: &[Column] = &[
    ("model", false, |row| {
        format!("{} {}", row.subject.model_name(), row.subject.model_type()).trim_end().to_owned()
    }),
    ("size", true, |row| {
        row.subject.model.as_ref().map_or(NONE.into(), |m| scaled(m.weight_bytes as f64, "B"))
    }),
    ("params", true, |row| row.subject.model.as_ref().map_or(NONE.into(), |m| params(m.n_params))),
    ("device", false, device),
];

/// Shown if rows differ in them.
const SETTINGS: &[Column] = &[
    ("file", false, |row| row.subject.asked.file.clone()),
    ("threads", true, |row| match row.subject.asked.n_threads {
        0 => "all".to_owned(),
        n => n.to_string(),
    }),
    ("gpu layers", true, |row| {
        row.subject.asked.gpu_layers.map_or("all".into(), |n| n.to_string())
    }),
    ("kv", false, |row| kv_name(row.subject.asked.kv).to_owned()),
    ("batch", true, |row| match row.n_batch {
        0 => NONE.to_owned(),
        n => n.to_string(),
    }),
];

const RESULTS: &[Column] = &[
    ("test", true, |row| row.test.name()),
    ("tokens/s", true, |row| {
        let stats = row.stats();
        let mark = if row.is_steady() { "" } else { " (unsteady)" };
        measured(row, format!("{} ± {}{mark}", number(stats.mean), number(stats.sd)))
    }),
    ("median", true, |row| measured(row, number(row.stats().median))),
    ("does", true, |row| measured(row, rate(row))),
    ("of limit", true, |row| {
        row.roofline.share.map_or(NONE.into(), |share| match row.roofline.bound {
            Some(bound) => format!("{} {}", percent(share), bound.name()),
            None => percent(share),
        })
    }),
];

fn measured(row: &Row, text: String) -> String {
    if row.seconds.is_empty() { NONE.to_owned() } else { text }
}

/// What plays it; as asked, if nothing was loaded.
pub fn device(row: &Row) -> String {
    row.subject.player.as_ref().map_or(row.subject.asked.device.clone(), |p| p.name.clone())
}

/// What a row's ceiling is about: bytes per second for writing, operations for reading.
pub fn rate(row: &Row) -> String {
    let writes = row.test.n_prompt == 0;
    match row.roofline.bound {
        Some(Bound::Compute) => scaled(row.roofline.op_per_s, "FLOP/s"),
        Some(Bound::Memory) => scaled(row.roofline.read_bytes_per_s, "B/s"),
        None if writes => scaled(row.roofline.read_bytes_per_s, "B/s"),
        None => scaled(row.roofline.op_per_s, "FLOP/s"),
    }
}

/// A Markdown table, a line per row.
pub fn markdown(rows: &[Row]) -> String {
    let differ = |column: &&Column| {
        let mut cells = rows.iter().map(column.2);
        let first = cells.next();
        cells.any(|cell| Some(cell) != first)
    };
    let columns: Vec<&Column> =
        COLUMNS.iter().chain(SETTINGS.iter().filter(differ)).chain(RESULTS).collect();
    let mut table = String::new();
    // Writing to memory does not fail.
    let _ = writeln!(table, "| {} |", columns.iter().map(|c| c.0).collect::<Vec<_>>().join(" | "));
    let lines = columns.iter().map(|column| if column.1 { "---:" } else { "---" });
    let _ = writeln!(table, "|{}|", lines.collect::<Vec<_>>().join("|"));
    for row in rows {
        let cells = columns.iter().map(|column| clean(&column.2(row)).replace('|', "\\|"));
        let _ = writeln!(table, "| {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    table
}

/// Time per kernel as a Markdown table; empty if no row has any.
pub fn markdown_profile(rows: &[Row]) -> String {
    let mut table = String::new();
    for row in rows.iter().filter(|row| !row.profile.is_empty()) {
        if table.is_empty() {
            table += "| model | test | op | kernel | calls | ms | share |\n";
            table += "|---|---:|---|---|---:|---:|---:|\n";
        }
        let model = clean(&row.subject.model_name()).replace('|', "\\|");
        let all: f64 = row.profile.iter().map(|time| time.seconds).sum();
        for time in &row.profile {
            let _ = writeln!(
                table,
                "| {model} | {} | {} | {} | {} | {} | {} |",
                row.test.name(),
                time.op,
                time.kernel.replace('|', "\\|"),
                time.calls,
                number(time.seconds * 1000.0),
                percent(if all > 0.0 { time.seconds / all } else { 0.0 }),
            );
        }
    }
    table
}

/// Comma-separated values of all fields, with a head line. Lists are separated by spaces; the
/// profile, a table of its own, is left out.
pub fn csv(rows: &[Row]) -> String {
    let mut out = String::new();
    for (i, row) in rows.iter().enumerate() {
        let fields = row.fields();
        let flat = || fields.iter().filter(|field| !matches!(field.1, Field::Objects(_)));
        if i == 0 {
            out += &flat().map(|field| field.0).collect::<Vec<_>>().join(",");
            out.push('\n');
        }
        out += &flat().map(|field| csv_cell(&field.1)).collect::<Vec<_>>().join(",");
        out.push('\n');
    }
    out
}

fn csv_cell(field: &Field) -> String {
    let quoted = |text: &str| format!("\"{}\"", clean(text).replace('"', "\"\""));
    match field {
        Field::None | Field::Objects(_) => String::new(),
        Field::Text(text) => quoted(text),
        Field::Texts(texts) => quoted(&texts.join(" ")),
        Field::Count(n) => n.to_string(),
        Field::Number(value) => format!("{value:.6}"),
        Field::Flag(flag) => flag.to_string(),
        Field::Numbers(values) => {
            let values: Vec<String> = values.iter().map(|value| format!("{value:.6}")).collect();
            values.join(" ")
        }
    }
}

/// What the table has no column for, of the rows of one load, as a line: time to load and to the
/// first token, memory, and the device's peaks.
pub fn summary(rows: &[&Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let mut facts = Vec::new();
    if let Some(ms) = first.subject.load_ms {
        facts.push(format!("loaded in {}", duration(ms / 1000.0)));
    }
    for row in rows.iter().filter(|row| !row.first_token_ms.is_empty()).take(1) {
        let ms = Stats::of(&row.first_token_ms).median;
        let n = row.test.n_prompt;
        facts.push(format!("first token {} after {n} tokens", duration(ms / 1000.0)));
    }
    if let Some(us) = rows.iter().find_map(|row| row.host_us_per_token) {
        facts.push(format!("host {} a token", duration(us / 1e6)));
    }
    if let Some(bytes) = rows.iter().filter_map(|row| row.peak_memory).max() {
        facts.push(format!("memory {} at most", scaled(bytes as f64, "B")));
    }
    if let Some(player) = first.subject.player.as_ref().filter(|p| p.device.contains("gpu")) {
        let bytes = player.weight_bytes + player.kv_bytes + player.scratch_bytes;
        facts.push(format!("{} on the device", scaled(bytes as f64, "B")));
    }
    facts.push(match rows.iter().find_map(|row| row.peaks.as_ref()) {
        Some(peaks) => {
            let read = scaled(peaks.read_bytes_per_s, "B/s");
            let op = scaled(peaks.op_per_s, "FLOP/s");
            format!("device reads {read}, computes {op} ({})", peaks.op_kind)
        }
        None => "its peaks were not measured on this device".to_owned(),
    });
    let name = format!("{} {}", first.subject.model_name(), first.subject.model_type());
    format!("{}: {}", clean(name.trim_end()), facts.join(" · "))
}
