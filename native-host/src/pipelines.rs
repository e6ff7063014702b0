//! Keeps the kernels that the driver compiled, so that the next start of a model is faster.
//!
//! One file for each adapter, which a new driver or version replaces: they are megabytes, and
//! files of drivers that are gone would pile up. See [`crate::caches`] for the switch.

use std::path::PathBuf;

use gpu::{Gpu, MAX_PIPELINE_BYTES};

use crate::caches::{self, Wish};
use crate::term;

fn path(gpu: &Gpu) -> Option<PathBuf> {
    let name = gpu.pipelines_name().filter(|_| caches::wish() != Wish::Off)?;
    caches::folder().map(|folder| folder.join(name).with_extension("pipelines"))
}

/// Gives the device what an earlier run compiled. To be called before a model is loaded, and after
/// its kernels were tuned.
pub fn recall(gpu: &Gpu) {
    let Some(path) = path(gpu) else { return };
    let stored = caches::read(&path, MAX_PIPELINE_BYTES as u64)
        .filter(|_| caches::wish() != Wish::Again)
        .transpose();
    let known = stored.as_ref().ok().and_then(|bytes| bytes.as_deref());
    let kept = gpu.keep_pipelines(known);
    if let Err(reason) = stored.map(|_| ()).and(kept) {
        caches::refuse(&format!("the kernels compiled for {}", gpu.name()), &path, &reason);
    }
}

/// Stores what was compiled, if there is more than at the last time.
pub fn store(gpu: &Gpu) {
    let Some((path, bytes)) = path(gpu).zip(gpu.pipeline_cache()) else {
        return;
    };
    let is_stored =
        matches!(caches::read(&path, bytes.len() as u64), Some(Ok(old)) if old == bytes);
    if is_stored {
        return;
    }
    if let Err(error) = caches::write(&path, &bytes) {
        term::warning(&format!("the compiled kernels could not be stored: {error}"));
    }
}
