//! The zip form: `NAME/data.pkl`, and a file `NAME/data/KEY` per storage.

use std::io::{self, Read, Seek, SeekFrom};

use gguf::ByteSource;
use zip::{CompressionMethod, ZipArchive};

use super::{MAX_PICKLE, pickle, read, state};
use crate::checkpoint::Stored;
use crate::error::{Error, shown};

pub(super) fn tensors(file: &str, bytes: &dyn ByteSource) -> Result<Vec<(String, Stored)>, Error> {
    let damaged = |error: zip::result::ZipError| {
        Error::malformed(file, format!("it is no zip archive of PyTorch ({error})"))
    };
    let mut archive = ZipArchive::new(Cursor { bytes, at: 0 }).map_err(damaged)?;
    let mut names = archive.file_names().filter_map(Result::ok);
    let found = names.find(|name| name.ends_with("/data.pkl")).map(|name| name.into_owned());
    drop(names);
    let main = found.ok_or_else(|| Error::malformed(file, "it has no data.pkl"))?;
    let folder = main.trim_end_matches("data.pkl").to_owned();
    let mut extent = |name: &str| -> Result<(u64, u64), Error> {
        let entry = archive.by_name(name).map_err(damaged)?;
        let start = entry.data_start();
        let is_stored = entry.compression() == CompressionMethod::Stored && !entry.encrypted();
        match (start, is_stored) {
            (Some(start), true) => Ok((start, entry.size())),
            _ => Err(Error::malformed(file, format!("{} in it is compressed", shown(name)))),
        }
    };
    if let Ok((start, n)) = extent(&format!("{folder}byteorder")) {
        check_order(file, bytes, start, n)?;
    }
    let (start, need) = extent(&main)?;
    if need > MAX_PICKLE {
        let (file, what, advice) = (file.to_owned(), "a pickle", "it is no file of weights");
        return Err(Error::TooLarge { file, what, need, max: MAX_PICKLE, advice });
    }
    check_end(file, bytes, start, need)?;
    let mut program = vec![0; usize::try_from(need).unwrap_or(0)];
    read(file, bytes, start, &mut program)?;
    let pickle = pickle::read(file, &program)?;
    state::tensors(file, &pickle, |key, _| extent(&format!("{folder}data/{key}")))
}

/// What the archive says of a place is a stranger's word.
fn check_end(file: &str, bytes: &dyn ByteSource, start: u64, n: u64) -> Result<(), Error> {
    let (need, have) = (start.saturating_add(n), bytes.len());
    if need > have {
        let what = "a part of the archive";
        return Err(Error::Truncated { file: file.to_owned(), what, need, have });
    }
    Ok(())
}

fn check_order(file: &str, bytes: &dyn ByteSource, start: u64, n: u64) -> Result<(), Error> {
    const LITTLE: &[u8] = b"little";
    let mut order = [0; LITTLE.len()];
    check_end(file, bytes, start, LITTLE.len() as u64)?;
    read(file, bytes, start, &mut order)?;
    match n == LITTLE.len() as u64 && order == LITTLE {
        true => Ok(()),
        false => Err(Error::malformed(file, "it was saved on a big-endian machine")),
    }
}

/// A source as the zip library reads one.
struct Cursor<'a> {
    bytes: &'a dyn ByteSource,
    at: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.len().saturating_sub(self.at);
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let part = buf.get_mut(..n).unwrap_or_default();
        self.bytes.read_at(self.at, part).map_err(|error| io::Error::other(error.0))?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
