//! The database: a row for each analysis, its bytes with their digest; and a table of what
//! unfinished ones have found ([`unfinished`](super::unfinished)).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::{Key, Stored, key, unfinished};
use crate::{caches, term};

/// Its name in the folder of caches.
const FILE: &str = "analyses.sqlite";

/// Layout of the table, in the file's own field for that.
pub(super) const VERSION: i64 = 1;

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS analyses (
        key TEXT PRIMARY KEY,
        model TEXT NOT NULL,
        model_sha256 TEXT NOT NULL,
        text TEXT NOT NULL,
        settings TEXT NOT NULL,
        made TEXT NOT NULL,
        seconds REAL NOT NULL,
        sha256 TEXT NOT NULL,
        result BLOB NOT NULL,
        importance BLOB NOT NULL
    ) STRICT;
    PRAGMA user_version = 1;";

/// What is said about an analysis; see [`Entry::read`].
const ABOUT: &str = "model, model_sha256, text, settings, made, seconds";

/// The rest of a row; see [`Row::read`].
const PARTS: &str = "key, sha256, result, importance";

/// Analyses that are kept; the oldest go first. Each is a thousandth of its model.
const MOST: u32 = 200;

/// Bytes of one entry that is read: an importance matrix of hundreds of experts has 300 MB.
const MAX_BYTES: u64 = 1 << 30;

/// How long one process waits for another that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is said about an analysis.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The model's name.
    pub model: String,
    /// Digest of its bytes.
    pub model_sha256: String,
    /// The text's name.
    pub text: String,
    /// What it was measured with.
    pub settings: String,
    /// When.
    pub made: String,
    /// How long it took.
    pub seconds: f64,
}

impl Entry {
    /// Columns of [`ABOUT`], which stand first.
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
        Ok(Entry {
            model: row.get(0)?,
            model_sha256: row.get(1)?,
            text: row.get(2)?,
            settings: row.get(3)?,
            made: row.get(4)?,
            seconds: row.get(5)?,
        })
    }
}

/// An analysis with its key.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its key.
    pub key: String,
    /// What is said about it.
    pub entry: Entry,
    /// The digest of both parts.
    sha256: String,
    /// Both parts.
    pub stored: Stored,
}

impl Row {
    /// To be kept.
    pub fn new(key: Key, entry: Entry, stored: Stored) -> Row {
        Row { key: key.0, entry, sha256: digest(&stored), stored }
    }

    /// Columns of [`ABOUT`], then those of [`PARTS`].
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        Ok(Row {
            entry: Entry::read(row)?,
            key: row.get(6)?,
            sha256: row.get(7)?,
            stored: Stored { json: row.get(8)?, importance: row.get(9)? },
        })
    }

    pub(super) fn is_sound(&self) -> bool {
        self.sha256 == digest(&self.stored) && self.stored.analysis().is_ok()
    }
}

fn digest(stored: &Stored) -> String {
    key::of_bytes(
        &[key::of_bytes(&stored.json), key::of_bytes(&stored.importance)].concat().into_bytes(),
    )
}

/// The user's database, or none where there can be none.
pub struct Database {
    path: PathBuf,
    pub(super) connection: Option<Connection>,
}

impl Database {
    /// Opens or makes it. Where that is impossible, a sentence is said and nothing is kept.
    pub fn open() -> Database {
        let Some(folder) = caches::folder().filter(|_| caches::wish() != caches::Wish::Off) else {
            return Database { path: PathBuf::new(), connection: None };
        };
        match fs::create_dir_all(&folder) {
            Ok(()) => Database::at(&folder.join(FILE)),
            Err(_) => Database { path: PathBuf::new(), connection: None },
        }
    }

    /// As [`open`](Database::open), a file.
    pub fn at(path: &Path) -> Database {
        let mut this = Database { path: path.to_owned(), connection: None };
        this.connection = match connect(&this.path) {
            Ok(connection) => Some(connection),
            Err(error) if is_damage(&error) => {
                this.set_aside(&error);
                connect(&this.path).ok()
            }
            Err(error) => {
                let path = this.path.display();
                term::warning(&format!("measurements are not kept, because of {path}: {error}"));
                None
            }
        };
        this
    }

