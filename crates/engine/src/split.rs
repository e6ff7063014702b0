//! Two players as one: the first layers on one device, the last layers and the head on another.
//!
//! The halves know nothing of each other; hidden rows pass between them through the host. That
//! copy is `[n_rows, dim]` floats per job (16 KiB per token for a large model), small against the
//! weights each half reads, so there is no shared memory and no device-specific path.
//!
//! Rows of the cache are not given out: they lie in two players, and only commands split a model.
//!
//! Sampling with feedback crosses the seam for every token, so [`Want::Tokens`] is played here one
//! token at a time.

mod loader;

use std::task::{Context, Poll, ready};

use kernels::{
    Counters, Draw, Input, Job, MAX_SLOTS, OpTime, Peaks, Place, Player, PlayerError, PlayerInfo,
    RowAt, Sampling, Want,
};

pub use loader::SplitLoader;

/// What the running job still has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    First,
    Second,
    FirstPeaks,
    SecondPeaks,
}

/// An owned [`Want`] (what it borrows is in the pair's lists), because the job outlives the call
/// that brought it.
#[derive(Clone, Copy, Debug, Default)]
enum Wanted {
    #[default]
    Nothing,
    Hidden,
    LastLogits,
    AllLogits,
    Tokens {
        sampling: Sampling,
        n_left: usize,
    },
    Choices,
}

/// An owned [`Place`].
#[derive(Clone, Copy, Debug)]
enum Placed {
    Run(RowAt),
    Each,
}

/// The composition of two players; see the module's header.
pub struct Split {
    first: Box<dyn Player>,
    second: Box<dyn Player>,
    stage: Stage,
    wanted: Wanted,
    place: Placed,
    /// Places of the rows, if each has its own.
    rows: Vec<RowAt>,
    n_rows: usize,
    recent: Vec<u32>,
    /// Samplings of the rows, and where their ids end in `recent`.
    draws: Vec<(Sampling, usize)>,
    tokens: Vec<u32>,
    peaks: Option<Peaks>,
}

impl Split {
    /// `first` embeds and gives hidden rows, `second` takes them and gives logits.
    pub fn new(first: Box<dyn Player>, second: Box<dyn Player>) -> Split {
        Split {
            first,
            second,
            stage: Stage::Idle,
            wanted: Wanted::Nothing,
            place: Placed::Each,
            rows: Vec::with_capacity(MAX_SLOTS),
            n_rows: 0,
            recent: Vec::new(),
            draws: Vec::with_capacity(MAX_SLOTS),
            tokens: Vec::new(),
            peaks: None,
        }
    }

    /// Peaks of the pair: the halves work after each other, so what a pass takes at best is the
    /// sum of what its halves take. Halves are weighted by their weights' bytes.
    fn joint_peaks(&self) -> Option<Peaks> {
        let (first, second) = (self.first.peaks()?, self.second.peaks()?);
        let weights = [self.first.info().weight_bytes, self.second.info().weight_bytes];
        let joint = |a: f64, b: f64| {
            let [wa, wb] = weights.map(|bytes| bytes as f64);
            let seconds = wa / a + wb / b;
            if seconds > 0.0 && seconds.is_finite() { (wa + wb) / seconds } else { 0.0 }
        };
        Some(Peaks {
            read_bytes_per_s: joint(first.read_bytes_per_s, second.read_bytes_per_s),
            op_per_s: joint(first.op_per_s, second.op_per_s),
            op_kind: format!("{} + {}", first.op_kind, second.op_kind),
        })
    }

    fn submit_second(&mut self) -> Result<(), PlayerError> {
        let none = Sampling::default();
        let mut draws = [Draw { sampling: &none, recent: &[] }; MAX_SLOTS];
        let mut start = 0;
        for (draw, (sampling, end)) in draws.iter_mut().zip(&self.draws) {
            *draw = Draw { sampling, recent: &self.recent[start..*end] };
            start = *end;
        }
        let want = match &self.wanted {
            Wanted::Nothing => Want::Nothing,
            Wanted::Hidden => Want::Hidden,
            Wanted::LastLogits => Want::LastLogits,
            Wanted::AllLogits => Want::AllLogits,
            Wanted::Tokens { sampling, .. } => {
                Want::Tokens { sampling, recent: &self.recent, n_tokens: 1 }
            }
            Wanted::Choices => Want::Choices(&draws[..self.draws.len().min(MAX_SLOTS)]),
        };
        let place = match self.place {
            Placed::Run(first) => Place::Run(first),
            Placed::Each => Place::Each(&self.rows),
        };
        let job = Job { input: Input::Hidden(self.first.hidden()), place, want };
        self.second.submit(&job)
    }

