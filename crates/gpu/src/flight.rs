//! Jobs that were submitted and not yet read, and how their results come back.
//!
//! Usually one. A chain of tokens may have [`MAX_JOBS`] of them: each has a read-back buffer of its
//! own, and the oldest is waited for alone, so that the device has work while the host reads.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use kernels::PlayerError;
use wgpu::Buffer;

use crate::platform;
use crate::player::GpuPlayer;
use crate::signal::Signal;
use crate::store::MAX_JOBS;

/// What a job leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Nothing,
    Hidden {
        n_rows: usize,
    },
    Logits {
        n_rows: usize,
    },
    /// Of the cache, of so many positions.
    Rows {
        n: usize,
    },
    /// In the read-back buffer with this number.
    Tokens {
        n: usize,
        buffer: usize,
    },
}

/// A job that was submitted.
struct Running {
    outcome: Outcome,
    started_ms: f64,
    n_rows: usize,
    /// Its last submit.
    submit: Option<wgpu::SubmissionIndex>,
}

/// The queue, oldest first.
pub struct Flight {
    queue: VecDeque<Running>,
    /// One per buffer for tokens, and one for all other results.
    signals: [Signal; MAX_JOBS + 1],
    /// The buffer that the next tokens go to.
    next: usize,
}

impl Default for Flight {
    fn default() -> Self {
        let queue = VecDeque::with_capacity(MAX_JOBS);
        Flight { queue, signals: Default::default(), next: 0 }
    }
}

impl Flight {
    /// A buffer for the tokens of one more job, if there is one.
    pub fn buffer(&mut self) -> Option<usize> {
        let free = self.queue.len() < MAX_JOBS;
        self.next = (self.next + usize::from(free)) % MAX_JOBS;
        free.then_some(self.next)
    }

    fn signal(&self, outcome: Outcome) -> &Signal {
        match outcome {
            Outcome::Tokens { buffer, .. } => &self.signals[buffer],
            _ => &self.signals[MAX_JOBS],
        }
    }
}

impl GpuPlayer {
    /// Bytes the outcome needs in its read-back buffer.
    pub(crate) fn outcome_bytes(&self, outcome: Outcome) -> u64 {
        let words = match outcome {
            Outcome::Nothing => 0,
            Outcome::Hidden { n_rows } => n_rows * self.plan.dims.dim,
            Outcome::Logits { n_rows } => n_rows * self.plan.dims.n_vocab,
            Outcome::Tokens { n, .. } => n,
            Outcome::Rows { n } => return n as u64 * self.device_position_bytes(),
        };
        4 * words as u64
    }

