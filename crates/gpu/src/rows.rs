//! One row of each of several sequences: their products are computed together, by the forms for few
//! rows; rotation, cache and attention run once per row, each with a step of its own.
//!
//! The steps lie behind the job's in the step buffer, written in one piece, and are chosen by their
//! offset, so that nothing is made for a token and everything is one command stream.

use kernels::shader::params::Step;
use kernels::{Draw, MAX_SLOTS, PlayerError, RowAt, Want};

use crate::chain::with_sampling;
use crate::encode::Play;
use crate::flight::Outcome;
use crate::job::{LAYERS, outcome_of};
use crate::player::GpuPlayer;
use crate::schedule::Part;
use crate::store::{CHAIN_IDS, MAX_RECENT, recent_of_row};

impl GpuPlayer {
    /// Encodes and submits a step of these rows, at least two; their ids are written.
    pub(crate) fn start_rows(
        &mut self,
        rows: &[RowAt],
        want: Want<'_>,
    ) -> Result<Outcome, PlayerError> {
        let n = rows.len();
        let mut positions = [0; MAX_SLOTS];
        for (i, (row, pos)) in rows.iter().zip(&mut positions).enumerate() {
            *pos = row.pos as u32;
            let step = self.row_step(i, *row);
            let step = match want {
                Want::Choices(draws) => self.draw_step(i, step, draws.get(i)),
                _ => step,
            };
            self.put_step(LAYERS + 1 + i, &step);
        }
        let positions = &positions[..n.min(MAX_SLOTS)];
        let step = Step { n_rows: n as u32, ..Step::default() };
        self.put_step(LAYERS, &step);
        self.write_steps(LAYERS..LAYERS + 1 + n);
        match want {
            Want::AllLogits => return self.all_logits(step, positions),
            Want::Choices(draws) => return Ok(self.choose_rows(step, rows, draws, positions)),
            _ => {}
        }
        let outcome = outcome_of(want, n);
        self.reserve(outcome)?;
        let mut encoder = self.prefill(step, LAYERS, positions);
        match outcome {
            Outcome::Hidden { n_rows } => {
                if self.plan.gives_logits() {
                    self.pass(&mut encoder, &[Play::new(Part::Normed, &step, LAYERS)]);
                }
                self.copy_hidden(&mut encoder, n_rows);
            }
            Outcome::Logits { .. } => {
                let last = Step { n_rows: 1, row: n as u32 - 1, ..step };
                self.pass(&mut encoder, &[Play::new(Part::LastHead, &last, LAYERS + n)]);
                self.copy_logits(&mut encoder, 0..1, 1);
            }
            Outcome::Nothing | Outcome::Tokens { .. } | Outcome::Rows { .. } => {}
        }
        self.submit_encoder(encoder);
        Ok(outcome)
    }

    /// What rotation and attention of row `i` read.
    fn row_step(&self, i: usize, row: RowAt) -> Step {
        let (i, pos) = (i as u32, row.pos as u32);
        Step { n_rows: 1, pos, row: i, logits: i, base: self.base(row.slot), ..Step::default() }
    }

    /// With what the sampler of row `i` reads; its recent ids are written.
    fn draw_step(&self, i: usize, step: Step, draw: Option<&Draw<'_>>) -> Step {
        let Some(Draw { sampling, recent }) = draw else { return step };
        let last_n = match sampling.has_penalties() {
            true => (sampling.repeat_last_n as usize).min(MAX_RECENT),
            false => 0,
        };
        let recent = &recent[recent.len().saturating_sub(last_n)..];
        let at = recent_of_row(self.config, i);
        if !recent.is_empty() {
            let ids = bytemuck::cast_slice(recent);
            self.gpu.queue.write_buffer(&self.store.ids, 4 * at as u64, ids);
        }
        let step = Step {
            chosen: (CHAIN_IDS + i) as u32,
            recent: at as u32,
            n_recent: recent.len() as u32,
            draw_pos: step.pos + 1,
            ..step
        };
        with_sampling(sampling, step)
    }

    fn choose_rows(
        &mut self,
        step: Step,
        rows: &[RowAt],
        draws: &[Draw<'_>],
        positions: &[u32],
    ) -> Outcome {
        let mut encoder = self.prefill(step, LAYERS, positions);
        let mut plays = [Play::new(Part::RowsHead, &step, LAYERS); 1 + 2 * MAX_SLOTS];
        let mut n_plays = 1;
        for (i, (row, draw)) in rows.iter().zip(draws).enumerate() {
            let (step, slot) = (self.row_step(i, *row), LAYERS + 1 + i);
            let last = if draw.sampling.temperature <= 0.0 { Part::Greedy } else { Part::TopK };
            let parts = [Part::Penalize, last];
            for part in &parts[usize::from(!draw.sampling.has_penalties())..] {
                plays[n_plays] = Play::new(*part, &step, slot);
                n_plays += 1;
            }
        }
        self.pass(&mut encoder, &plays[..n_plays]);
        // `abandon` was called before, so there is a buffer.
        let (n, buffer) = (rows.len(), self.flight.buffer().unwrap_or_default());
        self.copy_tokens(&mut encoder, 0, n, buffer);
        self.submit_encoder(encoder);
        Outcome::Tokens { n, buffer }
    }
}
