//! Test: our part of a token allocates nothing.
//!
//! wgpu itself allocates for every encoder, so the count is taken with a pass that only counts
//! ([`Sink`]); everything before the first wgpu call of a token is the same code as in product.
//! The allocator counts the calling thread alone, because other tests run beside it.
#![allow(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use kernels::Sampling;
use kernels::shader::params::Step;

use crate::chain::Chain;
use crate::encode::{Play, Sink, play};
use crate::schedule::{Dispatch, Grid, Part, Schedule, Turns};

thread_local! {
    static N_ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: forwards to the system's allocator; the counter needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = N_ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(ptr, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Default)]
struct Counted(u64);

impl Sink for Counted {
    fn dispatch(&mut self, _: &Dispatch, _: u32, grid: [u32; 2]) {
        self.0 += u64::from(grid[0].min(1));
    }
}

/// Seven dispatches per layer, of which the merge is needed from the second span on.
fn schedule() -> Schedule {
    let op = "op";
    let fixed = Dispatch {
        pipeline: 0,
        bind: 0,
        params: 0,
        grid: Grid::Fixed([8, 1]),
        turns: Turns::Always,
        op,
    };
    let merge = Grid::Merge { x: 8, span: 256, window: u32::MAX };
    let layer = [fixed, fixed, fixed, Dispatch { grid: merge, ..fixed }, fixed, fixed, fixed];
    Schedule {
        decode: layer.repeat(16),
        decode_head: vec![fixed],
        penalize: vec![fixed],
        top_k: vec![fixed; 2],
        ..Schedule::default()
    }
}

#[test]
fn a_token_allocates_nothing_of_ours() {
    let schedule = schedule();
    let sampling =
        Sampling { temperature: 0.7, top_k: 40, repeat_penalty: 1.1, ..Sampling::default() };
    let recent: Vec<u32> = (0..100).collect();
    let first = Step { n_rows: 1, pos: 200, ..Step::default() };
    let before = N_ALLOCATIONS.get();
    let mut sink = Counted::default();
    let (chain, recent) = Chain::new(&sampling, first, &recent);
    for i in 0..100 {
        let step = chain.step(i);
        let mut plays = [Play::new(Part::Decode, &step, i % 64); 4];
        for (play, &part) in plays.iter_mut().skip(1).zip(chain.tail()) {
            play.part = part;
        }
        play(&schedule, &plays[..1 + chain.tail().len()], &mut sink);
    }
    assert_eq!(N_ALLOCATIONS.get() - before, 0);
    assert_eq!(recent.len(), 64, "as many as repeat_last_n");
    // Position 256 begins the second span.
    assert_eq!(sink.0, 56 * (6 * 16 + 4) + 44 * (7 * 16 + 4));
    drop(std::hint::black_box(Box::new(1)));
    assert!(N_ALLOCATIONS.get() > before, "the counter counts");
}
