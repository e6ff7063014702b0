//! What went wrong on the device, kept until somebody asks.
//!
//! wgpu reports errors through callbacks: validation and memory errors where no scope is open, and
//! the loss of the device. Without handlers they would panic. The first one is kept; every later
//! call of a loader or player returns it.

use std::sync::{Arc, Mutex, PoisonError};

use kernels::PlayerError;

/// Shared by the device's callbacks, loaders and players.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    error: Option<PlayerError>,
    /// Bytes of the buffers that exist.
    held_bytes: u64,
    /// What is being allocated, and how much in all: for the message if it fails.
    request: Option<(String, u64)>,
}

impl Health {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first error since the device was opened.
    pub fn check(&self) -> Result<(), PlayerError> {
        self.state().error.clone().map_or(Ok(()), Err)
    }

    pub fn fail(&self, error: PlayerError) {
        self.state().error.get_or_insert(error);
    }

    /// Says what the coming allocations are for.
    pub fn requesting(&self, what: &str, need: u64) {
        self.state().request = Some((what.to_string(), need));
    }

    pub fn allocated(&self, n_bytes: u64) {
        self.state().held_bytes += n_bytes;
    }

    pub fn released(&self, n_bytes: u64) {
        let mut state = self.state();
        state.held_bytes = state.held_bytes.saturating_sub(n_bytes);
    }

    /// Hears what the device reports.
    pub fn watch(&self, device: &wgpu::Device, name: &str) {
        let (health, label) = (self.clone(), name.to_string());
        device.on_uncaptured_error(Arc::new(move |error| health.report(&label, error)));
        let health = self.clone();
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                health.fail(PlayerError::DeviceLost { reason: message });
            }
        });
    }

    fn report(&self, device: &str, error: wgpu::Error) {
        let error = match error {
            wgpu::Error::OutOfMemory { .. } => {
                let state = self.state();
                let (what, need) = state.request.clone().unwrap_or_default();
                let have = state.held_bytes;
                PlayerError::Memory { device: device.to_string(), what, need, have }
            }
            wgpu::Error::Validation { description, .. }
            | wgpu::Error::Internal { description, .. } => {
                PlayerError::Device { device: device.to_string(), reason: one_line(&description) }
            }
        };
        self.fail(error);
    }
}

/// The message without line breaks, bounded: it is one sentence for a person.
fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_CHARS).collect()
}
