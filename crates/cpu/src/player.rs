//! The CPU player: checks jobs, runs passes, chooses tokens.
//!
//! Everything happens in `submit`; `poll` is ready at once. After load nothing is allocated per
//! token or chunk; the one exception is the first job that wants logits of every row, whose buffer
//! is as wide as the vocabulary and is not worth holding for everyone.

use std::task::{Context, Poll};

use kernels::check::Bounds;
use kernels::sampling::{MAX_RECENT, Scratch, choose, penalize};
use kernels::{
    Counters, Draw, Input, Job, KvShape, KvSpan, MAX_SLOTS, Op, OpTime, Peaks, Place, Player,
    PlayerError, PlayerInfo, RowAt, Sampling, Tap, Want,
};

use crate::machine::{Machine, Stored};
use crate::memory::Buffer;
use crate::ops::{self, Logits, Pass};
use crate::pack::Packing;
use crate::pool::Pool;
use crate::tap::Tapped;

/// Plays a Plan with SIMD and threads.
pub struct CpuPlayer {
    machine: Machine,
    pool: Pool,
    name: String,
    /// What the last job left in the buffers.
    n_logits: usize,
    n_hidden: usize,
    tokens: Vec<u32>,
    kv_rows: Vec<u8>,
    /// Logits with penalties, so that `logits` stay as the model gave them.
    penalized: Vec<f32>,
    recent: Vec<u32>,
    scratch: Scratch,
    counters: Counters,
    peaks: Option<Peaks>,
}

impl CpuPlayer {
    /// Takes over loaded weights.
    pub fn new(machine: Machine, pool: Pool) -> Result<Self, PlayerError> {
        let name = format!(
            "{} ({}), {} {}",
            crate::name::cpu_name(),
            machine.isa.name,
            pool.n_threads(),
            if pool.n_threads() == 1 { "thread" } else { "threads" }
        );
        let n_vocab = if machine.plan.gives_logits() { machine.plan.dims.n_vocab } else { 0 };
        let n_ctx = machine.config.n_ctx;
        let mut scratch = Scratch::default();
        let penalized = vec![0.0; n_vocab];
        // Sizes the scratch of `choose` for the whole vocabulary.
        let sampling = Sampling { temperature: 1.0, typical_p: 0.5, ..Sampling::default() };
        choose(&sampling, &penalized, 0, &mut scratch);
        Ok(CpuPlayer {
            machine,
            pool,
            name,
            n_logits: 0,
            n_hidden: 0,
            tokens: Vec::with_capacity(n_ctx.max(MAX_SLOTS)),
            kv_rows: Vec::new(),
            penalized,
            recent: Vec::with_capacity(2 * MAX_RECENT),
            scratch,
            counters: Counters::default(),
            peaks: None,
        })
    }

