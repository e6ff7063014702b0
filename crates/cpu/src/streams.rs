//! How many strips a product of one row walks in step, found out while tokens are written.
//!
//! WebAssembly has no prefetch instruction, so decoding runs at the speed at which the processor
//! fetches ahead by itself, and processors differ: an Intel server is half as fast again with four
//! strips in step (its prefetcher starts anew at every page), an AMD one three times as fast with
//! one (it loses track of streams that take turns). Nothing tells a module where it runs. So in
//! some passes some products walk a third of their strips in each way, with a clock around them,
//! and the way with the shortest sum is kept for that op on matrices of that shape. Results do not
//! depend on the choice.
//!
//! Not at load: a browser compiles a function well only after it ran for a while, and before that
//! all ways are equally slow. For the same reason there is a second trial, some tokens later. Sums
//! and not the best of some, because a page's clock may be coarser than a product takes.

use std::cell::UnsafeCell;
use std::ops::Range;

use kernels::{Op, Plan, WeightId};

use crate::clock;
use crate::isa::{Isa, STREAMS};
use crate::pool::Team;

/// What is tried.
const CHOICES: [usize; 3] = [1, 2, STREAMS];
/// Passes of one row before which a trial begins.
const TRIALS: [usize; 2] = [0, 48];
/// Passes of a trial: with some layers enough for a clock that counts in tenths of milliseconds.
const N_PASSES: usize = 8;
/// One product in so many is part of a trial, in turns: the slowest way may take three times as
/// long, and a trial should not be felt.
const SPARING: usize = 4;

/// Seconds by choice, for one op on matrices of one shape.
#[derive(Default)]
struct Group {
    /// First weights of the ops.
    weights: Vec<WeightId>,
    seconds: [f64; CHOICES.len()],
}

/// Choices and running trials of a Plan's products.
pub struct Streams {
    /// By weight.
    choice: Vec<usize>,
    /// By weight: its group, and its number there.
    place: Vec<Option<(usize, usize)>>,
    /// Written by thread 0 during a pass, by nobody else.
    groups: UnsafeCell<Vec<Group>>,
    n_passes: usize,
    /// Whether the kernels can walk several strips in step, and there is a clock.
    is_open: bool,
}

// SAFETY: `groups` is touched by thread 0 of a running pass, or between passes.
unsafe impl Sync for Streams {}

impl Streams {
    /// For the products of `plan`.
    pub fn new(plan: &Plan, isa: &Isa) -> Streams {
        let n = plan.weights.len();
        let mut groups: Vec<Group> = Vec::new();
        let mut kinds = Vec::new();
        let mut place = vec![None; n];
        for op in &plan.ops {
            for id in products(op) {
                let weight = &plan.weights[id.0];
                let kind = (std::mem::discriminant(op), weight.ty, weight.n_cols);
                let group = kinds.iter().position(|other| *other == kind).unwrap_or_else(|| {
                    kinds.push(kind);
                    groups.push(Group::default());
                    groups.len() - 1
                });
                place[id.0] = Some((group, groups[group].weights.len()));
                groups[group].weights.push(id);
            }
        }
        Streams {
            choice: vec![STREAMS; n],
            place,
            groups: UnsafeCell::new(groups),
            n_passes: 0,
            is_open: isa.matvecs.is_some() && clock::now().is_some(),
        }
    }

    fn is_trial(&self) -> bool {
        let at = self.n_passes;
        self.is_open && TRIALS.iter().any(|&start| (start..start + N_PASSES).contains(&at))
    }

    /// Walks a thread's `share` of the strips of `id` (the first weight of its op): `walk` takes a
    /// range of strips and how many of them to take in step.
    pub fn walk(
        &self,
        team: &Team<'_>,
        id: WeightId,
        share: Range<usize>,
        mut walk: impl FnMut(Range<usize>, usize),
    ) {
        let is_turn = |turn: usize| (turn + self.n_passes).is_multiple_of(SPARING);
        let place = self.place[id.0].filter(|(_, turn)| self.is_trial() && is_turn(*turn));
        let Some((group, _)) = place else {
            return walk(share, self.choice[id.0]);
        };
        let n = CHOICES.len();
        for (i, &n_streams) in CHOICES.iter().enumerate() {
            // Whole groups of strips, so that every way has its full width.
            let cut = |i: usize| share.len() * i / n / STREAMS * STREAMS;
            let end = if i + 1 == n { share.end } else { share.start + cut(i + 1) };
            let part = share.start + cut(i)..end;
            let n_strips = part.len();
            let start = clock::now();
            walk(part, n_streams);
            if let (0, Some(start), Some(end)) = (team.thread, start, clock::now())
                && n_strips > 0
            {
                // SAFETY: only thread 0 is here.
                let groups = unsafe { &mut *self.groups.get() };
                groups[group].seconds[i] += (end - start) / n_strips as f64;
            }
        }
    }

