//! How many strips a product of one row walks in step, found out on the loaded weights.
//!
//! WebAssembly has no prefetch instruction, so decoding runs at the speed at which the processor
//! fetches ahead by itself, and processors differ: an Intel server is half as fast again with four
//! strips in step (its prefetcher starts anew at every page), an AMD one three times as fast with
//! one (it loses track of streams that take turns). Nothing tells a module where it runs. So
//! after loading each shape of matrix is walked for a few milliseconds in every way, on other parts
//! of the weights each time, which no cache holds yet. Results do not depend on the choice.

use kernels::PlayerError;

use crate::clock;
use crate::format::STRIP;
use crate::isa::STREAMS;
use crate::linear::matvecs;
use crate::machine::{Machine, Stored};
use crate::pack::{Matrix, Packing};
use crate::pool::Pool;

/// What is tried.
const CHOICES: [usize; 3] = [1, 2, STREAMS];
/// The best of so many walks counts: other programs only take from it.
const ROUNDS: usize = 3;
/// Bytes of one walk: half a millisecond, which a page's coarse clock can still see.
const WALK_BYTES: usize = 8 << 20;
/// Below this a walk is over before it can be timed, and the caches hold such a model anyway.
const MIN_WALK_BYTES: usize = 256 << 10;

/// Walks every shape of quantized matrices and sets [`Matrix::streams`]. Does nothing where
/// products walk strips one by one, or without a clock.
///
/// # Errors
/// Those of the pool.
pub fn choose(machine: &mut Machine, pool: &mut Pool) -> Result<(), PlayerError> {
    if machine.isa.matvecs.is_none() || clock::now().is_none() {
        return Ok(());
    }
    let mut seen: Vec<(Packing, usize)> = Vec::new();
    for i in 0..machine.weights.len() {
        let Some(shape) = shape_of(&machine.weights[i]) else {
            continue;
        };
        if seen.contains(&shape) {
            continue;
        }
        seen.push(shape);
        if let Some(best) = fastest(machine, pool, shape)? {
            for stored in &mut machine.weights {
                if shape_of(stored) == Some(shape)
                    && let Stored::Matrix(matrix) = stored
                {
                    matrix.streams = best;
                }
            }
        }
    }
    Ok(())
}

fn shape_of(stored: &Stored) -> Option<(Packing, usize)> {
    match stored {
        Stored::Matrix(matrix) if matches!(matrix.packing, Packing::Quantized(_)) => {
            Some((matrix.packing, matrix.n_cols))
        }
        _ => None,
    }
}

/// The choice with the shortest walk; `None` if there are too few weights of this shape.
fn fastest(
    machine: &Machine,
    pool: &mut Pool,
    shape: (Packing, usize),
) -> Result<Option<usize>, PlayerError> {
    let matrices = machine.weights.iter().filter(|stored| shape_of(stored) == Some(shape));
    let strips: Vec<(&Matrix, usize)> = matrices
        .filter_map(|stored| match stored {
            Stored::Matrix(matrix) => Some((0..matrix.n_strips()).map(move |i| (matrix, i))),
            _ => None,
        })
        .flatten()
        .collect();
    let strip_bytes = strips.first().map_or(1, |(matrix, _)| matrix.strip_bytes.max(1));
    let per_walk = (strips.len() / (ROUNDS * CHOICES.len())).min(WALK_BYTES / strip_bytes);
    if per_walk * strip_bytes < MIN_WALK_BYTES {
        return Ok(None);
    }
    let mut best = [f64::INFINITY; CHOICES.len()];
    for (i, strips) in strips.chunks_exact(per_walk).take(ROUNDS * CHOICES.len()).enumerate() {
        let choice = i % CHOICES.len();
        // Wakes the threads, so that every walk starts with all of them.
        pool.run(&|_| ())?;
        let start = clock::now().unwrap_or(0.0);
        walk(machine, pool, strips, CHOICES[choice])?;
        best[choice] = best[choice].min(clock::now().unwrap_or(0.0) - start);
    }
    let shortest = CHOICES.iter().zip(best).min_by(|a, b| a.1.total_cmp(&b.1));
    Ok(shortest.map(|(&n, _)| n))
}

/// The product of some strips with whatever the scratch holds (zeros), by all threads.
fn walk(
    machine: &Machine,
    pool: &mut Pool,
    strips: &[(&Matrix, usize)],
    n_streams: usize,
) -> Result<(), PlayerError> {
    pool.run(&|team| {
        let acts = &machine.buffers.threads[team.thread].acts;
        let mut y = [[0.0; STRIP]; STREAMS];
        for strips in strips[team.share(strips.len())].chunks(STREAMS) {
            // SAFETY: the scratch is this thread's and as wide as the widest matrix; quantized
            // products read nothing of `x`.
            unsafe { matvecs(machine.isa, strips, n_streams, acts, std::ptr::null(), &mut y) };
            std::hint::black_box(&y);
        }
    })
}
