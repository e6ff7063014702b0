//! The jobs of a timed run: chunks that are read, tokens that are written alone or together.

use kernels::{Draw, Input, Job, MAX_SLOTS, Place, RowAt, Sampling, Want};

use super::run::{Bench, Stop, WARM_UP_TOKENS};
use super::settings::Test;
use super::stats::Stats;
use crate::request::MAX_TOKENS_PER_JOB;

/// What a job starts from.
#[derive(Clone, Copy)]
enum Rows {
    /// This id.
    One(u32),
    /// So many of our ids.
    Many(usize),
}

impl Bench<'_> {
    /// Reads `n` tokens from `pos` on; with `choose` a token is chosen after the last.
    pub(super) async fn read(&mut self, pos: usize, n: usize, choose: bool) -> Result<(), Stop> {
        for at in (0..n).step_by(self.n_batch) {
            self.look().await?;
            let n_rows = self.n_batch.min(n - at);
            let chooses = choose && at + n_rows == n;
            self.submit(Rows::Many(n_rows), pos + at, usize::from(chooses))?;
            self.wait().await?;
        }
        Ok(())
    }

    /// Writes `n` tokens from `pos` on, each fed back; a device that can is never kept waiting.
    pub(super) async fn write(&mut self, pos: usize, n: usize) -> Result<(), Stop> {
        self.queue.clear();
        let many = self.settings.tokens_per_job.clamp(1, MAX_TOKENS_PER_JOB);
        let mut last = self.ids.first().copied().unwrap_or(0);
        let (mut done, mut submitted) = (0, 0);
        while done < n {
            self.look().await?;
            if submitted == done {
                let n_tokens = many.min(n - done);
                submitted += self.submit(Rows::One(last), pos + done, n_tokens)?;
                self.queue.push_back(submitted);
            }
            while submitted < n {
                let n_tokens = many.min(n - submitted);
                if !self.session.player.submit_next(n_tokens)? {
                    break;
                }
                submitted += n_tokens;
                self.queue.push_back(submitted);
            }
            self.wait().await?;
            last = self.session.player.tokens().last().copied().unwrap_or(last);
            done = self.queue.pop_front().unwrap_or(submitted);
        }
        Ok(())
    }

    /// Writes `n` tokens of each of several sequences, one of each at a time.
    pub(super) async fn write_together(
        &mut self,
        n_slots: usize,
        pos: usize,
        n: usize,
    ) -> Result<(), Stop> {
        let n_slots = n_slots.min(MAX_SLOTS);
        let sampling = Sampling::default();
        let draws = [Draw { sampling: &sampling, recent: &[] }; MAX_SLOTS];
        let mut ids: [u32; MAX_SLOTS] =
            std::array::from_fn(|i| self.ids.get(i).or(self.ids.first()).copied().unwrap_or(0));
        let want = match self.session.player.can_sample(&sampling) {
            true => Want::Choices(&draws[..n_slots]),
            false => Want::AllLogits,
        };
        for pos in pos..pos + n {
            self.look().await?;
            let rows: [RowAt; MAX_SLOTS] = std::array::from_fn(|slot| RowAt { slot, pos });
            let (input, place) = (Input::Tokens(&ids[..n_slots]), Place::Each(&rows[..n_slots]));
            self.session.player.submit(&Job { input, place, want })?;
            self.wait().await?;
            ids.iter_mut().zip(self.session.player.tokens()).for_each(|(id, new)| *id = *new);
        }
        Ok(())
    }

    /// Microseconds that the host spends on a token: the median of some that are written one by
    /// one, because a device that computes on the host's processor works off a queue of jobs inside
    /// of the next submit. `None` for players that spent nothing beside computing so far, or were
    /// not used yet.
    pub(super) async fn host_time(&mut self, test: &Test) -> Result<Option<f64>, Stop> {
        if self.session.counters().encode_ns == 0 {
            return Ok(None);
        }
        let mut times = Vec::new();
        for i in 0..test.n_gen.min(WARM_UP_TOKENS) {
            self.look().await?;
            let before = self.session.counters().encode_ns;
            self.submit(Rows::One(0), test.depth + test.n_prompt + i, 1)?;
            let spent = self.session.counters().encode_ns.saturating_sub(before);
            self.wait().await?;
            times.push(spent as f64 / 1000.0);
        }
        Ok((!times.is_empty()).then(|| Stats::of(&times).median))
    }

    /// Starts a job; `n_tokens` are chosen after its rows, or none. Gives how many tokens it
    /// writes: 1 where the device cannot choose, and only computes the logits.
    fn submit(&mut self, rows: Rows, pos: usize, n_tokens: usize) -> Result<usize, Stop> {
        let sampling = Sampling::default();
        let player = &mut self.session.player;
        let can_choose = player.can_sample(&sampling);
        let want = match n_tokens {
            _ if self.only_embeds => Want::Hidden,
            0 => Want::Nothing,
            _ if can_choose => Want::Tokens { sampling: &sampling, recent: &[], n_tokens },
            _ => Want::LastLogits,
        };
        let one;
        let ids = match rows {
            Rows::One(id) => {
                one = [id];
                &one[..]
            }
            Rows::Many(n) => &self.ids[..n.min(self.ids.len())],
        };
        player.submit(&Job {
            input: Input::Tokens(ids),
            place: Place::Run(RowAt { slot: self.slot, pos }),
            want,
        })?;
        Ok(if can_choose { n_tokens } else { n_tokens.min(1) })
    }

    async fn wait(&mut self) -> Result<(), Stop> {
        let player = &mut self.session.player;
        Ok(std::future::poll_fn(|cx| player.poll(cx)).await?)
    }
}
