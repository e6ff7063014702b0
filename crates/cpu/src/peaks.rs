//! What this machine can do at best, with this player's threads: the ceilings of a roofline.
//!
//! Reading: all threads add up a buffer that no cache holds, with and without fetching ahead (which
//! of the two is faster differs by machine); the best of some passes counts, since a peak is what
//! is possible and other programs only take from it. The product: the very code of a prefill, on a
//! model of one block that the second-level caches hold, in the type that most of the weights have.

use kernels::{
    Activation, Dims, Linear, Norm, Op, Peaks, Plan, PlayerConfig, PlayerError, Weight, WeightId,
};
use quant::TensorType;

use crate::clock;
use crate::isa::Isa;
use crate::machine::{MAX_ROWS, Machine, Stored};
use crate::memory::{self, Buffer};
use crate::ops::{self, Logits, Pass};
use crate::pack::Packing;
use crate::pool::{Pool, Team};
use crate::read;

/// Bounds of the buffer that is read: twice the last cache, so that most of it comes from memory.
/// At least larger than the caches of machines that do not tell; at most what a machine with
/// a loaded model can spare for a moment.
const READ_BYTES: std::ops::RangeInclusive<usize> = (128 << 20)..=(1 << 30);

/// A WebAssembly memory never shrinks, so the page keeps what is taken here.
const READ_BYTES_WASM: usize = 64 << 20;

/// Each peak is searched for about so long, in seconds.
const SEARCH_S: f64 = 0.08;

/// Width of the block whose products are timed: with 4 bits 1.5 MB of weights in all.
const DIM: usize = 1024;

/// Any bytes do as weights, but no subnormal or infinite scales: as an f16 this is 0.1, as an f32
/// or bf16 1e-11.
const WEIGHT_BYTE: u8 = 0x2e;

/// Measures both peaks; `None` without a clock.
///
/// # Errors
/// [`PlayerError::Memory`] if the buffer cannot be had.
pub fn measure(machine: &Machine, pool: &mut Pool) -> Result<Option<Peaks>, PlayerError> {
    if clock::now().is_none() {
        return Ok(None);
    }
    let ty = main_type(&machine.plan);
    let (op_per_s, is_float) = product_peak(ty, machine.isa, pool)?;
    let kind = if is_float { "32-bit float product" } else { "8-bit integer dot product" };
    Ok(Some(Peaks {
        read_bytes_per_s: read_peak(pool)?,
        op_per_s,
        op_kind: format!("{kind}, {}", machine.isa.name),
    }))
}

/// The largest of some rates: `work` units in each call of `run`.
fn best_rate(
    work: usize,
    mut run: impl FnMut() -> Result<(), PlayerError>,
) -> Result<f64, PlayerError> {
    // Wakes the threads and brings the data where it shall be.
    run()?;
    let (mut best, mut total) = (f64::INFINITY, 0.0);
    while total < SEARCH_S {
        let start = clock::now().unwrap_or(0.0);
        run()?;
        // A clock that is too coarse to see the pass must not end in an infinite rate.
        let seconds = (clock::now().unwrap_or(0.0) - start).max(1e-5);
        best = best.min(seconds);
        total += seconds;
    }
    Ok(work as f64 / best)
}

fn read_peak(pool: &mut Pool) -> Result<f64, PlayerError> {
    let n_bytes = if cfg!(target_arch = "wasm32") {
        READ_BYTES_WASM
    } else {
        (2 * last_cache_bytes()).clamp(*READ_BYTES.start(), *READ_BYTES.end())
    };
    memory::check(n_bytes as u64, "measuring its read bandwidth")?;
    let buffer = Buffer::<u8>::new(n_bytes, "measuring its read bandwidth")?;
    let share = |team: &Team<'_>| {
        let lines = team.share(n_bytes / read::LINE);
        lines.start * read::LINE..lines.end * read::LINE
    };
    // Memory that was never written is one page of zeros, seen many times.
    // SAFETY: shares are disjoint.
    pool.run(&|team| unsafe { buffer.slice_mut(share(team)) }.fill(1))?;
    let mut best: f64 = 0.0;
    for ahead in [false, true] {
        // SAFETY: nobody writes the buffer any more.
        let work = |team: &Team<'_>| {
            std::hint::black_box(read::sum(unsafe { buffer.slice(share(team)) }, ahead));
        };
        best = best.max(best_rate(n_bytes, || pool.run(&work))?);
    }
    Ok(best)
}

