//! What a model will take, and how it is split between graphics device and machine.
//!
//! Worked out from the Plan, so from the header of the file alone: weights as they are stored,
//! cache for all slots, activations. A graphics device that shares the machine's memory counts as
//! the machine. Where a device of its own is too small, as many of the last layers go there as fit;
//! the head goes with them, because it is the largest single matrix.

use api::host::Memory;
use kernels::{Plan, PlayerConfig};

/// Where a model can be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the machine's memory, by whichever device.
    Machine,
    /// On a device with so many bytes of its own.
    Device {
        /// Bytes that models may take there.
        bytes: u64,
    },
}

/// A model's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// What it takes.
    pub memory: Memory,
    /// Only so many of its last layers on the device; `None`: all of it, or there is none.
    pub gpu_layers: Option<usize>,
}

/// Of the machine's memory while the model is on a device: what is on its way there, the
/// vocabulary, and the driver's copies.
pub const HOST_SHARE: u64 = 64 << 20;

/// What `plan` takes at `place`, with at most `num_gpu` layers on a device (negative: any number).
pub fn estimate(
    plan: &Plan,
    config: &PlayerConfig,
    place: Place,
    num_gpu: Option<i64>,
) -> Estimate {
    let all = plan.layers().len();
    let wanted = num_gpu.map_or(all, |n| usize::try_from(n).unwrap_or(all)).min(all);
    let on_machine = |layers| {
        let memory = Memory { host: bytes(plan, config), device: 0 };
        Estimate { memory, gpu_layers: layers }
    };
    if !plan.is_causal() {
        return on_machine(Some(0)); // there are no graphics kernels for it
    }
    let Place::Device { bytes: have } = place else {
        return on_machine((wanted < all).then_some(wanted));
    };
    for n in (1..=wanted).rev() {
        let (host, device) = match n == all {
            true => (0, bytes(plan, config)),
            false => {
                let (first, second) = plan.split_at(all - n);
                (bytes(&first, config), bytes(&second, config))
            }
        };
        if device <= have {
            let memory = Memory { host: host.saturating_add(HOST_SHARE), device };
            return Estimate { memory, gpu_layers: (n < all).then_some(n) };
        }
    }
    on_machine(Some(0))
}

fn bytes(plan: &Plan, config: &PlayerConfig) -> u64 {
    plan.footprint(config).total()
}
