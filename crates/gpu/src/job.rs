//! One job: checked, written, encoded, submitted.

use std::ops::Range;

use kernels::shader::params::Step;
use kernels::{Input, Job, Player, PlayerError, Want};

use crate::encode::Play;
use crate::flight::Outcome;
use crate::pipelines::UNIFORM_STRIDE;
use crate::player::GpuPlayer;
use crate::schedule::Part;
use crate::store::{CHAIN_SLOTS, MAX_CHAIN, MAX_ROWS};

/// Slot of the step of a job that is no chain.
const LAYERS: usize = 0;
/// First slot of the steps of a prompt's heads.
const HEAD: usize = CHAIN_SLOTS;
/// Most lists in one pass: the layers, the head, penalties, the sampler.
const MAX_PLAYS: usize = 4;

impl GpuPlayer {
    /// The number of rows, or why the job cannot run.
    pub(crate) fn check(&self, job: &Job<'_>) -> Result<usize, PlayerError> {
        self.gpu.health.check()?;
        let unsupported = |what: &str| PlayerError::Unsupported {
            device: self.gpu.name(),
            what: what.to_string(),
        };
        let n_rows = match job.input {
            Input::Tokens(ids) if self.plan.takes_tokens() => {
                let n_vocab = self.plan.dims.n_vocab;
                if let Some(&id) = ids.iter().find(|&&id| id as usize >= n_vocab) {
                    return Err(PlayerError::Token { id, n_vocab });
                }
                ids.len()
            }
            Input::Hidden(x) if !self.plan.takes_tokens() => x.len() / self.plan.dims.dim,
            _ => return Err(unsupported("the other kind of input")),
        };
        if n_rows == 0 || n_rows > MAX_ROWS {
            return Err(PlayerError::Rows { n_rows, max_rows: MAX_ROWS });
        }
        let mut end = job.pos.saturating_add(n_rows);
        let gives_logits = self.plan.gives_logits();
        match job.want {
            Want::Hidden if gives_logits => {
                return Err(unsupported("the hidden rows of a model with a head"));
            }
            Want::LastLogits | Want::AllLogits | Want::Tokens { .. } if !gives_logits => {
                return Err(unsupported("the logits of a model without a head"));
            }
            Want::Tokens { n_tokens, sampling, .. } => {
                if !self.can_sample(sampling) {
                    return Err(unsupported("a sampler with these settings"));
                }
                if n_tokens == 0 || n_tokens > MAX_CHAIN {
                    return Err(PlayerError::Rows { n_rows: n_tokens, max_rows: MAX_CHAIN });
                }
                // The last token is chosen but not evaluated.
                end = end.saturating_add(n_tokens - 1);
            }
            _ => {}
        }
        if end > self.config.n_ctx {
            return Err(PlayerError::Context { pos: end - 1, n_ctx: self.config.n_ctx });
        }
        Ok(n_rows)
    }

    /// Encodes and submits; says what will come back.
    pub(crate) fn start(&mut self, job: &Job<'_>, n_rows: usize) -> Result<Outcome, PlayerError> {
        self.chain = None;
        self.write_input(job);
        let step = Step { n_rows: n_rows as u32, pos: job.pos as u32, ..Step::default() };
        if let Want::Tokens { sampling, recent, n_tokens } = job.want {
            return Ok(self.start_chain(step, sampling, recent, n_tokens));
        }
        if let (Want::AllLogits, 2..) = (job.want, n_rows) {
            return self.all_logits(step);
        }
        let outcome = match job.want {
            Want::Nothing | Want::Tokens { .. } => Outcome::Nothing,
            Want::Hidden => Outcome::Hidden { n_rows },
            Want::LastLogits | Want::AllLogits => Outcome::Logits { n_rows: 1 },
        };
        self.reserve(outcome)?;
        self.put_step(LAYERS, &step);
        self.write_steps(LAYERS..LAYERS + 1);
        let tail: &[Part] =
            if matches!(outcome, Outcome::Logits { .. }) { &[Part::Head] } else { &[] };
        self.evaluate(step, LAYERS, tail, |player, encoder| match outcome {
            Outcome::Hidden { n_rows } => player.copy_hidden(encoder, n_rows),
            Outcome::Logits { .. } => player.copy_logits(encoder, 0..1, 1),
            Outcome::Nothing | Outcome::Tokens { .. } => {}
        });
        Ok(outcome)
    }