/// Operations per second of a prefill's products, and whether they are of floats.
fn product_peak(
    ty: TensorType,
    isa: &'static Isa,
    pool: &mut Pool,
) -> Result<(f64, bool), PlayerError> {
    let plan = block(ty);
    let config = PlayerConfig {
        n_ctx: 1,
        n_slots: 1,
        kv: kernels::KvType::F16,
        n_threads: pool.n_threads(),
    };
    let mut machine = Machine::new(&plan, config, isa, pool.n_threads())?;
    let bytes = vec![WEIGHT_BYTE; plan.weights[1].n_bytes()];
    for stored in &mut machine.weights {
        match stored {
            Stored::Vector(gain) => gain.all_mut().fill(1.0),
            Stored::Matrix(matrix) => {
                let row_bytes = plan.weights[1].row_bytes();
                let strip = crate::format::STRIP * row_bytes;
                for (i, rows) in bytes.chunks(strip).enumerate() {
                    // SAFETY: one thread writes.
                    unsafe { matrix.write_strip(i, rows, row_bytes) };
                }
            }
            Stored::Unused => {}
        }
    }
    let x = machine.buffers.x.all_mut();
    x.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 17) as f32 - 8.0);
    let pass = Pass { ids: &[], n_rows: MAX_ROWS, place: 0.into(), logits: Logits::None };
    let n_ops = 2 * MAX_ROWS * 3 * DIM * DIM;
    let machine = &machine;
    let rate = best_rate(n_ops, || pool.run(&|team| ops::run(machine, team, &pass)))?;
    Ok((rate, matches!(Packing::of(ty), Some(Packing::Float(_)))))
}

/// A feed-forward block: three square matrices.
fn block(ty: TensorType) -> Plan {
    let weight = |name: &str, ty, n_rows| Weight {
        name: name.into(),
        ty,
        n_rows,
        n_cols: DIM,
        first_row: 0,
    };
    let gain = weight("gain", TensorType::F32, 1);
    let matrix = |name: &str| weight(name, ty, DIM);
    let linear = |id| Linear { w: WeightId(id), bias: None };
    let norm = Some(Norm::rms(WeightId(0), 1e-5));
    Plan {
        dims: Dims {
            n_vocab: 1,
            dim: DIM,
            n_layers: 1,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 32,
            ffn_dim: DIM,
            n_ctx_train: 1,
        },
        weights: vec![gain, matrix("gate"), matrix("up"), matrix("down")],
        ropes: Vec::new(),
        ops: vec![
            Op::GateUp { norm, gate: Some(linear(1)), up: linear(2), act: Activation::Silu },
            Op::Down { w: linear(3), post: None, after: None },
        ],
        n_kv_layers: 0,
    }
}

/// The type that most bytes of the matrices have.
fn main_type(plan: &Plan) -> TensorType {
    let mut bytes: Vec<(TensorType, usize)> = Vec::new();
    for weight in plan.weights.iter().filter(|weight| weight.n_rows > 1) {
        match bytes.iter_mut().find(|entry| entry.0 == weight.ty) {
            Some(entry) => entry.1 += weight.n_bytes(),
            None => bytes.push((weight.ty, weight.n_bytes())),
        }
    }
    bytes.into_iter().max_by_key(|entry| entry.1).map_or(TensorType::F32, |entry| entry.0)
}

/// Bytes of the last-level cache; 0 where the system does not tell.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn last_cache_bytes() -> usize {
    // SAFETY: no preconditions.
    let sizes = unsafe {
        [libc::sysconf(libc::_SC_LEVEL3_CACHE_SIZE), libc::sysconf(libc::_SC_LEVEL2_CACHE_SIZE)]
    };
    sizes.into_iter().filter_map(|n| usize::try_from(n).ok()).max().unwrap_or(0)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn last_cache_bytes() -> usize {
    0
}
