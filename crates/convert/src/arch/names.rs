//! From a tensor's name in a checkpoint to its place in the table.

use super::{Arch, Row};

/// What becomes of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// Rows of each head in llama's order.
    Heads,
    /// A gain that is kept as its distance from 1.
    PlusOne,
    /// A matrix that is kept as float32.
    Float,
}

/// Which part of a linear layer a tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Weight,
    Bias,
}

impl Part {
    pub const fn end(self) -> &'static str {
        match self {
            Part::Weight => ".weight",
            Part::Bias => ".bias",
        }
    }
}

/// Where a tensor belongs.
pub(crate) enum Place {
    /// To this row, of this layer if it is one of a layer.
    Row { row: &'static Row, layer: Option<u32>, part: Part },
    /// Nowhere, and nothing is lost.
    Ignored,
    /// Nowhere.
    Unknown,
}

impl Place {
    /// GGUF's name.
    pub fn name(row: &Row, layer: Option<u32>, part: Part) -> String {
        let end = part.end();
        match layer {
            Some(layer) => format!("blk.{layer}.{}{end}", row.gguf),
            None => format!("{}{end}", row.gguf),
        }
    }
}

/// Finds the place of a tensor with this name.
pub(crate) fn place(arch: &'static Arch, name: &str) -> Place {
    let stripped = arch.prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    let rest = stripped.unwrap_or(name);
    let part = [Part::Weight, Part::Bias].into_iter().find_map(|part| {
        let module = rest.strip_suffix(part.end())?;
        Some((module, part))
    });
    if let Some((module, part)) = part {
        let model = arch.model.iter().find(|row| row.hf == module);
        if let Some(row) = model {
            return Place::Row { row, layer: None, part };
        }
        if let Some((row, layer)) = find_layer(arch, module) {
            return Place::Row { row, layer: Some(layer), part };
        }
    }
    let ignored = |text: &str| arch.ignored.iter().any(|start| text.starts_with(start));
    let is_buffer = BUFFERS.iter().any(|end| name.ends_with(end));
    if is_buffer || ignored(name) || ignored(rest) { Place::Ignored } else { Place::Unknown }
}

/// The row and the number of a module of a layer ("layers.3.mlp.up_proj").
fn find_layer(arch: &'static Arch, module: &str) -> Option<(&'static Row, u32)> {
    let (layer, module) = module.strip_prefix(arch.layers)?.split_once('.')?;
    let layer = layer.parse().ok()?;
    Some((arch.layer.iter().find(|row| row.hf == module)?, layer))
}

/// Ends of names of what old versions of the library stored beside weights.
const BUFFERS: &[&str] =
    &[".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias", ".position_ids"];
