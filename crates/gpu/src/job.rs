//! One job: checked, written, encoded, submitted.

use kernels::shader::params::Step;
use kernels::{Input, Job, Player, PlayerError, Sampling, Want};

use crate::pipelines::UNIFORM_STRIDE;
use crate::player::{GpuPlayer, Outcome};
use crate::schedule::Part;
use crate::store::{INPUT_IDS, MAX_CHAIN, MAX_RECENT, MAX_ROWS};

/// Slots of the step buffer: the layers', and the first of the head's.
const LAYERS: usize = 0;
const HEAD: usize = 1;

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
        self.write_input(job);
        let step = Step {
            n_rows: n_rows as u32,
            pos: job.pos as u32,
            ids: INPUT_IDS as u32,
            ..Step::default()
        };
        match job.want {
            Want::Nothing => {
                self.evaluate(step, &[], |_, _| {});
                Ok(Outcome::Nothing)
            }
            Want::Hidden => {
                let outcome = Outcome::Hidden { n_rows };
                self.reserve(outcome)?;
                self.evaluate(step, &[], |player, encoder| player.copy_hidden(encoder, n_rows));
                Ok(outcome)
            }
            Want::AllLogits if n_rows > 1 => self.all_logits(step),
            Want::LastLogits | Want::AllLogits => {
                let outcome = Outcome::Logits { n_rows: 1 };
                self.evaluate(step, &[Part::Head], |player, encoder| {
                    player.copy_logits(encoder, 0..1, 1);
                });
                Ok(outcome)
            }
            Want::Tokens { sampling, recent, n_tokens } => {
                self.choose(step, sampling, recent, n_tokens);
                Ok(Outcome::Tokens { n: n_tokens })
            }
        }
    }

    fn write_input(&self, job: &Job<'_>) {
        match job.input {
            Input::Tokens(ids) => {
                let offset = 4 * INPUT_IDS as u64;
                self.gpu.queue.write_buffer(&self.store.ids, offset, bytemuck::cast_slice(ids));
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

    fn write_step(&self, slot: usize, step: &Step) {
        let offset = slot as u64 * UNIFORM_STRIDE;
        self.gpu.queue.write_buffer(&self.store.steps, offset, bytemuck::bytes_of(step));
    }

    /// Plays the layers and then `tail` on the last row, `copy` closing the last command buffer.
    /// One row is one pass and one submit.
    fn evaluate(
        &mut self,
        step: Step,
        tail: &[Part],
        copy: impl FnOnce(&Self, &mut wgpu::CommandEncoder),
    ) {
        self.write_step(LAYERS, &step);
        let mut parts = Vec::with_capacity(1 + tail.len());
        let mut encoder;
        if step.n_rows == 1 {
            encoder = self.encoder();
            parts.push((Part::Decode, step, LAYERS));
            parts.extend(tail.iter().map(|&part| (part, step, LAYERS)));
        } else {
            let last = Step { n_rows: 1, row: step.n_rows - 1, ..step };
            self.write_step(HEAD, &last);
            encoder = self.prefill(step);
            let of_row =
                |&part| (if part == Part::Head { Part::LastHead } else { part }, last, HEAD);
            parts.extend(tail.iter().map(of_row));
        }
        self.pass(&mut encoder, &parts);
        copy(self, &mut encoder);
        self.submit(encoder);
    }

    /// The layers of a chunk in as many submits as the time budget asks; the encoder of the last
    /// one is still open.
    fn prefill(&mut self, step: Step) -> wgpu::CommandEncoder {
        let n = self.schedule.part(Part::Prefill { from: 0, to: usize::MAX }).len();
        let per_submit = n.div_ceil(self.n_submits(step.n_rows as usize)).max(1);
        let mut encoder = self.encoder();
        for from in (0..n).step_by(per_submit) {
            let to = (from + per_submit).min(n);
            self.pass(&mut encoder, &[(Part::Prefill { from, to }, step, LAYERS)]);
            if to < n {
                let full = std::mem::replace(&mut encoder, self.encoder());
                self.submit(full);
            }
        }
        encoder
    }

    /// Logits of all rows, as many at a time as the logits buffer holds.
    fn all_logits(&mut self, step: Step) -> Result<Outcome, PlayerError> {
        let n_rows = step.n_rows as usize;
        let outcome = Outcome::Logits { n_rows };
        self.reserve(outcome)?;
        self.write_step(LAYERS, &step);
        let mut encoder = self.prefill(step);
        let per_piece = self.store.widths.logits_rows;
        for (i, row) in (0..n_rows).step_by(per_piece).enumerate() {
            let n = per_piece.min(n_rows - row);
            let piece = Step { n_rows: n as u32, row: row as u32, ..step };
            self.write_step(HEAD + i, &piece);
            self.pass(&mut encoder, &[(Part::RowsHead, piece, HEAD + i)]);
            self.copy_logits(&mut encoder, row..row + n, n_rows);
        }
        self.submit(encoder);
        Ok(outcome)
    }

    /// Chooses `n_tokens` tokens, each fed to the next step on the device: one submit per token and
    /// nothing read in between.
    fn choose(&mut self, step: Step, sampling: &Sampling, recent: &[u32], n_tokens: usize) {
        let last_n = (sampling.repeat_last_n as usize).min(MAX_RECENT);
        let recent = &recent[recent.len().saturating_sub(last_n)..];
        let penalized = sampling.has_penalties();
        if penalized && !recent.is_empty() {
            let offset = 4 * (MAX_RECENT - recent.len()) as u64;
            self.gpu.queue.write_buffer(&self.store.ids, offset, bytemuck::cast_slice(recent));
        }
        let mut tail = vec![Part::Head];
        if penalized {
            tail.push(Part::Penalize);
        }
        tail.push(if sampling.temperature <= 0.0 { Part::Greedy } else { Part::TopK });
        let first_pos = step.pos + step.n_rows;
        for i in 0..n_tokens {
            let n_recent = (recent.len() + i).min(last_n);
            let chosen = (MAX_RECENT + i) as u32;
            let draw = with_sampling(
                sampling,
                Step {
                    chosen,
                    recent: chosen - n_recent as u32,
                    n_recent: n_recent as u32,
                    draw_pos: first_pos + i as u32,
                    ..step
                },
            );
            let this = if i == 0 {
                draw
            } else {
                Step { n_rows: 1, pos: first_pos + i as u32 - 1, ids: chosen - 1, ..draw }
            };
            let is_last = i + 1 == n_tokens;
            self.evaluate(this, &tail, |player, encoder| {
                if is_last {
                    player.copy_tokens(encoder, n_tokens);
                }
            });
        }
    }
}

pub(crate) fn with_sampling(sampling: &Sampling, step: Step) -> Step {
    Step {
        seed: sampling.seed,
        top_k: sampling.top_k,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        // ln(0) would be an infinity in a uniform; any logit is above this floor.
        min_p_ln: if sampling.min_p > 0.0 { sampling.min_p.ln() } else { -3e38 },
        repeat: sampling.repeat_penalty,
        presence: sampling.presence_penalty,
        frequency: sampling.frequency_penalty,
        ..step
    }
}
