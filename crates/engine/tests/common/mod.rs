//! A tiny model file made here, and players that answer by rule, for the engine's tests.
//!
//! The fake player's logits are a function of the ids it really has in its cache. So a wrong reuse
//! of the cache, a skipped token or a wrong position changes the text, and a test sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, reason = "shared by tests")]

use std::cell::RefCell;
use std::ops::{ControlFlow, Range};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use engine::{Env, Generation, Request, Session, Step, Summary};
use gguf::{Array, Gguf, Metadata, Value, Writer};
use kernels::{
    Counters, Input, Job, Loader, Peaks, Plan, Player, PlayerConfig, PlayerError, PlayerInfo,
    ReadRows, Sampling, Want, WeightId,
};
use quant::TensorType;

/// Ids of the vocabulary: `<unk> <s> </s>`, 256 bytes, then these words.
pub const BOS: u32 = 1;
pub const EOS: u32 = 2;
const FIRST_WORD: u32 = 3 + 256;
const WORDS: &[&str] =
    &["\u{2581}", "STOP", "ST", "OP", "ab", "c", "hello", "\u{2581}you", "\n\n", "caf", "x"];
pub const N_VOCAB: usize = FIRST_WORD as usize + WORDS.len();

/// Id of a byte token.
pub fn byte(b: u8) -> u32 {
    3 + u32::from(b)
}

/// Id of a word.
pub fn word(text: &str) -> u32 {
    let i = WORDS.iter().position(|word| *word == text).expect("a word of the vocabulary");
    FIRST_WORD + i as u32
}

/// Ids that spell `text` in single bytes.
pub fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(byte).collect()
}

pub const DIM: u64 = 32;
pub const N_LAYERS: usize = 2;

