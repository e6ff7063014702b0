//! Plays a Plan on the CPU: packed weights, 8-bit activations, SIMD, threads.
//!
//! Weights are repacked while they load into strips of 16 interleaved rows ([`format`]), which one
//! layout serves every instruction set; the inner loops are chosen at run time ([`isa`]). A job is
//! one dispatch to a pool of threads that walk the Plan together ([`ops`], [`pool`]).
//!
//! Must never know: GGUF, architectures, files.

mod acts;
mod attention;
mod check;
mod clock;
mod format;
mod heads;
mod isa;
mod kv;
mod linear;
mod loader;
mod machine;
mod memory;
mod name;
mod ops;
mod pack;
mod peaks;
mod player;
mod pool;
mod products;
mod profile;
mod raw;
mod read;
mod sink;
mod streams;
mod tap;

pub use clock::set_clock;
pub use memory::limit_memory;
pub use name::cpu_name;
#[cfg(target_arch = "wasm32")]
pub use pool::{enter_thread, n_page_threads, serve_thread, thread_trapped};

use ::kernels::{Loader, Plan, PlayerConfig, PlayerError};

/// Starts loading a Plan into a CPU player with the best instruction set of this machine (or the
/// one `INGLE_CPU` names: `scalar`, `avx2`, `avxvnni`, `avx512`, `neon`, `dotprod`, `i8mm`).
///
/// # Errors
/// [`PlayerError::TensorType`] for a type without kernels, [`PlayerError::Unsupported`] for shapes
/// that do not fit together, [`PlayerError::Memory`] if weights, cache or scratch cannot be held.
pub fn loader(plan: &Plan, config: PlayerConfig) -> Result<Box<dyn Loader>, PlayerError> {
    loader_with(plan, config, isa::best())
}

/// Names of the instruction sets this machine can run, best first.
pub fn instruction_sets() -> Vec<&'static str> {
    isa::available().iter().map(|isa| isa.name).collect()
}

/// As [`loader`], with the instruction set of this name (see [`instruction_sets`]); for tests.
///
/// # Errors
/// As [`loader`], and [`PlayerError::Unsupported`] if the machine does not have it.
pub fn loader_named(
    plan: &Plan,
    config: PlayerConfig,
    name: &str,
) -> Result<Box<dyn Loader>, PlayerError> {
    let Some(isa) = isa::available().into_iter().find(|isa| isa.name == name) else {
        let what = format!("the instruction set {name}");
        return Err(PlayerError::Unsupported { device: "cpu".into(), what });
    };
    loader_with(plan, config, isa)
}

fn loader_with(
    plan: &Plan,
    config: PlayerConfig,
    isa: &'static isa::Isa,
) -> Result<Box<dyn Loader>, PlayerError> {
    let n_threads = if config.n_threads == 0 && !cfg!(target_arch = "wasm32") {
        std::thread::available_parallelism().map_or(1, usize::from)
    } else {
        config.n_threads.min(MAX_THREADS)
    };
    let pool = pool::Pool::new(n_threads);
    let machine = machine::Machine::new(plan, config, isa, pool.n_threads())?;
    Ok(Box::new(loader::CpuLoader::new(machine, pool)?))
}

/// More threads than any machine has cores would only add scratch memory.
const MAX_THREADS: usize = 256;
