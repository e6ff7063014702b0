//! Which player plays the model.
//!
//! `auto` wants speed: a hardware GPU if there is one, without a word if there is none. `gpu` wants
//! the GPU: software adapters count too, and where there is nothing the CPU steps in and says so.

use engine::SplitLoader;
use kernels::{Loader, Plan, PlayerConfig, PlayerError};

use crate::args::{Device, LoadArgs};
use crate::term;

/// A device that was chosen and opened.
pub enum Target {
    Reference,
    Cpu,
}

impl Target {
    /// The device the flags ask for, or the best one there is.
    pub fn choose(args: &LoadArgs) -> Target {
        match args.device {
            Device::Reference => Target::Reference,
            _ => Target::Cpu,
        }
    }

    /// The loader that makes this device's player.
    pub fn loader(
        &self,
        plan: &Plan,
        config: PlayerConfig,
    ) -> Result<Box<dyn Loader>, PlayerError> {
        match self {
            Target::Reference => kernels::reference::loader(plan, config),
            Target::Cpu => cpu::loader(plan, config),
        }
    }
}
