//! Loading models into memory.

use std::rc::Rc;

use super::{Format, RunError, Runner};

/// What is loaded, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadSpec {
    /// The name it was asked for by; for messages only.
    pub name: String,
    /// Digests of the files of weights, in order.
    pub files: Vec<String>,
    /// Digests of adapters.
    pub adapters: Vec<String>,
    /// Tokens that one sequence may hold; `None`: the backend's choice.
    pub num_ctx: Option<u32>,
    /// Sequences at a time, 1 or more; each has `num_ctx` tokens.
    pub slots: usize,
    /// Tokens of a prompt that are read in one go; `None`: the backend's choice.
    pub num_batch: Option<u32>,
    /// Layers on the graphics device; `None` or negative: as many as fit.
    pub num_gpu: Option<i64>,
    /// Threads of the processor; `None` or 0: the backend's choice.
    pub num_thread: Option<u32>,
}

impl LoadSpec {
    /// What makes two requests ask for the same weights.
    pub fn key(&self) -> String {
        self.files.iter().chain(&self.adapters).map(String::as_str).collect::<Vec<_>>().join("+")
    }
}

/// Bytes in two kinds of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Of the machine.
    pub host: u64,
    /// Of the graphics device; 0 where the two are one.
    pub device: u64,
}

impl Memory {
    /// Whether `self` is within `free`, in both kinds.
    pub fn fits(self, free: Memory) -> bool {
        self.host <= free.host && self.device <= free.device
    }

    /// What is left of `self` without `used`; 0 where it is less.
    #[must_use]
    pub fn minus(self, used: Memory) -> Memory {
        Memory {
            host: self.host.saturating_sub(used.host),
            device: self.device.saturating_sub(used.device),
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Memory) -> Memory {
        Memory {
            host: self.host.saturating_add(other.host),
            device: self.device.saturating_add(other.device),
        }
    }

    /// Bytes of both kinds.
    pub fn total(self) -> u64 {
        self.host.saturating_add(self.device)
    }
}

/// Why a model was not loaded. One sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Memory was short in spite of the estimate. The scheduler frees others and tries once more.
    #[error("{0}")]
    Memory(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// What loads models. All methods may be called while others are under way, for other models.
#[allow(async_fn_in_trait, reason = "without Send on purpose: a worker's futures are not")]
pub trait Backend: 'static {
    /// A loaded model.
    type Runner: Runner;

    /// Memory that models may take all together.
    fn budget(&self) -> Memory;

    /// What a model will take: weights, cache (`num_ctx` × `slots`), buffers. The backend decides
    /// here how it would split the model between device and machine, if the whole budget were
    /// free. Reads at most the file's header.
    async fn estimate(&self, spec: &LoadSpec) -> Result<Memory, LoadError>;

    /// Loads it, split as estimated. It ends, also where a file cannot be read on: a load without
    /// progress is the backend's to give up (`OLLAMA_LOAD_TIMEOUT`). A load whose future is dropped
    /// leaves nothing behind.
    async fn load(&self, spec: &LoadSpec) -> Result<Self::Runner, LoadError>;

    /// Frees it; returns when the memory is free. No request runs on it.
    async fn unload(&self, runner: Rc<Self::Runner>);

    /// Refuses a format that no output could have, before anything waits for it.
    ///
    /// # Errors
    /// [`RunError::Invalid`] with what is wrong with the schema.
    fn check_format(&self, format: &Format) -> Result<(), RunError>;
}
