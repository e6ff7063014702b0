//! From a file's metadata to a Plan: hyper-parameters checked, tensors found, ops in order.
//!
//! An architecture is one file under `arch/` that reads top to bottom like the paper, and one row
//! in [`arch::TABLE`]. What architectures share (finding tensors, checking shapes, rope scaling)
//! lives in [`builder`] and [`rope`], so that a file of `arch/` holds only what is special.
//!
//! Must never know: wgpu, threads, text.
#![deny(missing_docs)]

pub mod arch;
mod blocks;
mod builder;
mod error;
mod hyper;
mod rope;

use gguf::Gguf;
use kernels::Plan;

pub use error::Error;
pub use hyper::HyperParams;

/// A model ready to be loaded by a player.
#[derive(Clone, Debug)]
pub struct Model {
    /// `general.architecture`.
    pub architecture: String,
    /// Sizes and settings read from the metadata.
    pub hyper: HyperParams,
    /// What to compute.
    pub plan: Plan,
}

/// Builds the Plan of a file.
///
/// # Errors
/// [`Error`]: a missing or impossible key, an architecture that is not in the table, a tensor that
/// is missing or has another shape or type than the architecture says.
pub fn build(gguf: &Gguf) -> Result<Model, Error> {
    let metadata = &gguf.metadata;
    let architecture = metadata.require_str("general.architecture")?.to_owned();
    let arch = arch::find(&architecture)?;
    let hyper = HyperParams::read(metadata, &architecture, arch.eps_key)?;
    let mut builder = builder::Builder::new(gguf, &hyper)?;
    (arch.build)(&mut builder)?;
    let plan = builder.finish();
    Ok(Model { architecture, hyper, plan })
}
