//! Memory that models may take, and which kind of it.
//!
//! Looked at once, when the server starts: what models take later is counted by the scheduler, and
//! a budget that moved with every load would be counted twice.

use std::sync::OnceLock;

use api::host::Memory;

use super::estimate::Place;
use super::settings::BackendSettings;
use crate::args::Device;
use crate::container;

/// Left to the rest of the machine: this share of what is available …
const RESERVE_SHARE: u64 = 16;
/// … but no more than this, in bytes.
const MAX_RESERVE: u64 = 1 << 30;

/// What there is.
pub struct Budget {
    host: u64,
    device: Device,
    gpu_memory: Option<u64>,
    /// Found when it is first needed: asking drivers takes longer than a server may take to start.
    place: OnceLock<Place>,
}

impl Budget {
    /// Of this machine, as it is now.
    pub fn new(settings: &BackendSettings) -> Budget {
        let limit = container::memory_limit().unwrap_or(u64::MAX);
        let host = available().unwrap_or(u64::MAX).min(limit);
        let host = host - (host / RESERVE_SHARE).min(MAX_RESERVE);
        let (device, gpu_memory) = (settings.device, settings.gpu_memory);
        Budget { host, device, gpu_memory, place: OnceLock::new() }
    }

    /// Where models go.
    pub fn place(&self) -> Place {
        *self.place.get_or_init(|| {
            let kinds = match self.device {
                Device::Cpu | Device::Reference => Vec::new(),
                Device::Auto | Device::Gpu => pollster::block_on(gpu::list()),
            };
            place_of(kinds.iter().map(|adapter| adapter.kind.as_str()), self.gpu_memory, self.host)
        })
    }

    /// Bytes of both kinds.
    pub fn memory(&self) -> Memory {
        let device = match self.place() {
            Place::Machine => 0,
            Place::Device { bytes } => bytes,
        };
        Memory { host: self.host, device }
    }
}

/// Bytes that could be had now without swapping; `None` where the system does not tell.
pub fn available() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    Some(system.available_memory()).filter(|&bytes| bytes > 0)
}

/// From the kinds of the adapters. Whoever names a size has memory there to use. Without one, a
/// card is taken to hold as much as the machine: too much is found out by its driver, and too
/// little would refuse models that fit.
fn place_of<'a>(kinds: impl Iterator<Item = &'a str>, gpu_memory: Option<u64>, host: u64) -> Place {
    let (mut has_card, mut has_gpu) = (false, false);
    for kind in kinds {
        has_card |= matches!(kind, "discrete" | "virtual");
        has_gpu |= kind != "cpu";
    }
    match gpu_memory {
        Some(bytes) if has_gpu => Place::Device { bytes },
        None if has_card => Place::Device { bytes: host },
        _ => Place::Machine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_have_memory_of_their_own() {
        for (kinds, said, want) in [
            (&["discrete"][..], None, Place::Device { bytes: 100 }),
            (&["cpu", "virtual"], None, Place::Device { bytes: 100 }),
            (&["discrete", "cpu"], Some(7), Place::Device { bytes: 7 }),
            (&["integrated"], None, Place::Machine),
            (&["integrated"], Some(7), Place::Device { bytes: 7 }),
            (&["cpu"], Some(7), Place::Machine),
            (&[], None, Place::Machine),
        ] {
            assert_eq!(place_of(kinds.iter().copied(), said, 100), want, "{kinds:?} {said:?}");
        }
    }

    #[test]
    fn the_machine_keeps_something_for_others() {
        let settings = BackendSettings { device: Device::Cpu, ..BackendSettings::default() };
        let budget = Budget::new(&settings);
        let memory = budget.memory();
        assert!(memory.host > 0 && memory.device == 0, "{memory:?}");
    }
}
