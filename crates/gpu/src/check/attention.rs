//! Attention of one token (spans, then merge) and of many (tiles), against plain loops in f64.

use bytemuck::cast_slice;
use kernels::shader::params::{self, Step};
use kernels::shader::{Kernel, attn_shape};
use kernels::{Heads, KvType, PlayerError};

use super::WITH_EXP;
use super::cache::CacheLayer;
use super::data::{Random, nmse, padded};
use super::run::{Checker, Run, floats};

/// One layer's heads, cache and queries.
pub(super) struct Setup {
    kv: KvType,
    heads: Heads,
    window: Option<usize>,
    pos: usize,
    n_rows: usize,
    n_ctx: usize,
    qkv: Vec<f32>,
    k: CacheLayer,
    v: CacheLayer,
}

const SCALE: f32 = 0.3;

pub async fn check(checker: &mut Checker<'_>) -> Result<(), PlayerError> {
    let heads = |n_heads, n_kv_heads, head_dim| Heads { n_heads, n_kv_heads, head_dim };
    for kv in [KvType::F32, KvType::F16, KvType::Q8_0] {
        for (heads, window) in [
            (heads(4, 4, 32), None),
            (heads(7, 1, 64), Some(40)),
            (heads(6, 2, 96), None),
            (heads(4, 1, 256), Some(300)),
        ] {
            for pos in [0, 39, 600] {
                one(checker, &Setup::new(kv, heads, window, pos, 1)).await?;
            }
            for (pos, n_rows) in [(0, 1), (0, 37), (70, 19)] {
                many(checker, &Setup::new(kv, heads, window, pos, n_rows)).await?;
            }
        }
    }
    // Heads that are no multiple of the tiles' 32 elements, and more heads than a workgroup takes.
    for h in [heads(2, 1, 80), heads(8, 4, 8), heads(128, 1, 128)] {
        one(checker, &Setup::new(KvType::F16, h, None, 300, 1)).await?;
        many(checker, &Setup::new(KvType::F16, h, None, 5, 9)).await?;
    }
    Ok(())
}

impl Setup {
    pub(super) fn new(
        kv: KvType,
        heads: Heads,
        window: Option<usize>,
        pos: usize,
        n_rows: usize,
    ) -> Self {
        let n_ctx = pos + n_rows + 3;
        let width = heads.n_kv_heads * heads.head_dim;
        let mut random = Random::new(30);
        let row = (heads.n_heads + 2 * heads.n_kv_heads) * heads.head_dim;
        let qkv = random.floats(n_rows * row);
        let k = CacheLayer::new(kv, &random.floats(n_ctx * width));
        let v = CacheLayer::new(kv, &random.floats(n_ctx * width));
        Setup { kv, heads, window, pos, n_rows, n_ctx, qkv, k, v }
    }

    fn name(&self, what: &str) -> String {
        let Heads { n_heads, n_kv_heads, head_dim } = self.heads;
        let (kv, window, pos, n_rows) = (self.kv, self.window.unwrap_or(0), self.pos, self.n_rows);
        format!("{what} {kv:?} {n_heads}/{n_kv_heads}x{head_dim} window {window} {n_rows}@{pos}")
    }

    fn window(&self) -> u32 {
        self.window.map_or(u32::MAX, |w| w as u32)
    }

    fn row(&self) -> usize {
        (self.heads.n_heads + 2 * self.heads.n_kv_heads) * self.heads.head_dim
    }

    /// Softmax over the seen positions, head by head.
    fn expected(&self) -> Vec<f32> {
        let Heads { n_heads, n_kv_heads, head_dim } = self.heads;
        let width = n_kv_heads * head_dim;
        let mut out = Vec::new();
        for (t, row) in self.qkv.chunks_exact(self.row()).enumerate() {
            let end = self.pos + t + 1;
            let start = self.window.map_or(0, |w| end.saturating_sub(w));
            for (h, q) in row.chunks_exact(head_dim).take(n_heads).enumerate() {
                let at = h / (n_heads / n_kv_heads) * head_dim;
                let cell = |layer: &CacheLayer, p: usize, d: usize| {
                    f64::from(layer.values[p * width + at + d])
                };
                let dot = |p| -> f64 {
                    (0..head_dim).map(|d| f64::from(q[d]) * cell(&self.k, p, d)).sum()
                };
                let scores: Vec<f64> = (start..end).map(|p| dot(p) * f64::from(SCALE)).collect();
                let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
                let total: f64 = weights.iter().sum();
                for d in 0..head_dim {
                    let values = (start..end).map(|p| cell(&self.v, p, d));
                    let sum: f64 = values.zip(&weights).map(|(v, w)| v * w).sum();
                    out.push((sum / total) as f32);
                }
            }
        }
        out
    }
}

