//! The sampler's lists: penalties, then either the largest logit or the chain over the top_k.

use kernels::PlayerError;
use kernels::shader::{Kernel, Reduced, params};

use crate::schedule::Grid;
use crate::schedule::build::Builder;
use crate::store::TOPK_SLICE;

/// Slices of the logits when only the largest is looked for.
const ARGMAX_GROUPS: u32 = 64;

impl Builder<'_> {
    pub(super) fn samplers(&mut self) -> Result<(), PlayerError> {
        self.op = "sample";
        let n_vocab = self.plan.dims.n_vocab as u32;
        let store = self.store;
        let logits_in = [(4, &store.logits), (5, &store.lists)];
        let ids_out = [(4, &store.lists), (5, &store.ids)];
        let one = Grid::Fixed([1, 1]);

        let p = params::Sample { n_vocab, ..Default::default() };
        let buffers = [(4, &store.logits), (5, &store.ids)];
        let kernel = Kernel::Sample(Reduced::Penalize);
        self.schedule.penalize = vec![self.dispatch(kernel, &p, &buffers, one)?];

        let n_lists = n_vocab.div_ceil(256).min(ARGMAX_GROUPS);
        let p = params::Sample { n_vocab, n_lists, ..Default::default() };
        let (part, last) = (Kernel::Sample(Reduced::ArgmaxPart), Reduced::ArgmaxFinal);
        self.schedule.greedy = vec![
            self.dispatch(part, &p, &logits_in, Grid::Fixed([n_lists, 1]))?,
            self.dispatch(Kernel::Sample(last), &p, &ids_out, one)?,
        ];

        let n_lists = n_vocab.div_ceil(TOPK_SLICE as u32);
        let p = params::Sample { n_vocab, n_lists, ..Default::default() };
        let (part, last) = (Kernel::Sample(Reduced::TopkPart), Reduced::TopkFinal);
        self.schedule.top_k = vec![
            self.dispatch(part, &p, &logits_in, Grid::Fixed([n_lists, 1]))?,
            self.dispatch(Kernel::Sample(last), &p, &ids_out, one)?,
        ];
        Ok(())
    }
}
