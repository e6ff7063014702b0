//! The fake player: its logits follow from the ids it really has in its cache. It queues jobs, as a
//! GPU does, where a test asks for that.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::rc::Rc;
use std::task::{Context, Poll};

use engine::Session;
use gguf::Gguf;
use kernels::{
    Counters, Input, Job, Loader, Peaks, Plan, Player, PlayerConfig, PlayerError, PlayerInfo,
    ReadRows, RowAt, Sampling, Want, WeightId,
};

use super::{DIM, EOS, N_VOCAB, block_on, env, gguf};

/// `(pos, n_rows, what was wanted)`.
pub type JobLog = Rc<RefCell<Vec<(usize, usize, &'static str)>>>;

/// What a fake player is made of.
#[derive(Clone)]
pub struct Fake {
    /// Logits after the ids in the cache.
    pub rule: fn(&[u32], &mut [f32]),
    /// Used instead of the rule if not empty: the ids to give after a prompt of this length.
    pub script: Vec<u32>,
    pub prompt_len: usize,
    pub max_rows: usize,
    pub can_sample: bool,
    /// Jobs it queues behind one that chooses tokens.
    pub queue: usize,
    pub log: JobLog,
    /// Bytes written by weight.
    pub written: Rc<RefCell<Vec<u64>>>,
    /// What measuring the peaks gives, in turn; nothing when it is empty.
    pub peaks: Rc<RefCell<Vec<Peaks>>>,
    /// The device goes away when this many jobs were done.
    pub max_jobs: Option<usize>,
    /// What each job costs the host.
    pub encode_ns: u64,
}

impl Default for Fake {
    fn default() -> Fake {
        Fake {
            rule: hash_rule,
            script: Vec::new(),
            prompt_len: 0,
            max_rows: 8,
            can_sample: false,
            queue: 0,
            log: JobLog::default(),
            written: Rc::default(),
            peaks: Rc::default(),
            max_jobs: None,
            encode_ns: 0,
        }
    }
}

/// Logits that depend on every id and its place; never the end token.
pub fn hash_rule(ids: &[u32], logits: &mut [f32]) {
    let mut state = 17u32;
    for &id in ids {
        state = (state ^ id).wrapping_mul(2_654_435_761).rotate_left(13);
    }
    for (i, logit) in logits.iter_mut().enumerate() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *logit = if i < 3 { -9.0 } else { (state >> 8) as f32 / (1 << 21) as f32 };
    }
}

impl Fake {
    /// Gives `script` after a prompt of `prompt_len` ids, then the end token.
    pub fn script(prompt_len: usize, script: &[u32]) -> Fake {
        Fake { script: script.to_vec(), prompt_len, ..Fake::default() }
    }

    pub fn session(&self, n_ctx: usize) -> Session {
        self.session_of(gguf(None), n_ctx)
    }

    pub fn session_of(&self, gguf: Gguf, n_ctx: usize) -> Session {
        self.session_with(gguf, n_ctx, 1)
    }

    pub fn session_with(&self, gguf: Gguf, n_ctx: usize, n_slots: usize) -> Session {
        let opened = engine::open(gguf).unwrap();
        let config = PlayerConfig { n_ctx, n_slots, kv: kernels::KvType::F32, n_threads: 1 };
        let progress = |_, _| ControlFlow::Continue(());
        let make = |plan: &Plan, config| Ok(self.loader(plan, config));
        block_on(opened.load(config, make, env(), progress)).unwrap()
    }

    pub fn loader(&self, plan: &Plan, config: PlayerConfig) -> Box<dyn Loader> {
        *self.written.borrow_mut() = vec![0; plan.weights.len()];
        let rows = plan.weights.iter().map(|weight| (weight.row_bytes(), weight.n_rows)).collect();
        Box::new(FakeLoader { fake: self.clone(), config, rows })
    }
}

struct FakeLoader {
    fake: Fake,
    config: PlayerConfig,
    /// `(bytes of a row, rows)` of each weight.
    rows: Vec<(usize, usize)>,
}

