//! The form before 2020: a magic number, a version, facts about the machine, the dictionary, the
//! keys of the storages (each a pickle), and then the storages: a count and the numbers.

use std::collections::BTreeMap;

use gguf::ByteSource;

use super::globals::Dtype;
use super::pickle::{self, Node, Pickle};
use super::{MAX_PICKLE, read, state};
use crate::checkpoint::Stored;
use crate::error::{Error, shown};

/// The number a file begins with, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The only version there was.
const VERSION: i64 = 1001;

pub(super) fn tensors(file: &str, bytes: &dyn ByteSource) -> Result<Vec<(String, Stored)>, Error> {
    let mut at = 0;
    let mut next = || -> Result<Pickle, Error> {
        let left = bytes.len().saturating_sub(at).min(MAX_PICKLE);
        let mut program = vec![0; usize::try_from(left).unwrap_or(0)];
        read(file, bytes, at, &mut program)?;
        let pickle = pickle::read(file, &program)?;
        at += pickle.len as u64;
        Ok(pickle)
    };
    let (magic, version, machine) = (next()?, next()?, next()?);
    let is_magic = matches!(magic.node(magic.top), Node::Long(bytes) if bytes[..] == MAGIC);
    if !is_magic || *version.node(version.top) != Node::Int(VERSION) {
        return Err(Error::malformed(file, "it is a pickle, and not one of torch.save"));
    }
    if !is_little(&machine) {
        return Err(Error::malformed(file, "it was saved on a big-endian machine"));
    }
    let (state, keys) = (next()?, next()?);
    let places = place(file, bytes, at, &state, &keys)?;
    state::tensors(file, &state, |key, _| {
        let missing = || Error::malformed(file, format!("the storage {} is missing", shown(key)));
        places.get(key).copied().ok_or_else(missing)
    })
}

fn is_little(machine: &Pickle) -> bool {
    let Node::Dict(entries) = machine.node(machine.top) else { return false };
    entries.iter().any(|(key, value)| {
        let is_key = *machine.node(*key) == Node::Text("little_endian".to_owned());
        is_key && *machine.node(*value) == Node::Bool(true)
    })
}

/// Where each storage lies: they follow each other in the order of their keys.
fn place(
    file: &str,
    bytes: &dyn ByteSource,
    mut at: u64,
    state: &Pickle,
    keys: &Pickle,
) -> Result<BTreeMap<String, state::Extent>, Error> {
    let dtypes: BTreeMap<&str, Dtype> = state
        .nodes()
        .iter()
        .filter_map(|node| match node {
            Node::Storage { dtype, key, .. } => Some((key.as_str(), *dtype)),
            _ => None,
        })
        .collect();
    let Node::List(list) = keys.node(keys.top) else {
        return Err(Error::malformed(file, "it has no list of storages"));
    };
    let mut places = BTreeMap::new();
    for id in list {
        let Node::Text(key) = keys.node(*id) else {
            return Err(Error::malformed(file, "a storage's key is no text"));
        };
        let Some(dtype) = dtypes.get(key.as_str()) else {
            let reason = format!("the storage {} is of no tensor", shown(key));
            return Err(Error::malformed(file, reason));
        };
        let (what, have) = ("a storage", bytes.len());
        let need = at.saturating_add(8);
        if need > have {
            return Err(Error::Truncated { file: file.to_owned(), what, need, have });
        }
        let mut count = [0; 8];
        read(file, bytes, at, &mut count)?;
        let n_bytes = u64::from_le_bytes(count).saturating_mul(dtype.n_bytes);
        let need = need.saturating_add(n_bytes);
        if need > have {
            return Err(Error::Truncated { file: file.to_owned(), what, need, have });
        }
        places.insert(key.clone(), (at + 8, n_bytes));
        at = need;
    }
    Ok(places)
}