pub(super) async fn one(checker: &mut Checker<'_>, s: &Setup) -> Result<(), PlayerError> {
    let name = s.name("attention");
    let Some(shape) = attn_shape(s.heads).filter(|_| checker.wants(&name)) else {
        return Ok(());
    };
    let Heads { n_heads, n_kv_heads, head_dim } = s.heads;
    let (span, window) = (shape.span as u32, s.window());
    let n_spans = (s.pos as u32 + 1).min(window).div_ceil(span);
    let params = params::AttnSplit {
        n_kv_heads: n_kv_heads as u32,
        n_ctx: s.n_ctx as u32,
        stride: (s.row() / 4) as u32,
        window,
        max_spans: n_spans,
        scale: SCALE,
        n_cuts: shape.n_cuts as u32,
        a_stride: 0,
    };
    let a = vec![0.0f32; n_heads * head_dim];
    let partial = vec![0.0f32; n_heads * n_spans as usize * (head_dim + 4)];
    let step = Step { n_rows: 1, pos: s.pos as u32, ..Step::default() };
    let group = shape.group as u32;
    let run = Run {
        kernel: Kernel::AttnSplit { kv: s.kv, head_dim: head_dim as u32, group, span },
        params,
        step,
        buffers: vec![
            (4, cast_slice(&s.qkv)),
            (5, cast_slice(&a)),
            (6, &s.k.bytes),
            (7, &s.v.bytes),
            (8, cast_slice(&partial)),
        ],
        outputs: vec![5, 8],
        grid: [(n_kv_heads * shape.n_cuts) as u32, n_spans],
    };
    let mut outputs = checker.run(run).await?;
    if n_spans > 1 {
        let partial = outputs.remove(&8).unwrap_or_default();
        let run = Run {
            kernel: Kernel::AttnMerge { head_dim: head_dim as u32, span },
            params: params::AttnMerge { max_spans: n_spans, window, ..Default::default() },
            step,
            buffers: vec![(4, &partial), (5, cast_slice(&a))],
            outputs: vec![5],
            grid: [n_heads as u32, 1],
        };
        outputs = checker.run(run).await?;
    }
    checker.record(name, nmse(&floats(&outputs, 5), &s.expected()), WITH_EXP);
    Ok(())
}

pub(super) async fn many(checker: &mut Checker<'_>, s: &Setup) -> Result<(), PlayerError> {
    let name = s.name("attention tile");
    if !checker.wants(&name) {
        return Ok(());
    }
    let Heads { n_heads, n_kv_heads, head_dim } = s.heads;
    let group = (n_heads / n_kv_heads) as u32;
    let width = n_heads * head_dim;
    let want = padded(&s.expected(), width);
    let a = vec![0.0f32; want.len()];
    let params = params::AttnTile {
        n_kv_heads: n_kv_heads as u32,
        n_ctx: s.n_ctx as u32,
        stride: (s.row() / 4) as u32,
        window: s.window(),
        a_stride: (want.len() / s.n_rows / 4) as u32,
        scale: SCALE,
        ..Default::default()
    };
    let run = Run {
        kernel: Kernel::AttnTile { kv: s.kv, head_dim: head_dim as u32, group },
        params,
        step: Step { n_rows: s.n_rows as u32, pos: s.pos as u32, ..Step::default() },
        buffers: vec![
            (4, cast_slice(&s.qkv)),
            (5, cast_slice(&a)),
            (6, &s.k.bytes),
            (7, &s.v.bytes),
        ],
        outputs: vec![5],
        grid: [(s.n_rows as u32 * group).div_ceil(16), n_kv_heads as u32],
    };
    let outputs = checker.run(run).await?;
    checker.record(name, nmse(&floats(&outputs, 5), &want), WITH_EXP);
    Ok(())
}