impl Loader for FakeLoader {
    fn write(&mut self, id: WeightId, row: usize, bytes: &[u8]) -> Result<(), PlayerError> {
        let (row_bytes, n_rows) = self.rows[id.0];
        let written = &mut self.fake.written.borrow_mut()[id.0];
        assert_eq!(*written, (row * row_bytes) as u64, "rows come in order");
        assert_eq!(bytes.len() % row_bytes, 0, "whole rows");
        let rows = bytes.len() / row_bytes;
        assert!(rows.is_multiple_of(kernels::LOAD_ROWS) || row + rows == n_rows, "whole strips");
        *written += bytes.len() as u64;
        Ok(())
    }

    /// Every other weight, so that both ways are used.
    fn pull(
        &mut self,
        id: WeightId,
        rows: Range<usize>,
        read: &ReadRows<'_>,
    ) -> Result<bool, PlayerError> {
        let mut bytes = vec![0; rows.len() * self.rows[id.0].0];
        if id.0.is_multiple_of(2) && read(rows.start, &mut bytes) {
            self.write(id, rows.start, &bytes)?;
        }
        Ok(id.0.is_multiple_of(2))
    }

    fn poll_flushed(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        Poll::Ready(Ok(()))
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Player>, PlayerError> {
        for (written, (row_bytes, n_rows)) in self.fake.written.borrow().iter().zip(&self.rows) {
            assert_eq!(*written, (row_bytes * n_rows) as u64, "every row came");
        }
        let PlayerConfig { n_ctx, n_slots, .. } = self.config;
        Ok(Box::new(FakePlayer {
            fake: self.fake,
            n_ctx,
            caches: vec![vec![]; n_slots],
            slot: 0,
            hidden: vec![],
            logits: vec![],
            tokens: vec![],
            chain: None,
            queued: VecDeque::new(),
            peaks: None,
            pending: false,
        }))
    }
}

struct FakePlayer {
    fake: Fake,
    n_ctx: usize,
    /// The ids in the cache of each slot.
    caches: Vec<Vec<u32>>,
    /// The slot of the last job of one sequence.
    slot: usize,
    hidden: Vec<f32>,
    logits: Vec<f32>,
    tokens: Vec<u32>,
    /// What the tokens of the last job follow.
    chain: Option<(Sampling, Vec<u32>)>,
    /// Tokens of the jobs that were not polled yet.
    queued: VecDeque<Vec<u32>>,
    peaks: Option<Peaks>,
    /// One `Pending` per job, so that waiting is tested.
    pending: bool,
}

impl FakePlayer {
    fn eval(&self, slot: usize) -> Vec<f32> {
        let cache = &self.caches[slot];
        let mut logits = vec![0.0; N_VOCAB];
        if self.fake.script.is_empty() {
            (self.fake.rule)(cache, &mut logits);
        } else {
            let at = cache.len() - self.fake.prompt_len;
            let id = self.fake.script.get(at).copied().unwrap_or(EOS);
            logits[id as usize] = 50.0;
        }
        logits
    }

    fn draw(&self, slot: usize, sampling: &Sampling, recent: &[u32]) -> u32 {
        let mut logits = self.eval(slot);
        kernels::sampling::penalize(sampling, recent, &mut logits);
        let pos = self.caches[slot].len() as u32;
        kernels::sampling::choose(sampling, &logits, pos, &mut Default::default())
    }

    /// A hidden row: the id and the sum of all ids before, so that a wrong cache is seen.
    fn hidden_row(&self, slot: usize) -> Vec<f32> {
        let cache = &self.caches[slot];
        let mut row = vec![0.0; DIM as usize];
        row[0] = cache.last().map_or(0.0, |&id| id as f32);
        row[1] = cache.iter().sum::<u32>() as f32;
        row
    }

    /// Chooses tokens and feeds them back, all but the last.
    fn choose(&mut self, n_tokens: usize) -> Vec<u32> {
        let (sampling, mut recent) = self.chain.take().unwrap();
        let mut tokens = Vec::new();
        for i in 0..n_tokens {
            let id = self.draw(self.slot, &sampling, &recent);
            tokens.push(id);
            recent.push(id);
            if i + 1 < n_tokens {
                self.caches[self.slot].push(id);
            }
        }
        self.chain = Some((sampling, recent));
        tokens
    }
}

impl Player for FakePlayer {
    fn info(&self) -> PlayerInfo {
        PlayerInfo { device: "fake".into(), ..PlayerInfo::default() }
    }

