//! The player: whoever can run a [`Plan`](crate::Plan).
//!
//! `engine` drives any player through [`Player`] and knows nothing about the hardware behind it.
//! A job is started with [`Player::submit`] and finished with [`Player::poll`], and not with an
//! `async fn`, for two reasons: the trait stays usable as `Box<dyn Player>`, and no future is boxed
//! per token. A CPU player does everything in `submit` and its `poll` is ready at once; a GPU
//! player in a browser wakes the task when the read-back has been mapped; natively `poll` blocks on
//! the device and returns ready.

use std::ops::Range;
use std::task::{Context, Poll};

use crate::job::Job;
use crate::kv::KvSpan;
use crate::plan::WeightId;
use crate::sampling::Sampling;
use crate::tap::Tap;

/// How the cache stores keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KvType {
    /// 4 bytes an element.
    F32,
    /// 2 bytes an element.
    #[default]
    F16,
    /// Blocks of 32 along `head_dim` with one f16 scale, as GGUF's Q8_0.
    Q8_0,
}

impl KvType {
    /// Bytes of one row of `n` elements (`n` is a multiple of 32 for Q8_0).
    pub fn row_bytes(self, n: usize) -> usize {
        match self {
            KvType::F32 => 4 * n,
            KvType::F16 => 2 * n,
            KvType::Q8_0 => n.div_ceil(32) * 34,
        }
    }
}

/// Most sequences of one player: what is kept per sequence (logits, ids, parameters of its row) is
/// sized at load. With as many rows in a step its products are bound by arithmetic on every device
/// and gain nothing from more.
pub const MAX_SLOTS: usize = 32;

/// What is fixed when a player is made.
#[derive(Clone, Copy, Debug)]
pub struct PlayerConfig {
    /// Capacity of the KV cache, in tokens of one sequence.
    pub n_ctx: usize,
    /// Sequences the cache holds side by side, each with `n_ctx` tokens; 1 to [`MAX_SLOTS`].
    pub n_slots: usize,
    /// Storage type of the cache.
    pub kv: KvType,
    /// Threads for CPU players; 0 = as many as the machine offers.
    pub n_threads: usize,
}

/// Counts since the player was made; the difference over a token is asserted in tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Command buffers handed to the device (jobs, for a CPU player).
    pub submits: u64,
    /// Compute passes.
    pub passes: u64,
    /// Kernel launches.
    pub dispatches: u64,
    /// GPU objects created (buffers, bind groups, pipelines, …).
    pub objects_created: u64,
    /// Bytes copied from the device to the host.
    pub bytes_read_back: u64,
    /// Nanoseconds the host spent to write, encode and submit jobs, without waiting for the device.
    /// 0 for players that compute inside of `submit`.
    pub encode_ns: u64,
}

/// Time spent in one kind of kernel since profiling was switched on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpTime {
    /// The Plan's op: "qkv", "attention", "gate_up", …
    pub op: &'static str,
    /// The kernel and its form: "matvec Q4_K, 4 rows, subgroups".
    pub kernel: String,
    /// How often it ran.
    pub calls: u64,
    /// Seconds in all.
    pub seconds: f64,
}

/// What a device can do at best, measured on it with the player's own threads or queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peaks {
    /// Bytes per second read from main (or graphics) memory, by a loop that only reads.
    pub read_bytes_per_s: f64,
    /// Operations (a multiply and an add are two) per second of the product that prefill uses,
    /// on data in the caches.
    pub op_per_s: f64,
    /// What kind of operation that is: "8-bit integer dot product", "f16 tile".
    pub op_kind: String,
}

/// What a player is, for people.
#[derive(Clone, Debug, Default)]
pub struct PlayerInfo {
    /// "cpu", "gpu" or "reference" (a split says "cpu+gpu").
    pub device: String,
    /// "AMD EPYC … (AVX-512 VNNI), 2 threads", "llvmpipe (Vulkan)".
    pub name: String,
    /// Kernel forms chosen: ("matvec Q4_K", "subgroups, f16").
    pub kernels: Vec<(String, String)>,
    /// Bytes held for weights.
    pub weight_bytes: u64,
    /// Bytes held for the cache.
    pub kv_bytes: u64,
    /// Bytes held for activations and staging.
    pub scratch_bytes: u64,
}

/// Why a player could not be made or could not go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "each message names its fields")]
pub enum PlayerError {
    #[error(
        "the {device} needs {need} bytes for {what} but offers {have}; \
         use a smaller context, a smaller model, or compute on the CPU"
    )]
    Memory { device: String, what: String, need: u64, have: u64 },
    #[error("tensor '{tensor}' has type {ty}, which the {device} player cannot compute with")]
    TensorType { device: String, tensor: String, ty: String },
    #[error("the model needs {what}, which the {device} player does not have")]
    Unsupported { device: String, what: String },
    #[error("the GPU went away ({reason}); load the model again")]
    DeviceLost { reason: String },
    #[error("the {device} reported: {reason}")]
    Device { device: String, reason: String },
    #[error("position {pos} is beyond the context of {n_ctx} tokens")]
    Context { pos: usize, n_ctx: usize },
    #[error("token id {id} is not below the vocabulary size {n_vocab}")]
    Token { id: u32, n_vocab: usize },
    #[error("a job of {n_rows} rows is above the limit of {max_rows}")]
    Rows { n_rows: usize, max_rows: usize },
    #[error(
        "slot {slot} is none of the {n_slots} the model was loaded with, or it is used twice at \
         once; load the model with more slots"
    )]
    Slot { slot: usize, n_slots: usize },
}

