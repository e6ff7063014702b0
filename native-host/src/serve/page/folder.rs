//! A page in a folder, as it is while one works on it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{File, Page};

/// Files of a page; ours has about 20. A folder with more is most likely not meant.
const MAX_FILES: usize = 2000;
/// Folders within folders; ours has one.
const MAX_DEPTH: usize = 8;

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It cannot be read.
    #[error(
        "the page in {} cannot be read ({source}); check the folder after --page", .folder.display()
    )]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It has no `index.html`.
    #[error("{} holds no index.html; --page wants the folder of a built page", .0.display())]
    NoIndex(PathBuf),
    /// It has more files than a page has.
    #[error(
        "{} holds more than {MAX_FILES} files or {MAX_DEPTH} levels of folders; --page wants the \
         folder of a built page", .0.display()
    )]
    TooLarge(PathBuf),
}

impl Page {
    /// The page in a folder.
    ///
    /// # Errors
    /// [`PageError`].
    pub fn open(folder: &Path) -> Result<Page, PageError> {
        let mut files = HashMap::new();
        let mut folders = vec![(folder.to_owned(), String::from("/"), 0)];
        let failed = |source| PageError::Io { folder: folder.to_owned(), source };
        while let Some((place, prefix, depth)) = folders.pop() {
            let too_large = || PageError::TooLarge(folder.to_owned());
            for entry in fs::read_dir(place).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let (path, kind) = (entry.path(), entry.metadata().map_err(failed)?);
                let address = format!("{prefix}{name}");
                if kind.is_dir() && depth < MAX_DEPTH {
                    folders.push((path, address + "/", depth + 1));
                } else if kind.is_dir() || files.len() == MAX_FILES {
                    return Err(too_large());
                } else if address == "/index.html" {
                    files.insert(address, File::html(&fs::read(path).map_err(failed)?));
                } else if kind.is_file() {
                    files.insert(address, File::Disk(path, kind.len()));
                }
            }
        }
        match files.contains_key("/index.html") {
            true => Ok(Page::of_files(files)),
            false => Err(PageError::NoIndex(folder.to_owned())),
        }
    }
}