    /// Makes room for an outcome that is larger than the usual ones.
    pub(crate) fn reserve(&mut self, outcome: Outcome) -> Result<(), PlayerError> {
        let need = self.outcome_bytes(outcome);
        let has = self.wide.as_ref().map_or(self.store.readback.size(), Buffer::size);
        if need <= has {
            return Ok(());
        }
        let have = self.gpu.limits.max_buffer_size;
        let what = "the read-back of all rows".to_string();
        if need > have {
            return Err(PlayerError::Memory { device: self.gpu.name(), what, need, have });
        }
        self.gpu.health.requesting(&what, need);
        self.counters.objects_created += 1;
        self.wide = Some(self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("wide readback"),
            size: need,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        }));
        self.gpu.health.check()
    }

    pub(crate) fn readback(&self, need: u64) -> &Buffer {
        match &self.wide {
            Some(wide) if need > self.store.readback.size() => wide,
            _ => &self.store.readback,
        }
    }

    fn buffer_of(&self, outcome: Outcome) -> &Buffer {
        match outcome {
            Outcome::Tokens { buffer, .. } => &self.store.chosen[buffer],
            _ => self.readback(self.outcome_bytes(outcome)),
        }
    }

    /// Asks for the results of what was submitted (or, without any, for the end of the work).
    pub(crate) fn request(&mut self, outcome: Outcome, n_rows: usize, started_ms: f64) {
        let signal = self.flight.signal(outcome).clone();
        let ticket = signal.reset();
        let bytes = self.outcome_bytes(outcome);
        if bytes == 0 {
            self.gpu.queue.on_submitted_work_done(move || signal.raise(ticket, Ok(())));
        } else {
            let done = move |result: Result<(), wgpu::BufferAsyncError>| {
                signal.raise(ticket, result.map_err(|e| e.to_string()));
            };
            self.buffer_of(outcome).slice(..bytes).map_async(wgpu::MapMode::Read, done);
        }
        if let Some(profile) = &mut self.profile {
            profile.request();
        }
        if let Some(tapped) = &mut self.tap {
            tapped.request();
        }
        let submit = self.last_submit.clone();
        self.flight.queue.push_back(Running { outcome, started_ms, n_rows, submit });
    }

    /// Gives up the results of all jobs; the device still finishes them, before any later job.
    pub(crate) fn abandon(&mut self) {
        while let Some(running) = self.flight.queue.pop_front() {
            self.flight.signal(running.outcome).reset();
            if self.outcome_bytes(running.outcome) > 0 {
                self.buffer_of(running.outcome).unmap();
            }
        }
        if let Some(profile) = &mut self.profile {
            profile.abandon();
        }
        if let Some(tapped) = &mut self.tap {
            tapped.abandon();
        }
    }

    /// Ready when the oldest job is done and its results have been taken over.
    pub(crate) fn poll_oldest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        let Some(running) = self.flight.queue.front() else {
            return Poll::Ready(self.gpu.health.check());
        };
        // Kept, so that those hear of it who did not wait for this job.
        let health = self.gpu.health.clone();
        let lost = |reason| {
            health.fail(PlayerError::DeviceLost { reason });
            health.check()
        };
        if let Err(reason) = platform::wait(&self.gpu.device, running.submit.clone()) {
            self.flight.queue.clear();
            return Poll::Ready(lost(reason));
        }
        let times = self.profile.as_mut().map_or(Poll::Ready(Ok(())), |p| p.poll(cx));
        let shown = self.tap.as_mut().map_or(Poll::Ready(Ok(())), |tapped| tapped.poll(cx));
        let outcome = match (self.flight.signal(running.outcome).poll(cx), times, shown) {
            (Poll::Ready(done), Poll::Ready(times), Poll::Ready(shown)) => {
                done.and(times).and(shown)
            }
            _ => return Poll::Pending,
        };
        let Some(running) = self.flight.queue.pop_front() else {
            return Poll::Ready(Ok(()));
        };
        if let Err(reason) = outcome {
            return Poll::Ready(lost(reason));
        }
        let received = self.receive(running.outcome);
        self.adapt(running.n_rows, self.now_ms() - running.started_ms);
        Poll::Ready(received.and_then(|()| self.gpu.health.check()))
    }

    fn receive(&mut self, outcome: Outcome) -> Result<(), PlayerError> {
        let bytes = self.outcome_bytes(outcome);
        if bytes == 0 {
            return Ok(());
        }
        let buffer = self.buffer_of(outcome).clone();
        let view = buffer
            .slice(..bytes)
            .get_mapped_range()
            .map_err(|e| PlayerError::Device { device: self.gpu.name(), reason: e.to_string() })?;
        match outcome {
            Outcome::Nothing => {}
            Outcome::Hidden { .. } => fill(&mut self.hidden, &view),
            Outcome::Logits { .. } => fill(&mut self.logits, &view),
            Outcome::Tokens { .. } => fill(&mut self.tokens, &view),
            Outcome::Rows { n } => self.take_rows(n, &view),
        }
        drop(view);
        buffer.unmap();
        self.counters.bytes_read_back += bytes;
        Ok(())
    }
}

fn fill<T: bytemuck::Pod>(out: &mut Vec<T>, bytes: &[u8]) {
    out.clear();
    out.extend_from_slice(bytemuck::cast_slice(bytes));
}
