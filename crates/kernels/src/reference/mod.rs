//! The reference player: plays a Plan with the scalar twins, one loop after the other.
//!
//! It exists to be right and readable, not fast: weights stay as the file has them and every row is
//! decoded again for every job, so it shares neither layout nor arithmetic with the players it
//! judges. `--device reference` lets anyone ask it for a second opinion.

mod cache;
mod forward;

use std::task::{Context, Poll};

use crate::check::{Bounds, check_context, check_slots};
use crate::job::{Draw, Input, Job, Place, RowAt, Want};
use crate::kv::{KvShape, KvSpan};
use crate::plan::{Plan, WeightId};
use crate::player::{Counters, KvType, Loader, Player, PlayerConfig, PlayerError, PlayerInfo};
use crate::sampling::{self, Sampling, Scratch};
use crate::tap::Tap;
use cache::Cache;

/// Most rows of one job: bounds the scratch, which is allocated per job here.
const MAX_ROWS: usize = 64;

const DEVICE: &str = "reference";

/// Starts loading a Plan into a reference player.
///
/// # Errors
/// [`PlayerError::TensorType`] for a type `quant` cannot decode, [`PlayerError::Unsupported`] for
/// a q8_0 cache with `head_dim` not a multiple of 32.
pub fn loader(plan: &Plan, config: PlayerConfig) -> Result<Box<dyn Loader>, PlayerError> {
    check_slots(&config, DEVICE)?;
    if let Some(weight) = plan.weights.iter().find(|w| !w.ty.is_supported()) {
        return Err(PlayerError::TensorType {
            device: DEVICE.into(),
            tensor: weight.name.clone(),
            ty: weight.ty.to_string(),
        });
    }
    check_context(plan, &config)?;
    if plan.kv_type(config.kv) == KvType::Q8_0 && !plan.dims.head_dim.is_multiple_of(32) {
        return Err(PlayerError::Unsupported {
            device: DEVICE.into(),
            what: format!("a q8_0 cache for heads of {} elements", plan.dims.head_dim),
        });
    }
    let weights = plan.weights.iter().map(|w| vec![0; w.n_bytes()]).collect();
    let cache = Cache::new(plan, &config);
    Ok(Box::new(ReferencePlayer {
        plan: plan.clone(),
        config,
        weights,
        cache,
        logits: Vec::new(),
        hidden: Vec::new(),
        tokens: Vec::new(),
        kv_rows: Vec::new(),
        scratch: Scratch::default(),
        counters: Counters::default(),
        tap: None,
    }))
}

struct ReferencePlayer {
    plan: Plan,
    config: PlayerConfig,
    /// As in the file.
    weights: Vec<Vec<u8>>,
    cache: Cache,
    logits: Vec<f32>,
    hidden: Vec<f32>,
    tokens: Vec<u32>,
    kv_rows: Vec<u8>,
    scratch: Scratch,
    counters: Counters,
    tap: Option<Box<dyn Tap>>,
}

impl Loader for ReferencePlayer {
    fn write(&mut self, id: WeightId, row: usize, bytes: &[u8]) -> Result<(), PlayerError> {
        let start = row * self.plan.weights[id.0].row_bytes();
        self.weights[id.0][start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn poll_flushed(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
        Poll::Ready(Ok(()))
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Player>, PlayerError> {
        Ok(self)
    }
}

impl Player for ReferencePlayer {
    fn info(&self) -> PlayerInfo {
        PlayerInfo {
            device: DEVICE.into(),
            name: "scalar loops, f64 sums".into(),
            kernels: Vec::new(),
            weight_bytes: self.weights.iter().map(|w| w.len() as u64).sum(),
            kv_bytes: self.cache.n_bytes() as u64,
            scratch_bytes: 0,
        }
    }

    fn max_rows(&self) -> usize {
        self.plan.max_rows(MAX_ROWS, self.config.n_ctx)
    }

    fn can_sample(&self, _: &Sampling) -> bool {
        true
    }

    fn submit(&mut self, job: &Job<'_>) -> Result<(), PlayerError> {
        let n_rows = self.bounds().check(job)?;
        self.counters.submits += 1;
        self.tokens.clear();
        match (job.want, job.place) {
            (Want::Tokens { sampling, recent, n_tokens }, Place::Run(first)) => {
                let mut recent = recent.to_vec();
                for i in 0..n_tokens {
                    let pos = first.pos + n_rows + i;
                    if i == 0 {
                        self.forward(job.input, job.place, Want::LastLogits);
                    } else {
                        let place = Place::Run(RowAt { pos: pos - 1, ..first });
                        let last = Input::Tokens(&recent[recent.len() - 1..]);
                        self.forward(last, place, Want::LastLogits);
                    }
                    let id = self.choose(0, Draw { sampling, recent: &recent }, pos);
                    recent.push(id);
                }
            }
            (Want::Choices(draws), _) => {
                self.forward(job.input, job.place, job.want);
                for (i, draw) in draws.iter().enumerate() {
                    self.choose(i, *draw, job.place.row(i).pos + 1);
                }
            }
            _ => self.forward(job.input, job.place, job.want),
        }
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PlayerError>> {
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
        self.counters
    }

    fn set_tap(&mut self, tap: Option<Box<dyn Tap>>) -> Result<bool, PlayerError> {
        self.tap = tap;
        Ok(true)
    }

    fn submit_kv_read(&mut self, span: &KvSpan) -> Result<bool, PlayerError> {
        let Some(shape) = KvShape::of(&self.plan, self.config.kv) else { return Ok(false) };
        self.bounds().check_span(&shape, span, None)?;
        self.kv_rows.resize(span.positions.len() * shape.position_bytes(), 0);
        self.cache.read(&shape, span, &mut self.kv_rows);
        Ok(true)
    }

    fn kv_rows(&self) -> &[u8] {
        &self.kv_rows
    }

    fn submit_kv_write(&mut self, span: &KvSpan, rows: &[u8]) -> Result<bool, PlayerError> {
        let Some(shape) = KvShape::of(&self.plan, self.config.kv) else { return Ok(false) };
        self.bounds().check_span(&shape, span, Some(rows.len()))?;
        self.cache.take(&shape, span, rows);
        Ok(true)
    }
}

impl ReferencePlayer {
    fn bounds(&self) -> Bounds<'_> {
        let (plan, config, max_rows) = (&self.plan, &self.config, self.max_rows());
        Bounds { plan, config, max_rows, device: DEVICE }
    }

    /// Chooses the token for `pos` from row `row` of the logits.
    fn choose(&mut self, row: usize, draw: Draw<'_>, pos: usize) -> u32 {
        let n_vocab = self.plan.dims.n_vocab;
        let logits = &mut self.logits[row * n_vocab..(row + 1) * n_vocab];
        sampling::penalize(draw.sampling, draw.recent, logits);
        let id = sampling::choose(draw.sampling, logits, pos as u32, &mut self.scratch);
        self.tokens.push(id);
        id
    }

    /// Weight row `row` as f32.
    fn row(&self, id: WeightId, row: usize, out: &mut Vec<f32>) {
        let weight = &self.plan.weights[id.0];
        let n_bytes = weight.row_bytes();
        out.resize(weight.n_cols, 0.0);
        let bytes = &self.weights[id.0][row * n_bytes..(row + 1) * n_bytes];
        if quant::decode(weight.ty, bytes, out).is_err() {
            out.fill(f32::NAN); // unreachable: types were checked at load, rows are whole blocks
        }
    }

    fn vector(&self, id: WeightId) -> Vec<f32> {
        let mut out = Vec::new();
        self.row(id, 0, &mut out);
        out
    }
}
