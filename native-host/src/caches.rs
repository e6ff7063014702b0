//! Files between runs that may be lost at any time: the user's folder for caches.
//!
//! `INGLE_TUNE=off` neither reads nor writes there; `again` forgets what was found, and `on` is for
//! [`crate::tuning`].

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fs, io};

use crate::term;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Off,
    Auto,
    On,
    Again,
}

/// What `INGLE_TUNE` says; nonsense in it is said once.
pub fn wish() -> Wish {
    static WISH: OnceLock<Wish> = OnceLock::new();
    *WISH.get_or_init(|| match std::env::var("INGLE_TUNE").as_deref() {
        Ok("off" | "0") => Wish::Off,
        Ok("on" | "1") => Wish::On,
        Ok("again") => Wish::Again,
        Ok(other) => {
            term::warning(&format!("INGLE_TUNE is '{other}', but it must be off, on or again"));
            Wish::Auto
        }
        Err(_) => Wish::Auto,
    })
}

/// The user's folder for what can be made again.
pub fn folder() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let caches = if cfg!(windows) {
        var("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        var("HOME").map(|home| home.join("Library/Caches"))
    } else {
        var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("ingle"))
}

/// A file of at most `max_bytes`; `None` if there is none, which is the usual case of a first run.
pub fn read(path: &Path, max_bytes: u64) -> Option<Result<Vec<u8>, String>> {
    let facts = fs::metadata(path).ok()?;
    Some(if facts.len() > max_bytes {
        Err(format!("it is too large: {} bytes, and ours have at most {max_bytes}", facts.len()))
    } else {
        fs::read(path).map_err(|error| error.to_string())
    })
}

/// Written beside and renamed, so that a crash leaves no half of a file.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Says why a file is of no use and removes it: otherwise every start would complain.
pub fn refuse(what: &str, path: &Path, reason: &str) {
    let path_text = path.display();
    term::warning(&format!("{what} are not used, because of {path_text}: {reason}"));
    let _ = fs::remove_file(path);
}
