//! Which player plays the model.
//!
//! `auto` wants speed: a hardware GPU if there is one, else the CPU, without a word. `gpu` wants
//! the GPU: software adapters count too, and where there is none the CPU steps in and says so. If
//! the graphics memory is too small, `auto` says so and takes the CPU; an explicit `gpu` is an
//! error with the numbers, because the user may want a smaller context instead.

use engine::SplitLoader;
use gpu::{Gpu, Options};
use kernels::{Loader, Plan, PlayerConfig, PlayerError};

use crate::args::{Device, LoadArgs};
use crate::failure::Failure;
use crate::{doctor, pipelines, term, tuning};

/// Tells Mesa that there is no display, where there is none.
///
/// Its device-select layer asks the Wayland session which GPU to offer first; on a server, in a
/// container or over ssh there is no session, and it complains on standard error, where scripts
/// expect our one sentence. Must be called before any thread is started.
pub fn without_display() {
    let set = |name: &str| std::env::var_os(name).is_some();
    if cfg!(target_os = "linux") && !set("XDG_RUNTIME_DIR") && !set("NODEVICE_SELECT") {
        // SAFETY: called first thing in `main`, when nothing else can read the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") }
    }
}

type MadeLoader = Result<Box<dyn Loader>, PlayerError>;

/// A device that was chosen and opened.
pub enum Target {
    Reference,
    Cpu,
    Gpu {
        gpu: Box<Gpu>,
        /// Only the last of so many layers; all if `None`.
        n_layers: Option<usize>,
        /// The CPU may step in where the GPU cannot.
        optional: bool,
    },
}

impl Target {
    /// The device the flags ask for, or the best one there is.
    pub fn choose(args: &LoadArgs) -> Result<Target, Failure> {
        let n_layers = args.gpu_layers;
        let optional = match args.device {
            Device::Reference | Device::Cpu if n_layers.is_some_and(|n| n > 0) => {
                let said = "--gpu-layers needs --device gpu or auto; leave one of the two out";
                return Err(Failure::Usage(said.to_owned()));
            }
            Device::Reference => return Ok(Target::Reference),
            Device::Cpu => return Ok(Target::Cpu),
            Device::Gpu => false,
            Device::Auto => true,
        };
        if n_layers == Some(0) {
            return Ok(Target::Cpu);
        }
        let options = Options { allow_software: !optional, ..Options::default() };
        match pollster::block_on(Gpu::open(&options)) {
            Ok(gpu) => Ok(Target::Gpu { gpu: Box::new(gpu), n_layers, optional }),
            Err(PlayerError::Unsupported { .. }) => {
                if !optional || n_layers.is_some() {
                    term::warning(
                        "no GPU was found, so the model runs on the CPU; `ingle devices` lists \
                         what there is",
                    );
                }
                Ok(Target::Cpu)
            }
            Err(error) => {
                term::warning(&format!("the model runs on the CPU, because {error}"));
                Ok(Target::Cpu)
            }
        }
    }

    /// The loader that makes this device's player.
    pub fn loader(&self, plan: &Plan, config: PlayerConfig) -> MadeLoader {
        match self {
            Target::Reference => kernels::reference::loader(plan, config),
            Target::Cpu => cpu::loader(plan, config),
            Target::Gpu { gpu, n_layers, optional } => {
                match gpu_loader(gpu, *n_layers, plan, config) {
                    Err(error) if *optional => {
                        term::warning(&format!("the model runs on the CPU, because {error}"));
                        cpu::loader(plan, config)
                    }
                    made => made,
                }
            }
        }
    }

    /// Stores what a later start can use. To be called once a model is loaded.
    pub fn remember(&self) {
        if let Target::Gpu { gpu, .. } = self {
            pipelines::store(gpu);
        }
    }
}

/// What earlier runs found out about the device, and what there is to find for this plan.
fn prepare(gpu: &Gpu, plan: &Plan, config: PlayerConfig) -> Result<(), PlayerError> {
    doctor::prepare(gpu, plan, config)?;
    tuning::prepare(gpu, plan)?;
    pipelines::recall(gpu);
    Ok(())
}

/// All on the GPU, or the last layers and the head there and the rest on the CPU.
fn gpu_loader(gpu: &Gpu, n_layers: Option<usize>, plan: &Plan, config: PlayerConfig) -> MadeLoader {
    let all = plan.layers().len();
    match n_layers.filter(|&n| n < all) {
        None => {
            prepare(gpu, plan, config)?;
            gpu.loader(plan, config)
        }
        Some(n) => {
            let first = |part: &Plan| cpu::loader(part, config);
            let second = |part: &Plan| {
                prepare(gpu, part, config)?;
                gpu.loader(part, config)
            };
            Ok(Box::new(SplitLoader::new(plan, all - n, first, second)?))
        }
    }
}