    fn bounds(&self) -> Bounds<'_> {
        let Machine { plan, config, max_rows, .. } = &self.machine;
        Bounds { plan, config, max_rows: *max_rows, device: "cpu" }
    }

    /// One pass over the Plan.
    fn pass(
        &mut self,
        input: Input<'_>,
        place: Place<'_>,
        logits: Logits,
    ) -> Result<(), PlayerError> {
        let (machine, pool) = (&mut self.machine, &mut self.pool);
        let dims = machine.plan.dims;
        let (ids, n_rows): (&[u32], _) = match input {
            Input::Tokens(ids) => (ids, ids.len()),
            Input::Hidden(rows) => {
                machine.buffers.x.all_mut()[..rows.len()].copy_from_slice(rows);
                (&[], rows.len() / dims.dim)
            }
        };
        self.n_hidden = n_rows * dims.dim;
        self.n_logits = match logits {
            Logits::None | Logits::Normed => 0,
            Logits::Last => dims.n_vocab,
            Logits::All => n_rows * dims.n_vocab,
        };
        if self.n_logits > machine.buffers.logits.len() {
            machine.buffers.logits = Buffer::new(self.n_logits, "logits of every row")?;
        }
        let machine = &*machine;
        let pass = Pass { ids, n_rows, place, logits };
        self.counters.passes += 1;
        pool.run(&|team| ops::run(machine, team, &pass))?;
        if n_rows == 1 {
            self.machine.streams.count_pass();
        }
        Ok(())
    }

    /// Chooses the token for `pos` from row `row` of the logits.
    fn choose(&mut self, row: usize, sampling: &Sampling, recent: &[u32], pos: usize) -> u32 {
        let n_vocab = self.machine.plan.dims.n_vocab;
        // SAFETY: no pass is running.
        let logits =
            unsafe { self.machine.buffers.logits.slice(row * n_vocab..(row + 1) * n_vocab) };
        let id = if sampling.has_penalties() {
            self.penalized.copy_from_slice(logits);
            penalize(sampling, recent, &mut self.penalized);
            choose(sampling, &self.penalized, pos as u32, &mut self.scratch)
        } else {
            choose(sampling, logits, pos as u32, &mut self.scratch)
        };
        self.tokens.push(id);
        id
    }

    fn choose_tokens(
        &mut self,
        input: Input<'_>,
        after: RowAt,
        n_rows: usize,
        draw: Draw<'_>,
        n_tokens: usize,
    ) -> Result<(), PlayerError> {
        let mut kept = std::mem::take(&mut self.recent);
        kept.clear();
        kept.extend_from_slice(&draw.recent[draw.recent.len().saturating_sub(MAX_RECENT)..]);
        let first = after.pos + n_rows;
        let mut result = Ok(());
        for next in first..first + n_tokens {
            let last = [self.tokens.last().copied().unwrap_or(0)];
            let (input, pos) =
                if next == first { (input, after.pos) } else { (Input::Tokens(&last), next - 1) };
            result = self.pass(input, Place::Run(RowAt { pos, ..after }), Logits::Last);
            if result.is_err() {
                break;
            }
            let id = self.choose(0, draw.sampling, &kept, next);
            if kept.len() == 2 * MAX_RECENT {
                kept.drain(..MAX_RECENT);
            }
            kept.push(id);
        }
        self.recent = kept;
        result
    }
}

impl Player for CpuPlayer {
    fn info(&self) -> PlayerInfo {
        let machine = &self.machine;
        let mut kernels: Vec<(String, String)> = Vec::new();
        for (weight, stored) in machine.plan.weights.iter().zip(&machine.weights) {
            let Stored::Matrix(matrix) = stored else {
                continue;
            };
            let what = format!("product {}", weight.ty);
            if kernels.iter().all(|(name, _)| *name != what) {
                let how = match matrix.packing {
                    Packing::Quantized(_) => "packed strips, 8-bit activations",
                    Packing::Float(_) => "packed strips, f32 activations",
                };
                kernels.push((what, format!("{}, {how}", machine.isa.name)));
            }
        }
        PlayerInfo {
            device: "cpu".into(),
            name: self.name.clone(),
            kernels,
            weight_bytes: machine.weight_bytes(),
            kv_bytes: machine.kv.iter().map(crate::kv::KvLayer::n_bytes).sum(),
            scratch_bytes: machine.buffers.n_bytes(),
        }
    }

    fn max_rows(&self) -> usize {
        self.machine.max_rows
    }

    fn can_sample(&self, _: &Sampling) -> bool {
        matches!(self.machine.plan.ops.last(), Some(Op::Head { .. }))
            && self.machine.plan.takes_tokens()
    }

