//! Models split over several files: their names, and whether the parts belong together.
//!
//! The convention is gguf-split's: `name-00001-of-00003.gguf`, keys `split.no` (from 0),
//! `split.count` and `split.tensors.count`, all other metadata in the first file. Parts of another
//! model are recognized by what can be: the counts, the numbers and tensor names that repeat.

use crate::error::Error;
use crate::metadata::Metadata;

/// u16: number of this file, from 0.
const KEY_NO: &str = "split.no";
/// u16: number of files.
const KEY_COUNT: &str = "split.count";
/// i32: tensors over all files.
const KEY_TENSORS: &str = "split.tensors.count";

/// Most files a name can ask for; five digits are what the convention has.
const MAX_NAMED: u32 = 1024;

/// The parts of a split file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitName {
    /// Everything before the numbers.
    pub prefix: String,
    /// Number of this file, from 1.
    pub no: u32,
    /// Number of files.
    pub count: u32,
}

impl SplitName {
    /// Takes `prefix-00001-of-00003.gguf` apart; `None` for any other name.
    pub fn parse(file_name: &str) -> Option<SplitName> {
        let rest = file_name.strip_suffix(".gguf")?;
        let (rest, count) = rest.rsplit_once("-of-")?;
        let (prefix, no) = rest.rsplit_once('-')?;
        let (no, count) = (number(no)?, number(count)?);
        let valid = (1..=count).contains(&no) && count <= MAX_NAMED && !prefix.is_empty();
        valid.then(|| SplitName { prefix: prefix.to_owned(), no, count })
    }

    /// The name of file `no` (from 1) of the same model.
    pub fn file_name(&self, no: u32) -> String {
        format!("{}-{no:05}-of-{:05}.gguf", self.prefix, self.count)
    }
}

fn number(digits: &str) -> Option<u32> {
    let all_digits = digits.len() == 5 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits)
}

/// All file names of the split model that `file_name` ("x-00002-of-00003.gguf") is a part of.
pub fn split_names(file_name: &str) -> Option<Vec<String>> {
    let name = SplitName::parse(file_name)?;
    Some((1..=name.count).map(|no| name.file_name(no)).collect())
}

/// Metadata and number of tensors of every file, in order: do they make up one model?
pub(crate) fn check(files: &[(&Metadata, usize)]) -> Result<(), Error> {
    let split = |reason: String| Err(Error::Split { reason });
    let n_files = files.len() as u64;
    for (i, (metadata, _)) in files.iter().enumerate() {
        let no = metadata.u64(KEY_NO)?;
        let count = metadata.u64(KEY_COUNT)?;
        if n_files == 1 && no.is_none() && count.is_none() {
            return Ok(());
        }
        // gguf-split leaves a count of 0 in a file it has merged.
        let (no, count) = (no.unwrap_or(0), count.unwrap_or(1).max(1));
        let part = i.saturating_add(1);
        if no >= count {
            return split(format!(
                "file {part} says it is part {} of {count}, which cannot be, get it again",
                no.saturating_add(1)
            ));
        }
        if count != n_files {
            return split(format!(
                "file {part} is one of {count} files and {n_files} were opened, put all {count} in \
                 one folder and open the first"
            ));
        }
        if no != i as u64 {
            return split(format!(
                "part {} was found where part {part} belongs, give the files in order",
                no.saturating_add(1)
            ));
        }
    }
    let total: u64 = files.iter().map(|(_, n_tensors)| *n_tensors as u64).sum();
    match files.first().map(|(metadata, _)| metadata.u64(KEY_TENSORS)).transpose()?.flatten() {
        Some(want) if want != total => split(format!(
            "they hold {total} tensors and should hold {want}, a part belongs to another model"
        )),
        _ => Ok(()),
    }
}
