//! The day's result file: one row (one line) per model and setting, its raw pairs included.
//!
//! Raw pairs, so that a median can be worked out again, and so that a measurement may be continued
//! (`--append`) where one call may not take long. One line per row, so that a change shows as one.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::numbers::Spread;
use super::rounds::Round;
use super::runner::{Rates, Runner};
use crate::process;

/// Where results are kept, to be committed with the change they belong to.
const RESULTS: &str = "tests/bench/results";

/// One model with one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// How to measure it again; also what tells rows apart.
    pub command: String,
    pub model: String,
    /// Name and version of each program, ours first.
    pub engines: Vec<[String; 2]>,
    pub rounds: Vec<Round>,
}

type Pick = fn(&Rates) -> f64;

const PICKS: [(&str, Pick); 2] =
    [("prefill", |rates| rates.prefill), ("decode", |rates| rates.decode)];

impl Row {
    pub fn new(model: String, runners: &[Runner]) -> Row {
        let engines = runners.iter().map(|runner| [runner.name().into(), runner.version()]);
        Row { command: String::new(), model, engines: engines.collect(), rounds: Vec::new() }
    }

    /// Tokens per second of one program, and its ratios if it is a peer.
    fn engine(&self, at: usize) -> Value {
        let mut out = BTreeMap::new();
        for (name, pick) in PICKS {
            let rates = self.rounds.iter().filter_map(|round| round.rates.get(at)).map(pick);
            out.insert(format!("{name}_tok_s"), spread(rates.collect()));
            if at > 0 {
                out.insert(format!("{name}_ratio"), spread(self.ratios(at, pick)));
            }
        }
        if at > 0 {
            let n_left_out = self.rounds.len() - self.ratios(at, PICKS[0].1).len();
            out.insert("pairs_left_out".into(), json!(n_left_out));
        }
        json!(out)
    }

    fn ratios(&self, peer: usize, pick: Pick) -> Vec<f64> {
        self.rounds.iter().filter_map(|round| round.ratio(peer, pick)).collect()
    }

    fn memory(&self) -> Vec<f64> {
        self.rounds.iter().flat_map(|round| round.memory.iter().flatten()).copied().collect()
    }

    /// For people.
    pub fn print(&self) {
        if let Some(memory) = Spread::of(self.memory()) {
            println!("   memory read {}", shown(&memory, 1));
        }
        for (at, [name, _]) in self.engines.iter().enumerate() {
            for (what, pick) in PICKS {
                let rates = self.rounds.iter().filter_map(|round| round.rates.get(at)).map(pick);
                let Some(rates) = Spread::of(rates.collect()) else { continue };
                let ratio = match Spread::of(self.ratios(at, pick)) {
                    Some(ratio) if at > 0 => format!("   ours is {} times that", shown(&ratio, 2)),
                    None if at > 0 => "   no pair on a steady machine".into(),
                    _ => String::new(),
                };
                println!("   {name:<18} {what:<8} {} tok/s{ratio}", shown(&rates, 1));
            }
        }
    }

    fn json(&self) -> Value {
        let results: BTreeMap<&str, Value> = (self.engines.iter().enumerate())
            .map(|(at, [name, _])| (name.as_str(), self.engine(at)))
            .collect();
        json!({
            "command": self.command,
            "model": self.model,
            "engines": self.engines,
            "memory_read_gb_s": spread(self.memory()),
            "results": results,
            "rounds": self.rounds.iter().map(Round::json).collect::<Value>(),
        })
    }

    fn of(value: &Value) -> Option<Row> {
        let text = |name: &str| value.get(name)?.as_str().map(String::from);
        let rounds = value.get("rounds")?.as_array()?.iter().map(Round::of);
        Some(Row {
            command: text("command")?,
            model: text("model")?,
            engines: serde_json::from_value(value.get("engines")?.clone()).ok()?,
            rounds: rounds.collect::<Option<_>>()?,
        })
    }
}

fn spread(values: Vec<f64>) -> Value {
    Spread::of(values).map_or(Value::Null, |spread| spread.json())
}

/// "2.10 (2.05–2.20, 5 runs)".
fn shown(spread: &Spread, digits: usize) -> String {
    let Spread { median, min, max, n } = spread;
    format!("{median:.digits$} ({min:.digits$}–{max:.digits$}, {n} runs)")
}

/// A result file.
pub struct Record {
    path: PathBuf,
    machine: Value,
    rows: Vec<Row>,
}

impl Record {
    /// The file of this name, with the rows it has if they were measured on this machine.
    pub fn open(name: &str, machine: Value) -> Result<Record> {
        let path = process::root().join(RESULTS).join(format!("{name}.json"));
        let mut rows = Vec::new();
        if path.is_file() {
            let value: Value = serde_json::from_str(&fs::read_to_string(&path)?)
                .with_context(|| format!("{RESULTS}/{name}.json is no result file"))?;
            if value["machine"] == machine {
                let all = value["rows"].as_array().into_iter().flatten();
                rows = all.filter_map(Row::of).collect();
            }
        }
        Ok(Record { path, machine, rows })
    }

    /// The row of this command.
    pub fn row(&self, command: &str) -> Option<Row> {
        self.rows.iter().find(|row| row.command == command).cloned()
    }

    /// Adds the row, in place of one with the same command.
    pub fn put(&mut self, row: Row) {
        match self.rows.iter_mut().find(|other| other.command == row.command) {
            Some(other) => *other = row,
            None => self.rows.push(row),
        }
    }

    /// Writes the file and returns its name from the repository's root.
    pub fn write(&self) -> Result<String> {
        fs::write(&self.path, self.text())?;
        Ok(format!("{RESULTS}/{}", process::base_name(&self.path)))
    }

    fn text(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(|row| row.json().to_string()).collect();
        let (machine, rows) = (&self.machine, rows.join(",\n"));
        format!("{{\"machine\":{machine},\n\"rows\":[\n{rows}\n]}}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n_rounds: usize) -> Row {
        let rates = [(6.0, 3.0), (2.0, 1.0)].map(|(prefill, decode)| Rates { prefill, decode });
        let round = Round { rates: rates.to_vec(), memory: vec![[20.0, 20.0]; 2] };
        let engines = vec![["ingle".into(), "1".into()], ["peer".into(), "2".into()]];
        let (command, model) = ("bench a.gguf".into(), "a.gguf".into());
        Row { command, model, engines, rounds: vec![round; n_rounds] }
    }

    #[test]
    fn a_row_has_ratios_and_comes_back_as_it_was() {
        let mut row = row(3);
        if let Some(round) = row.rounds.last_mut() {
            round.memory = vec![[20.0, 10.0], [10.0, 20.0]];
        }
        let value = row.json();
        assert_eq!(value["results"]["peer"]["decode_ratio"]["median"], 3.0);
        assert_eq!(value["results"]["peer"]["decode_ratio"]["n"], 2);
        assert_eq!(value["results"]["peer"]["pairs_left_out"], 1);
        assert_eq!(value["results"]["ingle"]["decode_ratio"], Value::Null);
        assert_eq!(Row::of(&value), Some(row));
    }

    #[test]
    fn a_row_takes_the_place_of_its_like() {
        let mut record = Record { path: PathBuf::new(), machine: json!({}), rows: Vec::new() };
        record.put(row(1));
        record.put(row(2));
        assert_eq!(record.row("bench a.gguf").map(|row| row.rounds.len()), Some(2));
        assert_eq!(record.rows.len(), 1);
        let back: Result<Value, _> = serde_json::from_str(&record.text());
        assert!(back.is_ok(), "{}", record.text());
    }
}