    fn submit(&mut self, job: &Job<'_>) -> Result<(), PlayerError> {
        let n_rows = self.bounds().check(job)?;
        self.counters.submits += 1;
        self.tokens.clear();
        match (job.want, job.place) {
            (Want::Tokens { sampling, recent, n_tokens }, Place::Run(first)) => {
                let draw = Draw { sampling, recent };
                self.choose_tokens(job.input, first, n_rows, draw, n_tokens)
            }
            (Want::Choices(draws), place) => {
                self.pass(job.input, place, Logits::All)?;
                for (i, draw) in draws.iter().enumerate() {
                    self.choose(i, draw.sampling, draw.recent, place.row(i).pos + 1);
                }
                Ok(())
            }
            (Want::Hidden, place) => self.pass(job.input, place, Logits::Normed),
            (Want::LastLogits, place) => self.pass(job.input, place, Logits::Last),
            (Want::AllLogits, place) => self.pass(job.input, place, Logits::All),
            // The check lets no chain begin at several places.
            (Want::Nothing | Want::Tokens { .. }, place) => {
                self.pass(job.input, place, Logits::None)
            }
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        Poll::Ready(Ok(()))
    }

    fn logits(&self) -> &[f32] {
        // SAFETY: no pass is running.
        unsafe { self.machine.buffers.logits.slice(0..self.n_logits) }
    }

    fn hidden(&self) -> &[f32] {
        // SAFETY: no pass is running.
        unsafe { self.machine.buffers.x.slice(0..self.n_hidden) }
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn set_profiling(&mut self, on: bool) {
        self.machine.profile.set(on);
    }

    fn profile(&self) -> Vec<OpTime> {
        let machine = &self.machine;
        machine.profile.times(&machine.plan, machine.config.kv, machine.isa.name)
    }

    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) -> Result<bool, PlayerError> {
        self.machine.tap = tap.map(|tap| Tapped::new(&self.machine, tap)).transpose()?;
        Ok(true)
    }

    fn submit_kv_read(&mut self, span: &KvSpan) -> Result<bool, PlayerError> {
        let Machine { plan, config, kv, .. } = &self.machine;
        let Some(shape) = KvShape::of(plan, config.kv) else { return Ok(false) };
        self.bounds().check_span(&shape, span, None)?;
        self.kv_rows.resize(span.positions.len() * shape.position_bytes(), 0);
        for part in shape.parts(span.positions.len()) {
            let layer = &kv[part.layer];
            let rows = self.kv_rows[part.bytes].chunks_mut(shape.head_bytes(&part.heads));
            for (i, row) in rows.enumerate() {
                let (pos, head) = (i / part.heads.n_kv_heads, i % part.heads.n_kv_heads);
                let pos = span.positions.start + pos;
                let pos = layer.position(RowAt { slot: span.slot, pos });
                // SAFETY: no pass is running.
                unsafe { layer.read_head(part.is_keys, head, pos, row) };
            }
        }
        Ok(true)
    }

    fn kv_rows(&self) -> &[u8] {
        &self.kv_rows
    }

    fn submit_kv_write(&mut self, span: &KvSpan, rows: &[u8]) -> Result<bool, PlayerError> {
        let Machine { plan, config, .. } = &self.machine;
        let Some(shape) = KvShape::of(plan, config.kv) else { return Ok(false) };
        self.bounds().check_span(&shape, span, Some(rows.len()))?;
        for part in shape.parts(span.positions.len()) {
            let layer = &mut self.machine.kv[part.layer];
            let rows = rows[part.bytes].chunks(shape.head_bytes(&part.heads));
            for (i, row) in rows.enumerate() {
                let (pos, head) = (i / part.heads.n_kv_heads, i % part.heads.n_kv_heads);
                let pos = span.positions.start + pos;
                let pos = layer.position(RowAt { slot: span.slot, pos });
                layer.write_head(part.is_keys, head, pos, row);
            }
        }
        Ok(true)
    }

    fn submit_peaks(&mut self) -> Result<(), PlayerError> {
        self.peaks = crate::peaks::measure(&self.machine, &mut self.pool)?;
        Ok(())
    }

    fn peaks(&self) -> Option<&Peaks> {
        self.peaks.as_ref()
    }
}
