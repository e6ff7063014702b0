//! What a model will take, and how it is split between graphics device and machine.
//!
//! Worked out from the Plan, so from the header of the file alone: weights as they are stored,
//! cache for all slots, activations. A graphics device that shares the machine's memory counts as
//! the machine. Where a device of its own is too small, as many of the last layers go there as fit;
//! the head goes with them, because it is the largest single matrix.

use api::host::Memory;
use kernels::{Op, Plan, PlayerConfig};

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

/// Rows of a chunk of a prompt, which activations are sized for: the larger of both players'. Where
/// texts are read in both directions, a chunk is a text.
const CHUNK_ROWS: u64 = 256;
/// Rows of each width of the residual stream that players keep (input, output, normed, next).
const STREAM_ROWS: u64 = 4;
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

/// Bytes of weights, cache and activations of a Plan.
fn bytes(plan: &Plan, config: &PlayerConfig) -> u64 {
    [weights(plan), cache(plan, config), scratch(plan, config)]
        .into_iter()
        .fold(0, u64::saturating_add)
}

fn weights(plan: &Plan) -> u64 {
    plan.weights.iter().map(|weight| weight.n_bytes() as u64).fold(0, u64::saturating_add)
}

fn cache(plan: &Plan, config: &PlayerConfig) -> u64 {
    let positions = (config.n_ctx as u64).saturating_mul(config.n_slots.max(1) as u64);
    plan.position_bytes(config.kv).saturating_mul(positions)
}

/// Activations: a chunk of rows of every width, logits of every slot, angles of all positions.
fn scratch(plan: &Plan, config: &PlayerConfig) -> u64 {
    let n_rows = |w: kernels::WeightId| plan.weights.get(w.0).map_or(0, |w| w.n_rows as u64);
    let (mut qkv, mut h) = (0, 0);
    for op in &plan.ops {
        match op {
            Op::Qkv { q, k, v, .. } => qkv = qkv.max(2 * n_rows(q.w) + n_rows(k.w) + n_rows(v.w)),
            Op::GateUp { up, .. } => h = h.max(n_rows(up.w)),
            _ => {}
        }
    }
    let row = STREAM_ROWS * plan.dims.dim as u64 + qkv + h;
    let n_logits = if plan.gives_logits() { config.n_slots.max(1) as u64 + 1 } else { 0 };
    let angles = plan.ropes.iter().map(|rope| 2 * rope.n_pairs() as u64).sum::<u64>();
    let rows = plan.max_rows(CHUNK_ROWS as usize, config.n_ctx) as u64;
    let floats = rows
        .saturating_mul(row)
        .saturating_add(n_logits.saturating_mul(plan.dims.n_vocab as u64))
        .saturating_add(angles.saturating_mul(config.n_ctx as u64));
    floats.saturating_mul(size_of::<f32>() as u64)
}