    fn write_input(&self, job: &Job<'_>) {
        match job.input {
            Input::Tokens(ids) => {
                self.gpu.queue.write_buffer(&self.store.ids, 0, bytemuck::cast_slice(ids));
            }
            Input::Hidden(x) => {
                let (dim, width) = (self.plan.dims.dim, self.store.widths.x);
                for (i, row) in x.chunks_exact(dim).enumerate() {
                    let offset = (4 * i * width) as u64;
                    let row = bytemuck::cast_slice(row);
                    self.gpu.queue.write_buffer(&self.store.x[0], offset, row);
                }
            }
        }
    }

    /// Puts a step where [`GpuPlayer::write_steps`] takes it from.
    pub(crate) fn put_step(&mut self, slot: usize, step: &Step) {
        let bytes = bytemuck::bytes_of(step);
        let at = slot * UNIFORM_STRIDE as usize;
        if let Some(out) = self.steps.get_mut(at..at + bytes.len()) {
            out.copy_from_slice(bytes);
        }
    }

    /// Writes slots of the step buffer, in one piece.
    pub(crate) fn write_steps(&self, slots: Range<usize>) {
        let stride = UNIFORM_STRIDE as usize;
        if let Some(bytes) = self.steps.get(slots.start * stride..slots.end * stride) {
            let offset = slots.start as u64 * UNIFORM_STRIDE;
            self.gpu.queue.write_buffer(&self.store.steps, offset, bytes);
        }
    }

    /// Plays the layers and then `tail` on the last row, `copy` closing the last command buffer.
    /// `step` is already in its slot. One row is one pass and one submit.
    pub(crate) fn evaluate(
        &mut self,
        step: Step,
        slot: usize,
        tail: &[Part],
        copy: impl FnOnce(&Self, &mut wgpu::CommandEncoder),
    ) {
        let layers = Play::new(Part::Decode, &step, slot);
        let mut plays = [layers; MAX_PLAYS];
        let n = 1 + tail.len();
        let mut encoder;
        if step.n_rows == 1 {
            encoder = self.encoder();
            for (play, &part) in plays.iter_mut().skip(1).zip(tail) {
                play.part = part;
            }
            self.pass(&mut encoder, &plays[..n]);
        } else {
            let last = Step { n_rows: 1, row: step.n_rows - 1, ..step };
            self.put_step(HEAD, &last);
            self.write_steps(HEAD..HEAD + 1);
            encoder = self.prefill(step, slot);
            for (play, &part) in plays.iter_mut().skip(1).zip(tail) {
                let part = if part == Part::Head { Part::LastHead } else { part };
                *play = Play::new(part, &last, HEAD);
            }
            self.pass(&mut encoder, &plays[1..n]);
        }
        copy(self, &mut encoder);
        self.submit_encoder(encoder);
    }

    /// The layers of a chunk in as many submits as the time budget asks; the encoder of the last
    /// one is still open.
    fn prefill(&mut self, step: Step, slot: usize) -> wgpu::CommandEncoder {
        let n = self.schedule.part(Part::Prefill { from: 0, to: usize::MAX }).len();
        let per_submit = n.div_ceil(self.n_submits(step.n_rows as usize)).max(1);
        let mut encoder = self.encoder();
        for from in (0..n).step_by(per_submit) {
            let to = (from + per_submit).min(n);
            self.pass(&mut encoder, &[Play::new(Part::Prefill { from, to }, &step, slot)]);
            if to < n {
                let full = std::mem::replace(&mut encoder, self.encoder());
                self.submit_encoder(full);
            }
        }
        encoder
    }

    /// Logits of all rows, as many at a time as the logits buffer holds.
    fn all_logits(&mut self, step: Step) -> Result<Outcome, PlayerError> {
        let n_rows = step.n_rows as usize;
        let outcome = Outcome::Logits { n_rows };
        self.reserve(outcome)?;
        let per_piece = self.store.widths.logits_rows;
        let piece = |i: usize| {
            let row = i * per_piece;
            let n = per_piece.min(n_rows - row);
            (row, n, Step { n_rows: n as u32, row: row as u32, ..step })
        };
        let n_pieces = n_rows.div_ceil(per_piece);
        self.put_step(LAYERS, &step);
        self.write_steps(LAYERS..LAYERS + 1);
        for i in 0..n_pieces {
            self.put_step(HEAD + i, &piece(i).2);
        }
        self.write_steps(HEAD..HEAD + n_pieces);
        let mut encoder = self.prefill(step, LAYERS);
        for i in 0..n_pieces {
            let (row, n, step) = piece(i);
            self.pass(&mut encoder, &[Play::new(Part::RowsHead, &step, HEAD + i)]);
            self.copy_logits(&mut encoder, row..row + n, n_rows);
        }
        self.submit_encoder(encoder);
        Ok(outcome)
    }
}
