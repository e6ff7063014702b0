//! After load a player allocates nothing per token or chunk. A test of its own, because the
//! counting allocator sees every thread of the process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "common/synthetic.rs"]
mod synthetic;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use common::play;
use kernels::{Draw, Input, Job, KvType, Place, PlayerConfig, RowAt, Sampling, Want};
use quant::TensorType;

struct Counting;

static N_ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: forwards to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        N_ALLOCATIONS.fetch_add(1, Ordering::SeqCst);
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

#[test]
fn tokens_and_chunks_allocate_nothing() {
    let types = [TensorType::Q6_K, TensorType::Q4_K, TensorType::F16, TensorType::Q4_0];
    let plan = synthetic::plan(synthetic::DIMS, &types, Some(40));
    let ids: Vec<u32> = (0..100).collect();
    for kv in [KvType::F32, KvType::F16, KvType::Q8_0] {
        let config = PlayerConfig { n_ctx: 200, n_slots: 3, kv, n_threads: 2 };
        let mut player = synthetic::load(&plan, cpu::loader(&plan, config).unwrap());
        let sampling =
            Sampling { temperature: 0.7, top_k: 20, repeat_penalty: 1.1, ..Sampling::default() };
        let mut round = || {
            let chunk = Job { input: Input::Tokens(&ids), place: 0.into(), want: Want::Nothing };
            play(&mut *player, &chunk);
            let token =
                Job { input: Input::Tokens(&[5]), place: 100.into(), want: Want::LastLogits };
            play(&mut *player, &token);
            for sampling in [sampling, Sampling { top_k: 0, typical_p: 0.9, ..sampling }] {
                let want = Want::Tokens { sampling: &sampling, recent: &ids, n_tokens: 8 };
                play(&mut *player, &Job { input: Input::Tokens(&[6]), place: 101.into(), want });
            }
            let rows = [2, 0].map(|slot| RowAt { slot, pos: 102 });
            let draw = Draw { sampling: &sampling, recent: &ids };
            for want in [Want::AllLogits, Want::Choices(&[draw, draw])] {
                let place = Place::Each(&rows);
                play(&mut *player, &Job { input: Input::Tokens(&[5, 6]), place, want });
            }
        };
        // The first job may let the operating system's primitives set themselves up.
        round();
        let before = N_ALLOCATIONS.load(Ordering::SeqCst);
        round();
        assert_eq!(N_ALLOCATIONS.load(Ordering::SeqCst) - before, 0, "{kv:?}");
    }
}