    /// What was measured, if it was.
    pub fn get(&mut self, key: &Key) -> Option<Row> {
        let sql = format!("{} AND key = ?1", every());
        let row =
            self.with(|connection| connection.query_row(&sql, [&key.0], Row::read).optional())??;
        if row.is_sound() {
            return Some(row);
        }
        term::warning("what was measured of this model is damaged, so it is measured again");
        self.with(|connection| connection.execute("DELETE FROM analyses WHERE key = ?1", [&key.0]));
        None
    }

    /// Keeps an analysis; of too many the oldest are forgotten.
    pub fn put(&mut self, row: &Row) {
        self.with(|connection| {
            let change = connection.transaction()?;
            insert(&change, row)?;
            change.execute(
                "DELETE FROM analyses WHERE key NOT IN
                 (SELECT key FROM analyses ORDER BY made DESC LIMIT ?1)",
                [MOST],
            )?;
            unfinished::forget(&change, &row.key)?;
            change.commit()
        });
    }

    /// What there is, the newest first.
    pub fn entries(&mut self) -> Vec<Entry> {
        let all = self.with(|connection| {
            let sql = format!("SELECT {ABOUT} FROM analyses ORDER BY made DESC");
            let mut statement = connection.prepare(&sql)?;
            statement.query_map([], Entry::read)?.collect::<rusqlite::Result<Vec<Entry>>>()
        });
        all.unwrap_or_default()
    }

    /// Forgets everything; how many there were.
    pub fn clear(&mut self) -> usize {
        let removed = self.with(|connection| connection.execute("DELETE FROM analyses", []));
        self.with(|connection| connection.execute("DELETE FROM findings", []));
        self.with(|connection| connection.execute_batch("VACUUM"));
        removed.unwrap_or(0)
    }

    /// Does something with it. Damage moves it aside, anything else is said; both end in `None`.
    pub(super) fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        let error = match work(self.connection.as_mut()?) {
            Ok(done) => return Some(done),
            Err(error) => error,
        };
        if is_damage(&error) {
            self.connection = None;
            self.set_aside(&error);
            self.connection = connect(&self.path).ok();
        } else {
            let path = self.path.display();
            term::warning(&format!("{path} could not be used: {error}"));
        }
        None
    }

    /// A damaged one is kept under another name, for whoever wants to look at it.
    fn set_aside(&self, error: &rusqlite::Error) {
        let aside = self.path.with_extension("sqlite.damaged");
        let (path, to) = (self.path.display(), aside.display());
        term::warning(&format!(
            "{path} is damaged ({error}), so it was moved to {to}; what it had is measured again"
        ));
        if fs::rename(&self.path, &aside).is_err() {
            let _ = fs::remove_file(&self.path);
        }
        for end in ["sqlite-journal", "sqlite-wal", "sqlite-shm"] {
            let _ = fs::remove_file(self.path.with_extension(end));
        }
    }
}

/// All rows, the first half of a question.
pub(super) fn every() -> String {
    format!(
        "SELECT {ABOUT}, {PARTS} FROM analyses
         WHERE length(result) + length(importance) <= {MAX_BYTES}"
    )
}

pub(super) fn insert(connection: &Connection, row: &Row) -> rusqlite::Result<usize> {
    let entry = &row.entry;
    let sql = format!(
        "INSERT OR REPLACE INTO analyses ({ABOUT}, {PARTS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
    );
    connection.execute(
        &sql,
        params![
            entry.model,
            entry.model_sha256,
            entry.text,
            entry.settings,
            entry.made,
            entry.seconds,
            row.key,
            row.sha256,
            row.stored.json,
            row.stored.importance,
        ],
    )
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType};
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
        // Another table of this name, or another layout.
        || matches!(error, FromSqlConversionFailure(..) | InvalidColumnType(..))
        || error.to_string().contains("no such column")
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    prepare(&connection)?;
    connection.execute_batch(TABLE)?;
    connection.execute_batch(unfinished::TABLE)?;
    Ok(connection)
}

/// What every file is opened with, strangers' too: nothing in it is a program that runs.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")
}
