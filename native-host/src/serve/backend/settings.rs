//! How models are loaded, where a request does not say: what the environment says of this machine's
//! devices. The rest comes from the server's settings.
//!
//! Ollama's names where it has them. A value that cannot be is said once and left out: a server
//! that does not start because of a typo in one variable helps nobody.

use std::time::Duration;

use crate::args::{Device, Kv};
use crate::term;

/// How long a load may go without progress: Ollama's default.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// How models are loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct BackendSettings {
    /// Where to compute (`OLLAMA_LLM_LIBRARY`: `cpu` or `gpu`).
    pub device: Device,
    /// The cache's format.
    pub kv: Kv,
    /// Tokens of context where a request says nothing.
    pub num_ctx: usize,
    /// Bytes of graphics memory that models may take (`INGLE_GPU_MEMORY`); `None`: unknown, because
    /// portable interfaces do not tell.
    pub gpu_memory: Option<u64>,
    /// After so long without progress a load is given up; `None`: never.
    pub load_timeout: Option<Duration>,
}

impl Default for BackendSettings {
    fn default() -> BackendSettings {
        BackendSettings {
            device: Device::Auto,
            kv: Kv::F16,
            num_ctx: engine::DEFAULT_N_CTX,
            gpu_memory: None,
            load_timeout: Some(LOAD_TIMEOUT),
        }
    }
}

impl BackendSettings {
    /// From the process's environment; what is wrong in it goes to standard error.
    pub fn from_env() -> BackendSettings {
        let (settings, complaints) = BackendSettings::from_vars(|name| std::env::var(name).ok());
        complaints.iter().for_each(|complaint| term::warning(&term::clean(complaint)));
        settings
    }

    /// From variables, with a sentence for each that is of no use.
    fn from_vars(var: impl Fn(&str) -> Option<String>) -> (BackendSettings, Vec<String>) {
        let mut settings = BackendSettings::default();
        let mut complaints = Vec::new();
        let mut read = |name: &str, expected: &str, take: &mut dyn FnMut(&str) -> bool| {
            let value = var(name).map(|value| value.trim().to_lowercase());
            if let Some(value) = value.filter(|value| !value.is_empty() && !take(value)) {
                complaints.push(format!("{name} is '{value}', but it must be {expected}"));
            }
        };
        let s = &mut settings;
        // Ollama's values name its own builds ("cpu_avx2", "cuda_v12"), which say the same.
        read("OLLAMA_LLM_LIBRARY", "cpu or gpu", &mut |value| {
            let is_gpu = |kind: &&str| value.starts_with(kind);
            let gpu = ["gpu", "cuda", "rocm", "vulkan", "metal"].iter().any(is_gpu);
            if value.starts_with("cpu") {
                s.device = Device::Cpu;
            } else if gpu {
                s.device = Device::Gpu;
            }
            gpu || value.starts_with("cpu")
        });
        read("INGLE_GPU_MEMORY", "a number of bytes, or as in 8GB", &mut |value| {
            s.gpu_memory = bytes(value);
            s.gpu_memory.is_some()
        });
        (settings, complaints)
    }
}

/// A number of bytes, or of `k`, `m` or `g` (of 1024 each) with or without `b` or `ib` behind.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_say_how_models_are_loaded() {
        let default = BackendSettings::default;
        let memory = |gb: u64| BackendSettings { gpu_memory: Some(gb << 30), ..default() };
        let device = |device| BackendSettings { device, ..default() };
        for (name, value, want) in [
            ("OLLAMA_LLM_LIBRARY", "cpu_avx2", Some(device(Device::Cpu))),
            ("OLLAMA_LLM_LIBRARY", "Vulkan", Some(device(Device::Gpu))),
            ("OLLAMA_LLM_LIBRARY", "abacus", None),
            ("INGLE_GPU_MEMORY", "8589934592", Some(memory(8))),
            ("INGLE_GPU_MEMORY", "8GiB", Some(memory(8))),
            ("INGLE_GPU_MEMORY", "99999999999999g", None),
            ("INGLE_GPU_MEMORY", "", Some(default())),
        ] {
            let var = |asked: &str| (asked == name).then(|| value.to_owned());
            let (settings, complaints) = BackendSettings::from_vars(var);
            assert_eq!(complaints.is_empty(), want.is_some(), "{name}={value}: {complaints:?}");
            assert_eq!(settings, want.unwrap_or_default(), "{name}={value}");
        }
    }
}
