//! Model files: opened without surprises, read by position.
//!
//! Only regular files are read. A FIFO would block for ever, a device may never end, and a
//! directory is a mistake; so files are opened without blocking and looked at before the first
//! read. `pread` and not a memory map: a file that shrinks while it is mapped kills the process,
//! a read that comes up short is an error with a sentence.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use gguf::{ByteSource, Gguf, SourceError};

use crate::failure::Failure;
use crate::import;

/// A regular file with the size it had when it was opened.
struct FileSource {
    file: File,
    len: u64,
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        read_exact_at(&self.file, offset, buf).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SourceError::new("it is shorter than it was"),
            _ => SourceError::new(error.to_string()),
        })
    }

    fn shared(&self) -> Option<&(dyn ByteSource + Sync)> {
        Some(self)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buf, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buf = &mut buf[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens a model; the first part of a split model stands for all of them, a folder for the model
/// in it, whatever its form.
pub fn open(path: &Path) -> Result<Gguf, Failure> {
    if import::is_other_form(path) {
        return import::open(path);
    }
    open_files(&parts(path), path)
}

/// Opens the files of a model, in order; `name` is what messages call them together.
pub fn open_files(paths: &[PathBuf], name: &Path) -> Result<Gguf, Failure> {
    let n_parts = paths.len();
    let mut sources: Vec<Box<dyn ByteSource>> = Vec::with_capacity(n_parts);
    for (i, part) in paths.iter().enumerate() {
        let place = |reason: String| match n_parts {
            1 => reason,
            _ => format!("{reason} (part {} of {n_parts}; keep all in one folder)", i + 1),
        };
        let file = open_regular(part)
            .map_err(|reason| Failure::File { path: part.clone(), reason: place(reason) })?;
        sources.push(Box::new(file));
    }
    let gguf = match n_parts {
        1 => sources.pop().map_or_else(|| Gguf::open_split(Vec::new()), Gguf::open),
        _ => Gguf::open_split(sources),
    };
    gguf.map_err(|error| Failure::model(name, error))
}

/// All files of the model that `path` names.
pub fn parts(path: &Path) -> Vec<PathBuf> {
    let names = path.file_name().and_then(|name| name.to_str()).and_then(gguf::split_names);
    match names {
        Some(names) => names.iter().map(|name| path.with_file_name(name)).collect(),
        None => vec![path.to_owned()],
    }
}

/// Opens a regular file, or says in a sentence why not.
pub fn open_regular(path: &Path) -> Result<impl ByteSource + use<>, String> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file; check the path".to_owned(),
        io::ErrorKind::PermissionDenied => "you may not read it; check its permissions".to_owned(),
        _ => format!("it cannot be opened ({error})"),
    })?;
    let metadata = file.metadata().map_err(|error| format!("it cannot be looked at ({error})"))?;
    if metadata.is_dir() {
        return Err("it is a folder without a config.json; give the GGUF file in it".to_owned());
    }
    if !metadata.is_file() {
        return Err("it is not a regular file; models are read from files on disk".to_owned());
    }
    Ok(FileSource { file, len: metadata.len() })
}
