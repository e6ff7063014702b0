//! What an analysis that was interrupted has found, so that the next start goes on.
//!
//! Findings are rows of numbers and no JSON: SQLite keeps the bits of a number, so a run in two
//! parts has the result of one. They are written together, at most once in a while: a kill costs
//! that while. When the analysis is whole they are forgotten.

use std::time::{Duration, Instant};

use quant::TensorType;
use rusqlite::{Connection, params};
use sensitivity::{Finding, Reading};

use super::{Database, Key, key};

pub const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS findings (
        analysis TEXT NOT NULL,
        reading TEXT NOT NULL,
        tensor TEXT NOT NULL,
        type TEXT NOT NULL,
        inputs INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        error REAL NOT NULL,
        kl REAL,
        made TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        PRIMARY KEY (analysis, reading, tensor, type)
    ) STRICT;";

/// Unfinished analyses that are kept; the oldest go first.
const MOST: u32 = 20;

/// Findings of one analysis that are read: a model of a hundred layers has ten thousand.
const MOST_FINDINGS: u32 = 1 << 20;

/// How long findings wait for others to be written with.
const PAUSE: Duration = Duration::from_millis(250);

/// Writes what is found.
pub struct Notes {
    database: Database,
    analysis: Key,
    reading: String,
    waiting: Vec<Finding>,
    written: Instant,
}

impl Notes {
    /// Of the analysis with this key.
    pub fn new(database: Database, analysis: Key) -> Notes {
        let (reading, waiting, written) = (String::new(), Vec::new(), Instant::now());
        Notes { database, analysis, reading, waiting, written }
    }

    /// The database, and the key.
    pub fn parts(&mut self) -> (&mut Database, &Key) {
        (&mut self.database, &self.analysis)
    }

    /// What was found after the same reading; later findings are of that reading.
    pub fn open(&mut self, reading: Reading) -> Vec<Finding> {
        let bits = [reading.perplexity, reading.floor].map(f64::to_bits);
        self.reading = format!("{:016x}{:016x}", bits[0], bits[1]);
        let (analysis, reading) = (&self.analysis.0, &self.reading);
        let found = self.database.with(|connection| {
            let sql = "SELECT tensor, type, inputs, rows, error, kl, sha256 FROM findings
                       WHERE analysis = ?1 AND reading = ?2 LIMIT ?3";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map(params![analysis, reading, MOST_FINDINGS], |row| {
                Ok(read(row)?.filter(|(finding, sha256)| *sha256 == digest(reading, finding)))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        found.unwrap_or_default().into_iter().flatten().map(|(finding, _)| finding).collect()
    }

    /// Takes a finding; writes those that wait now and then.
    pub fn add(&mut self, finding: Finding) {
        self.waiting.push(finding);
        if self.written.elapsed() >= PAUSE {
            self.write();
        }
    }

    /// Writes those that wait.
    pub fn write(&mut self) {
        self.written = Instant::now();
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return;
        }
        let (analysis, reading) = (&self.analysis.0, &self.reading);
        let made = super::now();
        self.database.with(|connection| {
            let change = connection.transaction()?;
            for finding in &waiting {
                insert(&change, (analysis, reading, &made), finding)?;
            }
            change.execute(
                "DELETE FROM findings WHERE analysis NOT IN
                 (SELECT analysis FROM findings
                  GROUP BY analysis ORDER BY max(made) DESC LIMIT ?1)",
                [MOST],
            )?;
            change.commit()
        });
    }
}

/// Forgets what was found for an analysis, which is whole.
pub fn forget(connection: &Connection, analysis: &str) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM findings WHERE analysis = ?1", [analysis])
}

fn insert(
    connection: &Connection,
    (analysis, reading, made): (&str, &str, &str),
    finding: &Finding,
) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare(
        "INSERT OR REPLACE INTO findings
         (analysis, reading, tensor, type, inputs, rows, error, kl, made, sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    statement.execute(params![
        analysis,
        reading,
        finding.tensor,
        finding.ty.name(),
        finding.n_inputs as i64,
        finding.n_rows as i64,
        finding.error,
        finding.kl,
        made,
        digest(reading, finding),
    ])
}

/// A finding with its digest; none if it is not one.
fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<(Finding, String)>> {
    let name: String = row.get(1)?;
    let (n_inputs, n_rows): (i64, i64) = (row.get(2)?, row.get(3)?);
    let ty = TensorType::ALL.iter().find(|ty| ty.name() == name);
    let counts = usize::try_from(n_inputs).ok().zip(usize::try_from(n_rows).ok());
    let (tensor, error, kl, sha256) = (row.get(0)?, row.get(4)?, row.get(5)?, row.get(6)?);
    Ok(ty.zip(counts).map(|(&ty, (n_inputs, n_rows))| {
        (Finding { tensor, ty, n_inputs, n_rows, error, kl }, sha256)
    }))
}

fn digest(reading: &str, finding: &Finding) -> String {
    let Finding { tensor, ty, n_inputs, n_rows, error, kl } = finding;
    let (error, kl) = (error.to_bits(), kl.map(f64::to_bits));
    let all = format!("{reading}\n{tensor}\n{ty}\n{n_inputs}\n{n_rows}\n{error:x}\n{kl:x?}\n");
    key::of_bytes(all.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_found_is_found_again_to_the_bit_and_only_after_the_same_reading() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.sqlite");
        let notes = |analysis: &str| Notes::new(Database::at(&file), Key(analysis.to_owned()));
        let one = Finding {
            tensor: "blk.0.attn_q.weight".into(),
            ty: TensorType::Q4_K,
            n_inputs: 64,
            n_rows: 512,
            error: 0.1 + 0.2,
            kl: None,
        };
        let two = Finding { ty: TensorType::Q8_0, kl: Some(1.0 / 3.0), ..one.clone() };
        let reading = Reading { perplexity: 12.3, floor: 1e-7 };
        let mut first = notes("a");
        assert_eq!(first.open(reading), []);
        first.add(one.clone());
        first.add(two.clone());
        first.write();
        assert_eq!(notes("a").open(reading), [one.clone(), two.clone()]);
        // A later one replaces an earlier one.
        let later = Finding { kl: Some(0.7), ..one };
        first.add(later.clone());
        first.write();
        assert_eq!(notes("a").open(reading), [later, two.clone()]);
        // Another bit of the reading, another analysis: nothing.
        let other = Reading { floor: f64::from_bits(reading.floor.to_bits() + 1), ..reading };
        assert_eq!(notes("a").open(other), []);
        assert_eq!(notes("b").open(reading), []);
        // A damaged number is not taken.
        let connection = Connection::open(&file).unwrap();
        connection.execute("UPDATE findings SET kl = 0.25 WHERE kl = 0.7", []).unwrap();
        assert_eq!(notes("a").open(reading), [two]);
    }
}
