//! Where what was found about a GPU is kept between runs: a folder of the user's caches.
//!
//! The first model with a new shape of matrix on a new adapter costs some seconds of trying; later
//! runs read a file. It belongs to one adapter, driver and version, by its name and by its first
//! line, and whatever is wrong with it, the answer is the kernels every adapter starts with.
//!
//! `INGLE_TUNE=off` never tries and never reads; `on` also tries on adapters that compute on the
//! CPU, whose times say nothing about a GPU; `again` forgets what was found.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use gpu::Gpu;
use kernels::{Plan, PlayerError};

use crate::term;

/// Most time that a start may spend on trying, in milliseconds; the rest is tried at the next one.
const BUDGET_MS: f64 = 3000.0;
/// No file of ours is larger.
const MAX_BYTES: u64 = 1 << 20;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Off,
    Auto,
    On,
    Again,
}

fn wish() -> Wish {
    match std::env::var("INGLE_TUNE").as_deref() {
        Ok("off" | "0") => Wish::Off,
        Ok("on" | "1") => Wish::On,
        Ok("again") => Wish::Again,
        Ok(other) => {
            term::warning(&format!("INGLE_TUNE is '{other}', but it must be off, on or again"));
            Wish::Auto
        }
        Err(_) => Wish::Auto,
    }
}

/// The user's folder for what can be made again.
fn folder() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let caches = if cfg!(windows) {
        var("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        var("HOME").map(|home| home.join("Library/Caches"))
    } else {
        var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("ingle"))
}

fn path(gpu: &Gpu) -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    gpu.tuning_key().hash(&mut hasher);
    folder().map(|folder| folder.join(format!("gpu-{:016x}.tuning", hasher.finish())))
}

/// Takes over what is known about the device, without trying anything. A file that is of no use is
/// said aloud, once, because the next run writes it anew.
pub fn recall(gpu: &Gpu) {
    let Some(path) = path(gpu).filter(|_| !matches!(wish(), Wish::Off | Wish::Again)) else {
        return;
    };
    let Ok(facts) = fs::metadata(&path) else {
        return; // the usual case of a first run
    };
    let read = if facts.len() > MAX_BYTES {
        Err("it is too large".to_owned())
    } else {
        fs::read_to_string(&path).map_err(|error| error.to_string())
    };
    if let Err(reason) = read.and_then(|text| gpu.use_tuning(&text)) {
        term::warning(&format!(
            "the kernels tuned for {} are not used, because of {}: {reason}",
            gpu.name(),
            path.display()
        ));
        // Otherwise every start would complain.
        let _ = fs::remove_file(&path);
    }
}

/// Finds the fastest kernels for `plan` where that is not known yet, and stores them.
///
/// # Errors
/// If the device goes away.
pub fn prepare(gpu: &Gpu, plan: &Plan) -> Result<(), PlayerError> {
    let wish = wish();
    if wish == Wish::Off || gpu.is_software() && wish == Wish::Auto {
        return Ok(());
    }
    recall(gpu);
    if !pollster::block_on(gpu.tune(plan, BUDGET_MS))? {
        return Ok(());
    }
    term::note(&format!("tuned the kernels for {}; `ingle devices` shows them", gpu.name()));
    let stored = path(gpu).map_or(Ok(()), |path| {
        // Written beside and renamed, so that a crash leaves no half of a file.
        let new = path.with_extension(format!("{}.new", std::process::id()));
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&new, gpu.tuning())?;
        fs::rename(&new, &path)
    });
    if let Err(error) = stored {
        term::warning(&format!("what was tuned could not be stored: {error}"));
    }
    Ok(())
}

/// What is stored about an adapter, as sentences.
pub fn stored(adapter: &str) -> Vec<String> {
    if !folder().is_some_and(|folder| folder.is_dir()) {
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
