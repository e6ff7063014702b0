//! The database: one table, a row for each analysis, its bytes with their digest.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::{Key, Stored, key};
use crate::failure::Failure;
use crate::{caches, term};

/// Its name in the folder of caches.
const FILE: &str = "analyses.sqlite";

/// Layout of the table, in the file's own field for that.
const VERSION: i64 = 1;

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

const COLUMNS: &str =
    "key, model, model_sha256, text, settings, made, seconds, sha256, result, importance";

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

    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        Ok(Row {
            key: row.get(0)?,
            entry: Entry {
                model: row.get(1)?,
                model_sha256: row.get(2)?,
                text: row.get(3)?,
                settings: row.get(4)?,
                made: row.get(5)?,
                seconds: row.get(6)?,
            },
            sha256: row.get(7)?,
            stored: Stored { json: row.get(8)?, importance: row.get(9)? },
        })
    }

    fn is_sound(&self) -> bool {
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
    connection: Option<Connection>,
}

impl Database {
    /// Opens or makes it. Where that is impossible, a sentence is said and nothing is kept.
    pub fn open() -> Database {
        let Some(folder) = caches::folder().filter(|_| caches::wish() != caches::Wish::Off) else {
            return Database { path: PathBuf::new(), connection: None };
        };
        let mut this = Database { path: folder.join(FILE), connection: None };
        if fs::create_dir_all(&folder).is_err() {
            return this;
        }
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
        let sql = format!(
            "SELECT {COLUMNS} FROM analyses WHERE key = ?1
             AND length(result) + length(importance) <= {MAX_BYTES}"
        );
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
            change.commit()
        });
    }

    /// What there is, the newest first.
    pub fn entries(&mut self) -> Vec<Entry> {
        let all = self.with(|connection| {
            let sql = "SELECT model, model_sha256, text, settings, made, seconds FROM analyses
                       ORDER BY made DESC";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], |row| {
                Ok(Entry {
                    model: row.get(0)?,
                    model_sha256: row.get(1)?,
                    text: row.get(2)?,
                    settings: row.get(3)?,
                    made: row.get(4)?,
                    seconds: row.get(5)?,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<Entry>>>()
        });
        all.unwrap_or_default()
    }

    /// Forgets everything; how many there were.
    pub fn clear(&mut self) -> usize {
        let removed = self.with(|connection| connection.execute("DELETE FROM analyses", []));
        self.with(|connection| connection.execute_batch("VACUUM"));
        removed.unwrap_or(0)
    }

    /// Does something with it. Damage moves it aside, anything else is said; both end in `None`.
    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Option<T> {
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

fn insert(connection: &Connection, row: &Row) -> rusqlite::Result<usize> {
    let entry = &row.entry;
    let sql = format!(
        "INSERT OR REPLACE INTO analyses ({COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
    );
    connection.execute(
        &sql,
        params![
            row.key,
            entry.model,
            entry.model_sha256,
            entry.text,
            entry.settings,
            entry.made,
            entry.seconds,
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
    Ok(connection)
}

/// What every file is opened with, strangers' too: nothing in it is a program that runs.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")
}

/// Databases that are carried between machines.
pub mod exchange {
    use super::{
        COLUMNS, Connection, Database, Failure, MAX_BYTES, OpenFlags, Path, Row, VERSION, fs,
        insert, prepare,
    };

    fn refuse(path: &Path, reason: String) -> Failure {
        Failure::File { path: path.to_owned(), reason }
    }

    /// Writes all of it to `path`, which must not exist.
    pub fn export(database: &mut Database, path: &Path) -> Result<(), Failure> {
        if path.exists() {
            let reason = "it exists already; name another file";
            return Err(refuse(path, reason.to_owned()));
        }
        let Some(connection) = &database.connection else {
            return Err(refuse(path, "there is no cache on this machine to export".to_owned()));
        };
        // The name is the file's when it is whole.
        let mut part = path.as_os_str().to_owned();
        part.push(".incomplete");
        let part = Path::new(&part);
        let _ = fs::remove_file(part);
        let made = connection.execute("VACUUM INTO ?1", [part.to_string_lossy()]);
        let failed = |reason: String| {
            let _ = fs::remove_file(part);
            refuse(path, reason)
        };
        made.map_err(|error| failed(format!("it could not be written ({error})")))?;
        fs::rename(part, path).map_err(|error| failed(format!("it could not be named ({error})")))
    }

    /// Adds what is in `path`; how many were added and how many were no analyses.
    pub fn import(database: &mut Database, path: &Path) -> Result<(usize, usize), Failure> {
        let failed = |error: rusqlite::Error| {
            refuse(path, format!("it is no file of `ingle cache export` ({error})"))
        };
        if !path.is_file() {
            return Err(refuse(path, "there is no such file; check the path".to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let theirs = Connection::open_with_flags(path, flags).map_err(failed)?;
        prepare(&theirs).map_err(failed)?;
        let version: i64 =
            theirs.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        if version != VERSION {
            let reason = format!(
                "it has the layout {version}, and this program reads {VERSION}: export it with the \
                 same version of ingle"
            );
            return Err(refuse(path, reason));
        }
        let Some(ours) = database.connection.as_mut() else {
            return Err(refuse(path, "there is no cache on this machine to add it to".to_owned()));
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM analyses
             WHERE length(result) + length(importance) <= {MAX_BYTES}"
        );
        let (mut added, mut refused) = (0, 0);
        let change = ours.transaction().map_err(failed)?;
        let mut statement = theirs.prepare(&sql).map_err(failed)?;
        for row in statement.query_map([], Row::read).map_err(failed)? {
            let row = row.map_err(failed)?;
            match row.is_sound() {
                true => added += insert(&change, &row).map_err(failed)?,
                false => refused += 1,
            }
        }
        change.commit().map_err(failed)?;
        Ok((added, refused))
    }
}
