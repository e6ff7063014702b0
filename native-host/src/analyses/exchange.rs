//! Databases that are carried between machines.

use std::path::Path;
use std::{fs, io};

use rusqlite::{Connection, OpenFlags};

use super::database::{Database, Row, VERSION, every, insert, prepare};
use crate::failure::Failure;

fn refuse(path: &Path, reason: String) -> Failure {
    Failure::File { path: path.to_owned(), reason }
}

/// Writes all of it to `path`, which must not exist.
pub fn export(database: &mut Database, path: &Path) -> Result<(), Failure> {
    if path.exists() {
        let said = format!("{}: it exists already; name another file", path.display());
        return Err(Failure::Usage(said));
    }
    let Some(connection) = &database.connection else {
        return Err(Failure::Usage("there is no cache on this machine to export".to_owned()));
    };
    // The name is the file's when it is whole.
    let mut part = path.as_os_str().to_owned();
    part.push(".incomplete");
    let part = Path::new(&part);
    let _ = fs::remove_file(part);
    let made = connection.execute("VACUUM INTO ?1", [part.to_string_lossy()]);
    let named = made.map_err(io::Error::other).and_then(|_| fs::rename(part, path));
    named.map_err(|error| {
        let _ = fs::remove_file(part);
        Failure::output(path.display().to_string(), error)
    })
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
        let said = "there is no cache on this machine to add it to";
        return Err(Failure::Usage(said.to_owned()));
    };
    let (mut added, mut refused) = (0, 0);
    let change = ours.transaction().map_err(failed)?;
    let mut statement = theirs.prepare(&every()).map_err(failed)?;
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
