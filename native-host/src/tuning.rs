//! What was found about a GPU is kept between runs, in the user's folder for caches.
//!
//! The first model with a new shape of matrix on a new adapter costs some seconds of trying; later
//! runs read a file. It belongs to one adapter, driver and version, by its name and by its first
//! line, and whatever is wrong with it, the answer is the kernels every adapter starts with.
//!
//! `INGLE_TUNE=off` never tries and never reads (see [`crate::caches`]); `on` also tries on
//! adapters that compute on the CPU, whose times say nothing about a GPU; `again` forgets it all.

use std::path::PathBuf;

use gpu::Gpu;
use kernels::{Plan, PlayerError};

use crate::caches::{self, Wish};
use crate::term;

/// Most time that a start may spend on trying, in milliseconds; the rest is tried at the next one.
const BUDGET_MS: f64 = 3000.0;
/// No file of ours is larger.
const MAX_BYTES: u64 = 1 << 20;

fn path(gpu: &Gpu) -> Option<PathBuf> {
    caches::folder().map(|folder| folder.join(gpu.tuning_file()))
}

/// Takes over what is known about the device, without trying anything. A file that is of no use is
/// said aloud, once, because the next run writes it anew.
pub fn recall(gpu: &Gpu) {
    let Some(path) = path(gpu).filter(|_| !matches!(caches::wish(), Wish::Off | Wish::Again))
    else {
        return;
    };
    let Some(read) = caches::read(&path, MAX_BYTES) else {
        return;
    };
    let text = |bytes| String::from_utf8(bytes).map_err(|_| "it is not text".to_owned());
    if let Err(reason) = read.and_then(text).and_then(|text| gpu.use_tuning(&text)) {
        caches::refuse(&format!("the kernels tuned for {}", gpu.name()), &path, &reason);
    }
}

/// Finds the fastest kernels for `plan` where that is not known yet, and stores them.
///
/// # Errors
/// If the device goes away.
pub fn prepare(gpu: &Gpu, plan: &Plan) -> Result<(), PlayerError> {
    let wish = caches::wish();
    if wish == Wish::Off || gpu.is_software() && wish == Wish::Auto {
        return Ok(());
    }
    recall(gpu);
    if !pollster::block_on(gpu.tune(plan, BUDGET_MS))? {
        return Ok(());
    }
    term::note(&format!("tuned the kernels for {}; `ingle devices` shows them", gpu.name()));
    let stored = path(gpu).map_or(Ok(()), |path| caches::write(&path, gpu.tuning().as_bytes()));
    if let Err(error) = stored {
        term::warning(&format!("what was tuned could not be stored: {error}"));
    }
    Ok(())
}

/// What is stored about an adapter, as sentences.
pub fn stored(adapter: &str) -> Vec<String> {
    if !caches::folder().is_some_and(|folder| folder.is_dir()) {
        return Vec::new();
    }
    let name = Some(adapter.to_owned());
    let options = gpu::Options { name, allow_software: true, ..Default::default() };
    let Ok(gpu) = pollster::block_on(Gpu::open(&options)) else {
        return Vec::new();
    };
    recall(&gpu);
    gpu.tuned_forms()
}
