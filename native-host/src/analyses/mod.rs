//! What was measured of models, kept between runs: a database in the user's folder for caches.
//!
//! An analysis takes hours and its result is small. It is kept by a key of what it follows from
//! ([`Key`]), so a changed byte of the model is another key and never a wrong answer. The
//! database may be lost at any time: one that is damaged is moved aside with a sentence, an entry
//! that is not what was written is removed, and the work goes on. SQLite, because several
//! processes read and write it, and because a file of it can be carried to another machine and
//! looked into there.

mod database;
pub mod exchange;
mod key;
mod stored;
mod unfinished;

pub use database::{Database, Entry, Row};
pub use key::{Digests, Key, Running, hashed, of_bytes};
pub use stored::Stored;
pub use unfinished::Notes;

/// Local time, as entries have it.
pub fn now() -> String {
    chrono::Local::now().format("%Y-%m-%d %H:%M:%S").to_string()
}