    fn max_rows(&self) -> usize {
        self.fake.max_rows
    }

    fn can_sample(&self, _: &Sampling) -> bool {
        self.fake.can_sample
    }

    fn submit(&mut self, job: &Job<'_>) -> Result<(), PlayerError> {
        if self.fake.max_jobs.is_some_and(|max| self.fake.log.borrow().len() >= max) {
            return Err(PlayerError::DeviceLost { reason: "unplugged".into() });
        }
        let Input::Tokens(ids) = job.input else { panic!("the fake takes tokens") };
        assert!(ids.len() <= self.fake.max_rows);
        self.hidden.clear();
        self.logits.clear();
        self.tokens.clear();
        self.queued.clear();
        self.chain = None;
        self.pending = true;
        let want = match job.want {
            Want::Nothing => "nothing",
            Want::Hidden => "hidden",
            Want::Choices(_) => "choices",
            Want::LastLogits => "last",
            Want::AllLogits => "all",
            Want::Tokens { .. } => "tokens",
        };
        self.fake.log.borrow_mut().push((job.place.row(0).pos, ids.len(), want));
        for (i, &id) in ids.iter().enumerate() {
            let RowAt { slot, pos } = job.place.row(i);
            assert!(pos <= self.caches[slot].len(), "a row of the cache was never written");
            self.caches[slot].truncate(pos);
            self.caches[slot].push(id);
            self.slot = slot;
            match job.want {
                Want::AllLogits => {
                    let row = self.eval(slot);
                    self.logits.extend(row);
                }
                Want::Hidden => {
                    let row = self.hidden_row(slot);
                    self.hidden.extend(row);
                }
                Want::Choices(draws) => {
                    let id = self.draw(slot, draws[i].sampling, draws[i].recent);
                    self.queued.resize(1, Vec::new());
                    self.queued[0].push(id);
                }
                _ => {}
            }
        }
        match job.want {
            Want::LastLogits => self.logits = self.eval(self.slot),
            Want::Tokens { sampling, recent, n_tokens } => {
                self.chain = Some((*sampling, recent.to_vec()));
                let tokens = self.choose(n_tokens);
                self.queued.push_back(tokens);
            }
            _ => {}
        }
        assert!(self.caches[self.slot].len() <= self.n_ctx, "a position beyond the context");
        Ok(())
    }

    fn submit_next(&mut self, n_tokens: usize) -> Result<bool, PlayerError> {
        let Some((_, recent)) = &self.chain else { return Ok(false) };
        if self.fake.queue == 0 || self.queued.len() > self.fake.queue {
            return Ok(false);
        }
        let last = *recent.last().unwrap();
        self.caches[self.slot].push(last);
        let tokens = self.choose(n_tokens);
        self.fake.log.borrow_mut().push((self.caches[self.slot].len(), 1, "next"));
        self.queued.push_back(tokens);
        assert!(self.caches[self.slot].len() <= self.n_ctx, "a position beyond the context");
        Ok(true)
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        if std::mem::take(&mut self.pending) {
            return Poll::Pending;
        }
        self.tokens = self.queued.pop_front().unwrap_or_default();
        Poll::Ready(Ok(()))
    }

    fn logits(&self) -> &[f32] {
        &self.logits
    }

    fn hidden(&self) -> &[f32] {
        &self.hidden
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn counters(&self) -> Counters {
        let n_jobs = self.fake.log.borrow().len() as u64;
        Counters { encode_ns: n_jobs * self.fake.encode_ns, ..Counters::default() }
    }

    fn submit_peaks(&mut self) -> Result<(), PlayerError> {
        let mut peaks = self.fake.peaks.borrow_mut();
        self.peaks = (!peaks.is_empty()).then(|| peaks.remove(0));
        Ok(())
    }

    fn peaks(&self) -> Option<&Peaks> {
        self.peaks.as_ref()
    }
}
