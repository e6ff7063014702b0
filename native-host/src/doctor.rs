//! What was found out about a GPU's numbers is kept between runs, beside its tuning.
//!
//! Before the first model on a new adapter, driver or version, its kernels are compared with the
//! processor (see `gpu::doctor`); later runs read a file. `INGLE_TUNE=off` neither tries nor reads,
//! `again` forgets (see [`crate::caches`]).

use std::path::PathBuf;

use gpu::{Finding, Gpu, Part};
use kernels::{Plan, PlayerConfig, PlayerError};

use crate::caches::{self, Wish};
use crate::term;

/// Most time that is taken, in milliseconds; a graphics chip needs a second. The rest is tried at
/// the next start.
const BUDGET_MS: f64 = 10_000.0;
/// No file of ours is larger.
const MAX_BYTES: u64 = 1 << 20;

fn path(gpu: &Gpu) -> Option<PathBuf> {
    caches::folder().map(|folder| folder.join(gpu.record_file()))
}

/// Takes over what is known. A file that is of no use is said aloud, once.
fn recall(gpu: &Gpu) {
    let Some(path) = path(gpu).filter(|_| caches::wish() != Wish::Again) else { return };
    let Some(read) = caches::read(&path, MAX_BYTES) else { return };
    let text = |bytes| String::from_utf8(bytes).map_err(|_| "it is not text".to_owned());
    if let Err(reason) = read.and_then(text).and_then(|text| gpu.use_record(&text)) {
        caches::refuse(&format!("what is known about {}", gpu.name()), &path, &reason);
    }
}

/// Keeps what was found out.
fn store(gpu: &Gpu) {
    let stored = path(gpu).map_or(Ok(()), |path| caches::write(&path, gpu.record().as_bytes()));
    if let Err(error) = stored {
        term::warning(&format!("what the doctor found could not be stored: {error}"));
    }
}

/// Compares the kernels of `plan` that were not yet compared here. What is switched off is said
/// when it is found out; a device that is right in no form is refused by its loader.
///
/// # Errors
/// If the device goes away.
pub fn prepare(gpu: &Gpu, plan: &Plan, config: PlayerConfig) -> Result<(), PlayerError> {
    if caches::wish() == Wish::Off {
        return Ok(());
    }
    recall(gpu);
    let before = gpu.switched_off().len();
    if pollster::block_on(gpu.examine(Some((plan, config)), BUDGET_MS, |_| ()))?.is_new {
        store(gpu);
    }
    let new = gpu.switched_off().into_iter().skip(before);
    for off in new.filter(|off| off.part != Part::Device) {
        term::warning(&format!("{}: {off}; answers stay right and may be slower", gpu.name()));
    }
    Ok(())
}

/// Compares the kernels of usual models, all of them anew.
///
/// # Errors
/// If the device goes away.
pub fn examine(gpu: &Gpu, heard: impl FnMut(&Finding)) -> Result<(), PlayerError> {
    gpu.forget_findings();
    pollster::block_on(gpu.examine(None, BUDGET_MS, heard))?;
    if caches::wish() != Wish::Off {
        store(gpu);
    }
    Ok(())
}
