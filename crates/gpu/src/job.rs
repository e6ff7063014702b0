//! One job: checked, written, encoded, submitted.

use std::ops::Range;

use kernels::check::Bounds;
use kernels::shader::params::Step;
use kernels::{Draw, Input, Job, Place, Player, PlayerError, Want};

use crate::encode::Play;
use crate::flight::Outcome;
use crate::pipelines::UNIFORM_STRIDE;
use crate::player::GpuPlayer;
use crate::schedule::Part;
use crate::store::{CHAIN_SLOTS, MAX_CHAIN};

/// Slot of the step of a job that is no chain; those of its rows, if each is of another sequence,
/// follow it.
pub(crate) const LAYERS: usize = 0;
/// First slot of the steps of a prompt's heads.
const HEAD: usize = CHAIN_SLOTS;
/// Most lists in one pass: the layers, the head, penalties, the sampler.
const MAX_PLAYS: usize = 4;

impl GpuPlayer {
    /// The number of rows, or why the job cannot run.
    pub(crate) fn check(&self, job: &Job<'_>) -> Result<usize, PlayerError> {
        self.gpu.health.check()?;
        let GpuPlayer { plan, config, name, .. } = self;
        let max_rows = self.max_rows();
        let n_rows = Bounds { plan, config, max_rows, device: name }.check(job)?;
        let all = |draws: &[Draw<'_>]| draws.iter().all(|draw| self.can_sample(draw.sampling));
        let can_sample = match job.want {
            Want::Tokens { sampling, n_tokens, .. } => {
                if n_tokens == 0 || n_tokens > MAX_CHAIN {
                    return Err(PlayerError::Rows { n_rows: n_tokens, max_rows: MAX_CHAIN });
                }
                self.can_sample(sampling)
            }
            Want::Choices(draws) => all(draws),
            _ => true,
        };
        if !can_sample {
            let (device, what) = (name.clone(), "a sampler with these settings".into());
            return Err(PlayerError::Unsupported { device, what });
        }
        Ok(n_rows)
    }

    /// Where the positions of a slot begin in the cache.
    pub(crate) fn base(&self, slot: usize) -> u32 {
        (slot * self.config.n_ctx) as u32
    }

    /// Encodes and submits; says what will come back.
    pub(crate) fn start(&mut self, job: &Job<'_>, n_rows: usize) -> Result<Outcome, PlayerError> {
        self.chain = None;
        self.write_input(job);
        let first = match job.place {
            Place::Each(rows @ [_, _, ..]) => return self.start_rows(rows, job.want),
            place => place.row(0),
        };
        let (pos, base) = (first.pos as u32, self.base(first.slot));
        let step = Step { n_rows: n_rows as u32, pos, base, ..Step::default() };
        match job.want {
            Want::Tokens { sampling, recent, n_tokens } => {
                return Ok(self.start_chain(step, sampling, recent, n_tokens));
            }
            Want::Choices(&[Draw { sampling, recent }]) => {
                return Ok(self.start_chain(step, sampling, recent, 1));
            }
            _ => {}
        }
        if let (Want::AllLogits, 2..) = (job.want, n_rows) {
            return self.all_logits(step, &[]);
        }
        let outcome = outcome_of(job.want, n_rows);
        self.reserve(outcome)?;
        self.put_step(LAYERS, &step);
        self.write_steps(LAYERS..LAYERS + 1);
        let has_head = self.plan.gives_logits();
        let tail: &[Part] = match outcome {
            Outcome::Logits { .. } => &[Part::Head],
            Outcome::Hidden { .. } if has_head => &[Part::Normed],
            _ => &[],
        };
        self.evaluate(step, LAYERS, tail, |player, encoder| match outcome {
            Outcome::Hidden { n_rows } => player.copy_hidden(encoder, n_rows),
            Outcome::Logits { .. } => player.copy_logits(encoder, 0..1, 1),
            Outcome::Nothing | Outcome::Tokens { .. } | Outcome::Rows { .. } => {}
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
        if let [Part::Normed] = tail {
            // Of all rows, and from where the plain list leaves them.
            encoder = self.prefill(step, slot, &[]);
            self.pass(&mut encoder, &[Play::new(Part::Normed, &step, slot)]);
        } else if step.n_rows == 1 && self.tap.is_none() {
            encoder = self.encoder();
            for (play, &part) in plays.iter_mut().skip(1).zip(tail) {
                play.part = part;
            }
            self.pass(&mut encoder, &plays[..n]);
        } else {
            let last = Step { n_rows: 1, row: step.n_rows - 1, ..step };
            self.put_step(HEAD, &last);
            self.write_steps(HEAD..HEAD + 1);
            encoder = self.prefill(step, slot, &[]);
            if self.tap.is_some() && tail.first() == Some(&Part::Head) {
                self.pass(&mut encoder, &[Play::new(Part::Normed, &last, HEAD)]);
                self.show_head(&mut encoder, last.row as usize..step.n_rows as usize);
            }
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
    pub(crate) fn prefill(
        &mut self,
        step: Step,
        slot: usize,
        rows: &[u32],
    ) -> wgpu::CommandEncoder {
        let all = Part::Prefill { from: 0, to: usize::MAX };
        if self.tap.is_some() {
            return self.prefill_tapped(Play::of_rows(all, &step, slot, rows));
        }
        let n = self.schedule.part(all).len();
        // Rows of several sequences are a step like a token's, however many there are.
        let n_submits = if rows.is_empty() { self.n_submits(step.n_rows as usize) } else { 1 };
        let per_submit = n.div_ceil(n_submits).max(1);
        let mut encoder = self.encoder();
        for from in (0..n).step_by(per_submit) {
            let to = (from + per_submit).min(n);
            let part = Part::Prefill { from, to };
            self.pass(&mut encoder, &[Play::of_rows(part, &step, slot, rows)]);
            if to < n {
                let full = std::mem::replace(&mut encoder, self.encoder());
                self.submit_encoder(full);
            }
        }
        encoder
    }

    /// Logits of all rows, as many at a time as the logits buffer holds.
    pub(crate) fn all_logits(&mut self, step: Step, rows: &[u32]) -> Result<Outcome, PlayerError> {
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
        let mut encoder = self.prefill(step, LAYERS, rows);
        for i in 0..n_pieces {
            let (row, n, step) = piece(i);
            self.pass(&mut encoder, &[Play::new(Part::RowsHead, &step, HEAD + i)]);
            self.copy_logits(&mut encoder, row..row + n, n_rows);
        }
        self.show_head(&mut encoder, 0..n_rows);
        self.submit_encoder(encoder);
        Ok(outcome)
    }
}

/// What comes back of a job that chooses no tokens.
pub(crate) fn outcome_of(want: Want<'_>, n_rows: usize) -> Outcome {
    match want {
        Want::Nothing | Want::Tokens { .. } | Want::Choices(_) => Outcome::Nothing,
        Want::Hidden => Outcome::Hidden { n_rows },
        Want::LastLogits | Want::AllLogits => Outcome::Logits { n_rows: 1 },
    }
}