/// Takes a model's bytes and becomes a [`Player`].
pub trait Loader {
    /// Rows `row..` of weight `id`, as in the file: whole rows, in ascending order, a multiple of
    /// [`LOAD_ROWS`] of them except at the tensor's end. `bytes` may be reused after the call.
    fn write(&mut self, id: WeightId, row: usize, bytes: &[u8]) -> Result<(), PlayerError>;

    /// As [`Loader::write`] for `rows`, which the loader reads itself, with several threads. True
    /// if it did (or if `read` failed), false if this weight is to be written.
    fn pull(
        &mut self,
        _id: WeightId,
        _rows: Range<usize>,
        _read: &ReadRows<'_>,
    ) -> Result<bool, PlayerError> {
        Ok(false)
    }

    /// Ready when the device has taken what was written before the last call of this, at most, so
    /// that memory on the way to it stays bounded: two batches. Where nothing was written since
    /// then, ready when all is taken.
    fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>>;

    /// All weights are written.
    fn finish(self: Box<Self>) -> Result<Box<dyn Player>, PlayerError>;
}

/// Fills memory with whole rows of a weight, from the given row on; false if that failed, which the
/// one who gave this knows. For [`Loader::pull`].
pub type ReadRows<'a> = dyn Fn(usize, &mut [u8]) -> bool + Sync + 'a;

/// Granularity of [`Loader::write`], so that row-interleaved layouts see whole strips.
pub const LOAD_ROWS: usize = 64;

/// Runs a Plan: `submit`, then `poll` until ready, then read the results. One job at a time, but
/// for [`Player::submit_next`].
pub trait Player {
    /// Who plays, with which kernels, in how much memory.
    fn info(&self) -> PlayerInfo;

    /// Most rows one job may have; a prefill is cut into chunks of at most this.
    fn max_rows(&self) -> usize;

    /// True if [`Want::Tokens`](crate::Want::Tokens) works for this sampling.
    fn can_sample(&self, sampling: &Sampling) -> bool;

    /// Checks the job and starts it.
    fn submit(&mut self, job: &Job<'_>) -> Result<(), PlayerError>;

    /// Queues `n_tokens` more tokens behind the job submitted last, one that chooses tokens
    /// (`Want::Tokens`): fed on the device by its last token, before its own tokens are read,
    /// so that the device never waits for the host. Jobs are polled and read in order, one `poll`
    /// each. False if this player does not do that, or its queue or the context is full now. A
    /// [`Player::submit`] drops the results of jobs that are still queued; the cache rows they
    /// wrote are not before those of the chain.
    fn submit_next(&mut self, _n_tokens: usize) -> Result<bool, PlayerError> {
        Ok(false)
    }

    /// Ready when the oldest job that was submitted is done and its results can be read.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>>;

    /// Logits of the last job: `[n_vocab]` or `[n_rows, n_vocab]`.
    fn logits(&self) -> &[f32];

    /// Hidden rows of the last job: `[n_rows, dim]`.
    fn hidden(&self) -> &[f32];

    /// Tokens chosen by the last job: of one sequence in order, or one per row.
    fn tokens(&self) -> &[u32];

    /// Counts since the player was made.
    fn counters(&self) -> Counters;

    /// Starts (from zero) or stops timing every kernel. Timing may slow the player: a device that
    /// can only time whole passes gets one pass per kernel meanwhile.
    fn set_profiling(&mut self, _on: bool) {}

    /// Times since [`Player::set_profiling`], in the Plan's order. Empty where the device has no
    /// timers.
    fn profile(&self) -> Vec<OpTime> {
        Vec::new()
    }

    /// Shows `tap` the rows of all jobs from now on, or nobody. False if this player cannot.
    fn set_tap(&mut self, _tap: Option<Box<dyn Tap>>) -> Result<bool, PlayerError> {
        Ok(false)
    }

    /// Starts to read what the cache holds at `span`, in the order of [`KvShape`](crate::KvShape);
    /// `poll` until ready, then see [`Player::kv_rows`]. The caller bounds the memory by the span.
    /// False if this player cannot.
    fn submit_kv_read(&mut self, _span: &KvSpan) -> Result<bool, PlayerError> {
        Ok(false)
    }

    /// Rows of the last [`Player::submit_kv_read`].
    fn kv_rows(&self) -> &[u8] {
        &[]
    }

    /// Puts rows that were read at `span` back, of this player or another of the same shape; `poll`
    /// until ready. `rows` may be reused after the call. False if this player cannot.
    fn submit_kv_write(&mut self, _span: &KvSpan, _rows: &[u8]) -> Result<bool, PlayerError> {
        Ok(false)
    }

    /// Starts to measure the device's peaks; `poll` until ready, then see [`Player::peaks`]. Takes
    /// below a second and leaves the cache as it is.
    fn submit_peaks(&mut self) -> Result<(), PlayerError> {
        Ok(())
    }

    /// Peaks of the last [`Player::submit_peaks`]; `None` where a player cannot measure them.
    fn peaks(&self) -> Option<&Peaks> {
        None
    }
}