fn metadata() -> Metadata {
    let mut m = Metadata::new();
    let mut text = |key: &str, value: &str| m.insert(key, Value::String(value.to_owned()));
    text("general.architecture", "llama");
    text("general.name", "tiny");
    text("tokenizer.ggml.model", "llama");
    let numbers = [
        ("block_count", N_LAYERS as u32),
        ("embedding_length", DIM as u32),
        ("feed_forward_length", DIM as u32),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
        ("context_length", 4096),
    ];
    for (key, value) in numbers {
        m.insert(format!("llama.{key}"), Value::U32(value));
    }
    m.insert("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    tokens.extend((0..256).map(|b| format!("<0x{b:02X}>")));
    tokens.extend(WORDS.iter().map(|word| (*word).to_owned()));
    let mut types = vec![2, 3, 3];
    types.extend([6; 256]);
    types.extend(vec![1; WORDS.len()]);
    let scores: Vec<f32> = (0..tokens.len()).map(|i| -(i as f32)).collect();
    m.insert("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    m.insert("tokenizer.ggml.token_type", Value::Array(Array::I32(types)));
    m.insert("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
    m.insert("tokenizer.ggml.bos_token_id", Value::U32(BOS));
    m.insert("tokenizer.ggml.eos_token_id", Value::U32(EOS));
    m.insert("tokenizer.ggml.add_space_prefix", Value::Bool(false));
    m
}

/// Names and shapes of the tensors.
fn tensors() -> Vec<(String, Vec<u64>)> {
    let mut all = vec![("token_embd.weight".to_owned(), vec![DIM, N_VOCAB as u64])];
    for layer in 0..N_LAYERS {
        let mut add = |name: &str, dims: &[u64]| {
            all.push((format!("blk.{layer}.{name}.weight"), dims.to_vec()));
        };
        add("attn_norm", &[DIM]);
        add("attn_q", &[DIM, DIM]);
        add("attn_k", &[DIM, DIM / 2]);
        add("attn_v", &[DIM, DIM / 2]);
        add("attn_output", &[DIM, DIM]);
        add("ffn_norm", &[DIM]);
        add("ffn_gate", &[DIM, DIM]);
        add("ffn_up", &[DIM, DIM]);
        add("ffn_down", &[DIM, DIM]);
    }
    all.push(("output_norm.weight".to_owned(), vec![DIM]));
    all
}

/// A llama file of two layers with seeded weights; `template` is its chat template.
pub fn model_file(template: Option<&str>) -> Vec<u8> {
    let mut metadata = metadata();
    if let Some(template) = template {
        metadata.insert("tokenizer.chat_template", Value::String(template.to_owned()));
    }
    let mut writer = Writer::new(metadata);
    for (name, dims) in tensors() {
        writer.tensor(name, TensorType::F32, &dims).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    let mut state = 7u32;
    for (name, dims) in tensors() {
        let n: u64 = dims.iter().product();
        let mut values = Vec::new();
        for _ in 0..n {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            values.extend((if name.contains("norm") { value + 1.0 } else { value }).to_le_bytes());
        }
        data.write_tensor(&name, &values).unwrap();
    }
    data.finish().unwrap()
}

pub fn gguf(template: Option<&str>) -> Gguf {
    Gguf::open(Box::new(model_file(template))).unwrap()
}

/// A clock that moves 1 ms at each look, and a fixed "chance".
pub fn env() -> Env {
    let now = Rc::new(std::cell::Cell::new(0.0));
    Env {
        now_ms: Box::new(move || {
            now.set(now.get() + 1.0);
            now.get()
        }),
        now_local: Box::new(|| chat::Moment::from_unix(0, 0)),
        entropy: Box::new(|| 4242),
        pause: None,
    }
}

/// Polls to the end; our futures only wait for players.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
    }
}

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
    pub log: JobLog,
    /// Bytes written by weight.
    pub written: Rc<RefCell<Vec<u64>>>,
    /// What measuring the peaks gives, in turn; nothing when it is empty.
    pub peaks: Rc<RefCell<Vec<Peaks>>>,
    /// The device goes away when this many jobs were done.
    pub max_jobs: Option<usize>,
}

impl Default for Fake {
    fn default() -> Fake {
        Fake {
            rule: hash_rule,
            script: Vec::new(),
            prompt_len: 0,
            max_rows: 8,
            can_sample: false,
            log: JobLog::default(),
            written: Rc::default(),
            peaks: Rc::default(),
            max_jobs: None,
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
        let opened = engine::open(gguf).unwrap();
        let config = PlayerConfig { n_ctx, kv: kernels::KvType::F32, n_threads: 1 };
        let progress = |_, _| ControlFlow::Continue(());
        let make = |plan: &Plan, config| Ok(self.loader(plan, config));
        block_on(opened.load(config, make, env(), progress)).unwrap()
    }

    pub fn loader(&self, plan: &Plan, config: PlayerConfig) -> Box<dyn Loader> {
        *self.written.borrow_mut() = vec![0; plan.weights.len()];
        let rows = plan.weights.iter().map(|weight| (weight.row_bytes(), weight.n_rows)).collect();
        Box::new(FakeLoader { fake: self.clone(), n_ctx: config.n_ctx, rows })
    }
}

struct FakeLoader {
    fake: Fake,
    n_ctx: usize,
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
        let (fake, n_ctx) = (self.fake, self.n_ctx);
        Ok(Box::new(FakePlayer {
            fake,
            n_ctx,
            cache: vec![],
            logits: vec![],
            tokens: vec![],
            pending: false,
            peaks: None,
        }))
    }
}

struct FakePlayer {
    fake: Fake,
    n_ctx: usize,
    cache: Vec<u32>,
    logits: Vec<f32>,
    tokens: Vec<u32>,
    /// One `Pending` per job, so that waiting is tested.
    pending: bool,
    peaks: Option<Peaks>,
}

impl FakePlayer {
    fn eval(&self) -> Vec<f32> {
        let mut logits = vec![0.0; N_VOCAB];
        if self.fake.script.is_empty() {
            (self.fake.rule)(&self.cache, &mut logits);
        } else {
            let at = self.cache.len() - self.fake.prompt_len;
            let id = self.fake.script.get(at).copied().unwrap_or(EOS);
            logits[id as usize] = 50.0;
        }
        logits
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
        let Input::Tokens(ids) = job.input else { panic!("the fake takes tokens") };
        assert!(ids.len() <= self.fake.max_rows && job.pos <= self.cache.len());
        self.cache.truncate(job.pos);
        self.logits.clear();
        self.tokens.clear();
        self.pending = true;
        let want = match job.want {
            Want::Nothing | Want::Hidden => "nothing",
            Want::LastLogits => "last",
            Want::AllLogits => "all",
            Want::Tokens { .. } => "tokens",
        };
        if self.fake.max_jobs.is_some_and(|max| self.fake.log.borrow().len() >= max) {
            return Err(PlayerError::DeviceLost { reason: "unplugged".into() });
        }
        self.fake.log.borrow_mut().push((job.pos, ids.len(), want));
        for &id in ids {
            self.cache.push(id);
            if want == "all" {
                let row = self.eval();
                self.logits.extend(row);
            }
        }
        match job.want {
            Want::LastLogits => self.logits = self.eval(),
            Want::Tokens { sampling, recent, n_tokens } => {
                let mut recent = recent.to_vec();
                for i in 0..n_tokens {
                    let mut logits = self.eval();
                    kernels::sampling::penalize(sampling, &recent, &mut logits);
                    let pos = self.cache.len() as u32;
                    let mut scratch = Default::default();
                    let id = kernels::sampling::choose(sampling, &logits, pos, &mut scratch);
                    self.tokens.push(id);
                    recent.push(id);
                    if i + 1 < n_tokens {
                        self.cache.push(id);
                    }
                }
            }
            _ => {}
        }
        assert!(self.cache.len() <= self.n_ctx, "a position beyond the context");
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        if std::mem::take(&mut self.pending) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn logits(&self) -> &[f32] {
        &self.logits
    }

    fn hidden(&self) -> &[f32] {
        &[]
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn counters(&self) -> Counters {
        Counters::default()
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

/// Everything one generation gave.
pub struct Output {
    pub text: String,
    pub ids: Vec<u32>,
    pub pieces: Vec<String>,
    pub summary: Summary,
}

impl Output {
    pub fn reason(&self) -> &'static str {
        self.summary.finish_reason.unwrap().name()
    }
}

pub fn finish(mut generation: Generation<'_>) -> Output {
    let (mut ids, mut pieces) = (Vec::new(), Vec::new());
    loop {
        match block_on(generation.step()).unwrap() {
            Step::Prefill { .. } => {}
            Step::Piece => {
                ids.extend(&generation.piece().ids);
                pieces.push(generation.piece().text.clone());
            }
            Step::Done => break,
        }
    }
    Output { text: pieces.concat(), ids, pieces, summary: *generation.summary() }
}

pub fn generate(session: &mut Session, request: Request) -> Output {
    finish(session.generate(request).unwrap())
}
