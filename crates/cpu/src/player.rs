//! The CPU player: checks jobs, runs passes, chooses tokens.
//!
//! Everything happens in `submit`; `poll` is ready at once. After load nothing is allocated per
//! token or chunk; the one exception is the first job that wants logits of every row, whose buffer
//! is as wide as the vocabulary and is not worth holding for everyone.

use std::task::{Context, Poll};

use kernels::sampling::{MAX_RECENT, Scratch, choose, penalize};
use kernels::{
    Counters, Input, Job, Op, OpTime, Peaks, Player, PlayerError, PlayerInfo, Sampling, Want,
};

use crate::machine::{MAX_ROWS, Machine, Stored};
use crate::memory::Buffer;
use crate::ops::{self, Logits, Pass};
use crate::pack::Packing;
use crate::pool::Pool;

/// Plays a Plan with SIMD and threads.
pub struct CpuPlayer {
    machine: Machine,
    pool: Pool,
    name: String,
    /// What the last job left in the buffers.
    n_logits: usize,
    n_hidden: usize,
    tokens: Vec<u32>,
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
            tokens: Vec::with_capacity(n_ctx),
            penalized,
            recent: Vec::with_capacity(2 * MAX_RECENT),
            scratch,
            counters: Counters::default(),
            peaks: None,
        })
    }

    fn n_rows(&self, input: Input<'_>) -> usize {
        match input {
            Input::Tokens(ids) => ids.len(),
            Input::Hidden(rows) => rows.len() / self.machine.plan.dims.dim,
        }
    }

    fn check(&self, job: &Job<'_>) -> Result<(), PlayerError> {
        let plan = &self.machine.plan;
        let n_rows = self.n_rows(job.input);
        if n_rows == 0 || n_rows > MAX_ROWS {
            return Err(PlayerError::Rows { n_rows, max_rows: MAX_ROWS });
        }
        let n_more = match job.want {
            Want::Tokens { n_tokens, .. } => n_tokens.saturating_sub(1),
            _ => 0,
        };
        let n_ctx = self.machine.config.n_ctx;
        let end = job.pos.saturating_add(n_rows).saturating_add(n_more);
        if end > n_ctx {
            return Err(PlayerError::Context { pos: end - 1, n_ctx });
        }
        let unsupported =
            |what: &str| Err(PlayerError::Unsupported { device: "cpu".into(), what: what.into() });
        let wants_logits =
            matches!(job.want, Want::LastLogits | Want::AllLogits | Want::Tokens { .. });
        if wants_logits && !plan.gives_logits() {
            return unsupported("logits from a part of a model without its head");
        }
        if matches!(job.want, Want::Tokens { .. }) && !plan.takes_tokens() {
            return unsupported("tokens to be fed back to a part of a model without its embedding");
        }
        match job.input {
            Input::Tokens(ids) if plan.takes_tokens() => {
                let n_vocab = plan.dims.n_vocab;
                match ids.iter().find(|&&id| id as usize >= n_vocab) {
                    Some(&id) => Err(PlayerError::Token { id, n_vocab }),
                    None => Ok(()),
                }
            }
            Input::Tokens(_) => unsupported("hidden rows as input and not tokens"),
            Input::Hidden(_) if plan.takes_tokens() => unsupported("tokens as input"),
            Input::Hidden(rows) if rows.len() != n_rows * plan.dims.dim => {
                unsupported("hidden rows of the model's width")
            }
            Input::Hidden(_) => Ok(()),
        }
    }

    /// One pass over the Plan.
    fn pass(&mut self, input: Input<'_>, pos: usize, logits: Logits) -> Result<(), PlayerError> {
        let n_rows = self.n_rows(input);
        let (machine, pool) = (&mut self.machine, &mut self.pool);
        let dims = machine.plan.dims;
        let ids = match input {
            Input::Tokens(ids) => ids,
            Input::Hidden(rows) => {
                machine.buffers.x.all_mut()[..rows.len()].copy_from_slice(rows);
                &[]
            }
        };
        self.n_hidden = n_rows * dims.dim;
        self.n_logits = match logits {
            Logits::None => 0,
            Logits::Last => dims.n_vocab,
            Logits::All => n_rows * dims.n_vocab,
        };
        if self.n_logits > machine.buffers.logits.len() {
            machine.buffers.logits = Buffer::new(self.n_logits, "logits of every row")?;
        }
        let machine = &*machine;
        let pass = Pass { ids, n_rows, pos, logits };
        self.counters.passes += 1;
        pool.run(&|team| ops::run(machine, team, &pass))?;
        if n_rows == 1 {
            self.machine.streams.count_pass();
        }
        Ok(())
    }

    fn choose_tokens(
        &mut self,
        job: &Job<'_>,
        sampling: &Sampling,
        recent: &[u32],
        n_tokens: usize,
    ) -> Result<(), PlayerError> {
        self.recent.clear();
        self.recent.extend_from_slice(&recent[recent.len().saturating_sub(MAX_RECENT)..]);
        let first = job.pos + self.n_rows(job.input);
        for next in first..first + n_tokens {
            let last = [self.tokens.last().copied().unwrap_or(0)];
            let (input, pos) =
                if next == first { (job.input, job.pos) } else { (Input::Tokens(&last), next - 1) };
            self.pass(input, pos, Logits::Last)?;
            let id = if sampling.has_penalties() {
                // SAFETY: no pass is running.
                let logits = unsafe { self.machine.buffers.logits.slice(0..self.n_logits) };
                self.penalized.copy_from_slice(logits);
                penalize(sampling, &self.recent, &mut self.penalized);
                choose(sampling, &self.penalized, next as u32, &mut self.scratch)
            } else {
                // SAFETY: no pass is running.
                let logits = unsafe { self.machine.buffers.logits.slice(0..self.n_logits) };
                choose(sampling, logits, next as u32, &mut self.scratch)
            };
            self.tokens.push(id);
            if self.recent.len() == 2 * MAX_RECENT {
                self.recent.drain(..MAX_RECENT);
            }
            self.recent.push(id);
        }
        Ok(())
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
        MAX_ROWS
    }

    fn can_sample(&self, _: &Sampling) -> bool {
        matches!(self.machine.plan.ops.last(), Some(Op::Head { .. }))
            && self.machine.plan.takes_tokens()
    }

    fn submit(&mut self, job: &Job<'_>) -> Result<(), PlayerError> {
        self.check(job)?;
        self.counters.submits += 1;
        self.tokens.clear();
        match job.want {
            Want::Nothing | Want::Hidden => self.pass(job.input, job.pos, Logits::None),
            Want::LastLogits => self.pass(job.input, job.pos, Logits::Last),
            Want::AllLogits => self.pass(job.input, job.pos, Logits::All),
            Want::Tokens { sampling, recent, n_tokens } => {
                self.choose_tokens(job, sampling, recent, n_tokens)
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

    fn submit_peaks(&mut self) -> Result<(), PlayerError> {
        self.peaks = crate::peaks::measure(&self.machine, &mut self.pool)?;
        Ok(())
    }

    fn peaks(&self) -> Option<&Peaks> {
        self.peaks.as_ref()
    }
}