    /// After the second half: true if another token has to go around.
    fn feed_back(&mut self) -> Result<bool, PlayerError> {
        let Wanted::Tokens { n_left, .. } = &mut self.wanted else {
            return Ok(false);
        };
        let Some(&id) = self.second.tokens().last() else {
            return Ok(false);
        };
        self.tokens.push(id);
        self.recent.push(id);
        *n_left = n_left.saturating_sub(1);
        if *n_left == 0 {
            return Ok(false);
        }
        let Placed::Run(first) = &mut self.place else {
            return Ok(false);
        };
        first.pos += self.n_rows;
        self.n_rows = 1;
        let place = Place::Run(*first);
        let job = Job { input: Input::Tokens(&[id]), place, want: Want::Hidden };
        self.first.submit(&job)?;
        Ok(true)
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        loop {
            match self.stage {
                Stage::Idle => return Poll::Ready(Ok(())),
                Stage::First => {
                    ready!(self.first.poll(cx))?;
                    self.submit_second()?;
                    self.stage = Stage::Second;
                }
                Stage::Second => {
                    ready!(self.second.poll(cx))?;
                    let again = self.feed_back()?;
                    self.stage = if again { Stage::First } else { Stage::Idle };
                }
                Stage::FirstPeaks => {
                    ready!(self.first.poll(cx))?;
                    self.second.submit_peaks()?;
                    self.stage = Stage::SecondPeaks;
                }
                Stage::SecondPeaks => {
                    ready!(self.second.poll(cx))?;
                    self.peaks = self.joint_peaks();
                    self.stage = Stage::Idle;
                }
            }
        }
    }
}

impl Player for Split {
    fn info(&self) -> PlayerInfo {
        let (first, second) = (self.first.info(), self.second.info());
        PlayerInfo {
            device: format!("{}+{}", first.device, second.device),
            name: format!("{} + {}", first.name, second.name),
            kernels: first.kernels.into_iter().chain(second.kernels).collect(),
            weight_bytes: first.weight_bytes + second.weight_bytes,
            kv_bytes: first.kv_bytes + second.kv_bytes,
            scratch_bytes: first.scratch_bytes + second.scratch_bytes,
        }
    }

    fn max_rows(&self) -> usize {
        self.first.max_rows().min(self.second.max_rows())
    }

    fn can_sample(&self, sampling: &Sampling) -> bool {
        self.second.can_sample(sampling)
    }

    fn submit(&mut self, job: &Job<'_>) -> Result<(), PlayerError> {
        self.stage = Stage::Idle;
        self.tokens.clear();
        self.recent.clear();
        self.draws.clear();
        self.rows.clear();
        self.place = match job.place {
            Place::Run(first) => Placed::Run(first),
            Place::Each(rows) => {
                self.rows.extend_from_slice(rows);
                Placed::Each
            }
        };
        self.wanted = match job.want {
            Want::Nothing => Wanted::Nothing,
            Want::Hidden => Wanted::Hidden,
            Want::LastLogits => Wanted::LastLogits,
            Want::AllLogits => Wanted::AllLogits,
            Want::Tokens { sampling, recent, n_tokens } => {
                self.recent.extend_from_slice(recent);
                Wanted::Tokens { sampling: *sampling, n_left: n_tokens }
            }
            Want::Choices(draws) => {
                for draw in draws {
                    self.recent.extend_from_slice(draw.recent);
                    self.draws.push((*draw.sampling, self.recent.len()));
                }
                Wanted::Choices
            }
        };
        self.first.submit(&Job { want: Want::Hidden, ..*job })?;
        self.n_rows = match job.input {
            Input::Tokens(ids) => ids.len(),
            // Only the number of tokens fed back depends on it, and hidden rows are never fed back.
            Input::Hidden(_) => 0,
        };
        self.stage = Stage::First;
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        let result = ready!(self.advance(cx));
        self.stage = Stage::Idle;
        Poll::Ready(result)
    }

    fn logits(&self) -> &[f32] {
        self.second.logits()
    }

    fn hidden(&self) -> &[f32] {
        self.second.hidden()
    }

    fn tokens(&self) -> &[u32] {
        match self.wanted {
            Wanted::Choices => self.second.tokens(),
            _ => &self.tokens,
        }
    }

    fn counters(&self) -> Counters {
        let (a, b) = (self.first.counters(), self.second.counters());
        Counters {
            submits: a.submits + b.submits,
            passes: a.passes + b.passes,
            dispatches: a.dispatches + b.dispatches,
            objects_created: a.objects_created + b.objects_created,
            bytes_read_back: a.bytes_read_back + b.bytes_read_back,
            encode_ns: a.encode_ns + b.encode_ns,
        }
    }

    fn set_profiling(&mut self, on: bool) {
        self.first.set_profiling(on);
        self.second.set_profiling(on);
    }

    fn profile(&self) -> Vec<OpTime> {
        let mut times = self.first.profile();
        times.extend(self.second.profile());
        times
    }

    fn submit_peaks(&mut self) -> Result<(), PlayerError> {
        self.peaks = None;
        self.first.submit_peaks()?;
        self.stage = Stage::FirstPeaks;
        Ok(())
    }

    fn peaks(&self) -> Option<&Peaks> {
        self.peaks.as_ref()
    }
}