    /// A pass of one row is over.
    pub fn count_pass(&mut self) {
        let was_trial = self.is_trial();
        self.n_passes = self.n_passes.saturating_add(1);
        if !was_trial || self.is_trial() {
            return;
        }
        for group in self.groups.get_mut() {
            let seconds = std::mem::take(&mut group.seconds);
            let fastest = CHOICES.iter().zip(seconds).min_by(|a, b| a.1.total_cmp(&b.1));
            for id in &group.weights {
                self.choice[id.0] = fastest.map_or(STREAMS, |(&n_streams, _)| n_streams);
            }
        }
    }

    /// How many strips products of this weight take in step now.
    #[cfg(test)]
    pub fn choice(&self, id: WeightId) -> usize {
        self.choice[id.0]
    }
}

/// First weights of an op's walks.
fn products(op: &Op) -> Vec<WeightId> {
    match op {
        Op::Qkv { q, k, v, .. } => vec![q.w, k.w, v.w],
        Op::GateUp { gate, up, .. } => vec![gate.unwrap_or(*up).w],
        Op::Output { w, .. } | Op::Down { w, .. } | Op::Head { w, .. } => vec![w.w],
        Op::Embed { .. } | Op::RopeKv { .. } | Op::Attention { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use kernels::{Activation, Dims, Linear, Norm, Weight};
    use quant::TensorType;

    use super::*;
    use crate::pool::Pool;

    fn plan() -> Plan {
        let weight = |name: &str, n_cols| Weight {
            name: name.into(),
            ty: TensorType::Q4_0,
            n_rows: 64,
            n_cols,
            first_row: 0,
        };
        let linear = |id| Linear { w: WeightId(id), bias: None };
        let norm = Norm::rms(WeightId(0), 1e-5);
        let mut ops = Vec::new();
        for first in [1, 4] {
            let (gate, up) = (Some(linear(first)), linear(first + 1));
            ops.push(Op::GateUp { norm: Some(norm), gate, up, act: Activation::Silu });
            ops.push(Op::Down { w: linear(first + 2), post: None, after: None });
        }
        let dims = Dims {
            n_vocab: 1,
            dim: 64,
            n_layers: 2,
            n_heads: 1,
            n_kv_heads: 1,
            head_dim: 32,
            ffn_dim: 64,
            n_ctx_train: 1,
        };
        let weights = (0..7).map(|i| weight("w", if i % 3 == 0 { 128 } else { 64 })).collect();
        Plan { dims, weights, ropes: Vec::new(), ops, n_kv_layers: 0 }
    }

    #[test]
    fn the_fastest_way_wins_for_its_op_in_every_layer() {
        let mut streams = Streams { is_open: true, ..Streams::new(&plan(), crate::isa::best()) };
        let cases: [[f64; CHOICES.len()]; 2] = [[3.0, 2.0, 4.0], [1.0, 2.0, 3.0]];
        for (trial, wanted) in TRIALS.iter().zip([[2, 1], [2, 1]]) {
            while streams.n_passes < trial + N_PASSES {
                assert_eq!(streams.is_trial(), streams.n_passes >= *trial);
                if streams.is_trial() {
                    for (group, seconds) in streams.groups.get_mut().iter_mut().zip(cases) {
                        std::iter::zip(&mut group.seconds, seconds).for_each(|(a, b)| *a += b);
                    }
                }
                streams.count_pass();
            }
            let chosen = [1, 3, 4, 6].map(|id| streams.choice(WeightId(id)));
            assert_eq!(chosen, [wanted[0], wanted[1], wanted[0], wanted[1]]);
        }
    }

    #[test]
    fn a_trial_walks_every_strip_once_in_every_way() {
        let mut streams = Streams { is_open: true, ..Streams::new(&plan(), crate::isa::best()) };
        for n_strips in [0, 1, 5, 12, 13, 64] {
            for n_threads in [1, 2] {
                let walked = std::sync::Mutex::new(Vec::new());
                let ways = std::sync::Mutex::new(Vec::new());
                let work = |team: &Team<'_>| {
                    let share = team.share(n_strips);
                    streams.walk(team, WeightId(1), share, |part, n_streams| {
                        walked.lock().unwrap().extend(part);
                        ways.lock().unwrap().push(n_streams);
                    });
                };
                Pool::new(n_threads).run(&work).unwrap();
                let mut walked = walked.into_inner().unwrap();
                walked.sort_unstable();
                assert_eq!(walked, (0..n_strips).collect::<Vec<_>>());
                let ways = ways.into_inner().unwrap();
                assert!(CHOICES.iter().all(|choice| ways.contains(choice)));
            }
        }
        streams.n_passes = N_PASSES;
        let parts = std::sync::Mutex::new(Vec::new());
        let work = |team: &Team<'_>| {
            streams.walk(team, WeightId(1), 0..9, |part, _| parts.lock().unwrap().push(part));
        };
        Pool::new(1).run(&work).unwrap();
        let parts = parts.into_inner().unwrap();
        assert_eq!((parts.len(), &parts[0]), (1, &(0..9)), "between trials in one go");
    }
}
