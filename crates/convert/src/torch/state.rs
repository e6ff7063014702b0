//! From a pickle's values to tensors with names.

use super::globals::Dtype;
use super::pickle::{Id, Node, Pickle};
use crate::checkpoint::Stored;
use crate::error::{Error, shown};

/// Keys under which trainers put a model's weights beside other things.
const INNER: &[&str] = &["state_dict", "model_state_dict", "model", "module"];

/// Where the numbers of a storage lie: first byte and how many.
pub(super) type Extent = (u64, u64);

/// The tensors of a dictionary by their names; `find` says where a storage lies.
pub(super) fn tensors(
    file: &str,
    pickle: &Pickle,
    mut find: impl FnMut(&str, Dtype) -> Result<Extent, Error>,
) -> Result<Vec<(String, Stored)>, Error> {
    let mut out = Vec::new();
    for (key, value) in entries(pickle) {
        let (Node::Text(name), Node::Tensor { storage, first, size, stride }) =
            (pickle.node(*key), pickle.node(*value))
        else {
            continue;
        };
        let Node::Storage { dtype, key, .. } = pickle.node(*storage) else { continue };
        if !is_contiguous(size, stride) {
            let reason = format!(
                "the rows of {} are not one behind the other; save the model again",
                shown(name)
            );
            return Err(Error::malformed(file, reason));
        }
        let (start, len) = find(key, *dtype)?;
        let n = size.iter().fold(1u64, |n, dim| n.saturating_mul(*dim));
        let end = first.saturating_add(n).saturating_mul(dtype.n_bytes);
        if end > len {
            let reason = format!("{} ends at byte {end} of a storage of {len}", shown(name));
            return Err(Error::malformed(file, reason));
        }
        let offset = start.saturating_add(first.saturating_mul(dtype.n_bytes));
        let dtype = dtype.float.ok_or_else(|| dtype.name.to_owned());
        out.push((name.clone(), Stored { dtype, shape: size.clone(), offset, file: 0 }));
    }
    match out.is_empty() {
        true => Err(Error::malformed(file, "it holds no tensors with names")),
        false => Ok(out),
    }
}

/// The entries of the dictionary with the weights.
fn entries(pickle: &Pickle) -> &[(Id, Id)] {
    let Node::Dict(outer) = pickle.node(pickle.top) else { return &[] };
    let inner =
        outer.iter().find_map(|(key, value)| match (pickle.node(*key), pickle.node(*value)) {
            (Node::Text(key), Node::Dict(inner)) if INNER.contains(&key.as_str()) => Some(inner),
            _ => None,
        });
    inner.unwrap_or(outer)
}

/// Whether elements follow each other in the order of the sizes.
fn is_contiguous(size: &[u64], stride: &[u64]) -> bool {
    let mut want = 1u64;
    for (size, stride) in size.iter().zip(stride).rev() {
        if *size != 1 && *stride != want {
            return false;
        }
        want = want.saturating_mul(*size);
    }
    true
}
