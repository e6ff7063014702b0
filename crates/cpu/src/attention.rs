//! `softmax(scale · q·Kᵀ) · V`, causal or not, in tiles of 64 keys with a running maximum.
//!
//! A unit of work is one key/value head with some rows: (token, query head of the group) pairs, so
//! that a tile of keys and values is read once for the whole group. Both products are the float
//! kernel of the weights. Tiles no row may see (by the mask) are skipped.
//!
//! Source: Dao et al., *FlashAttention*, 2022 (arXiv:2205.14135), for the running softmax.

use std::ops::Range;

use kernels::{Mask, PlayerError};

use crate::format::STRIP;
use crate::isa::{FloatArgs, Isa};
use crate::kv::{KEY_TILE, KvLayer, PAGE, Rows, Widened};
use crate::memory::Buffer;
use crate::pack::FloatType;

/// Most rows of a unit: enough to reuse a tile well, few enough to stay in the first-level cache.
pub const UNIT_ROWS: usize = 32;

/// Rows of a product from which widening a tile first costs less than widening it in the product,
/// which does so for every two rows.
const WIDEN_FROM: usize = 4;

/// One thread's scratch.
pub struct AttentionScratch {
    q: Buffer<f32>,
    scores: Buffer<f32>,
    out: Buffer<f32>,
    wide: Widened,
}

impl AttentionScratch {
    /// For heads of up to `head_dim` elements; `widens` if the cache is widened before a product.
    pub fn new(head_dim: usize, widens: bool) -> Result<Self, PlayerError> {
        let dim = head_dim.next_multiple_of(16);
        let wide = if widens { dim } else { 0 };
        Ok(AttentionScratch {
            q: Buffer::new(UNIT_ROWS * dim, "scratch")?,
            scores: Buffer::new(UNIT_ROWS * KEY_TILE, "scratch")?,
            out: Buffer::new(UNIT_ROWS * dim, "scratch")?,
            wide: Widened {
                keys: Buffer::new(wide * KEY_TILE, "scratch")?,
                values: Buffer::new(wide * KEY_TILE, "scratch")?,
            },
        })
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        let wide = self.wide.keys.n_bytes() + self.wide.values.n_bytes();
        self.q.n_bytes() + self.scores.n_bytes() + self.out.n_bytes() + wide
    }
}

/// What all units of an attention op share.
pub struct Attention<'a> {
    pub kv: &'a KvLayer,
    pub scale: f32,
    pub mask: Mask,
    /// Rows of the job: what all of them see without a causal mask.
    pub n_rows: usize,
    /// `[n_rows][n_heads·head_dim]`
    pub q: &'a Buffer<f32>,
    pub out: &'a Buffer<f32>,
}

/// Tokens × query heads that share key/value head `kv_head`.
pub struct Unit {
    pub kv_head: usize,
    /// Query heads, all of this group.
    pub heads: Range<usize>,
    pub tokens: Range<usize>,
    /// Where the first of them stands, and where its slot begins in the cache.
    pub pos: usize,
    pub base: usize,
}

impl Attention<'_> {
    /// Computes one unit (at most [`UNIT_ROWS`] rows).
    ///
    /// # Safety
    /// No thread writes `q` or the cache meanwhile, no other thread has rows of this unit, and
    /// `scratch` belongs to the calling thread.
    pub unsafe fn run(&self, isa: &Isa, unit: &Unit, scratch: &AttentionScratch) {
        let heads = self.kv.heads;
        let (dim, v_dim) = (heads.head_dim, self.kv.v_dim);
        let n_heads = unit.heads.len();
        let n_rows = unit.tokens.len() * n_heads;
        // A single token reads the cache once, so each product waits for memory unless asked for.
        let is_single = unit.tokens.len() == 1;
        let width = heads.n_heads * dim;
        let row = |r: usize| {
            let (t, head) = (unit.tokens.start + r / n_heads, unit.heads.start + r % n_heads);
            t * width + head * dim..t * width + (head + 1) * dim
        };
        let end_key = |r: usize| match self.mask {
            Mask::Causal { .. } => unit.pos + r / n_heads + 1,
            Mask::Full => self.n_rows,
        };
        let first_key = |r: usize| match self.mask {
            Mask::Causal { window: Some(w) } => end_key(r).saturating_sub(w),
            Mask::Causal { window: None } | Mask::Full => 0,
        };
        let mut max = [f32::NEG_INFINITY; UNIT_ROWS];
        let mut total = [0.0f32; UNIT_ROWS];
        // SAFETY: the scratch is this thread's; the rest is the caller's promise.
        unsafe {
            let q = scratch.q.slice_mut(0..n_rows * dim);
            for (r, q) in q.chunks_exact_mut(dim).enumerate() {
                for (q, x) in q.iter_mut().zip(self.q.slice(row(r))) {
                    *q = x * self.scale;
                }
            }
            let out = scratch.out.slice_mut(0..n_rows * v_dim);
            out.fill(0.0);
            let end = end_key(n_rows - 1);
            let mut key = first_key(0) / KEY_TILE * KEY_TILE;
            while key < end {
                let n_keys = KEY_TILE.min(end - key);
                if is_single {
                    self.kv.fetch(unit.kv_head, unit.base + key, false);
                }
                self.scores(isa, unit, n_rows, key, n_keys, scratch);
                let scores = scratch.scores.slice_mut(0..n_rows * KEY_TILE);
                for (r, scores) in scores.chunks_exact_mut(KEY_TILE).enumerate() {
                    let seen = first_key(r).saturating_sub(key).min(n_keys)
                        ..end_key(r).saturating_sub(key).min(n_keys);
                    let out = &mut out[r * v_dim..(r + 1) * v_dim];
                    soften(isa, &mut scores[..n_keys], seen, &mut max[r], &mut total[r], out);
                }
                if is_single {
                    self.kv.fetch(unit.kv_head, unit.base + key + KEY_TILE, true);
                }
                self.mix(isa, unit, n_rows, key, n_keys, scratch);
                key += KEY_TILE;
            }
            for (r, out) in out.chunks_exact(v_dim).enumerate() {
                let scale = 1.0 / total[r];
                for (y, x) in self.out.slice_mut(row(r)).iter_mut().zip(out) {
                    *y = x * scale;
                }
            }
        }
    }

    /// `scores = q · Kᵀ` for one tile of keys.
    unsafe fn scores(
        &self,
        isa: &Isa,
        unit: &Unit,
        n_rows: usize,
        key: usize,
        n_keys: usize,
        scratch: &AttentionScratch,
    ) {
        let dim = self.kv.heads.head_dim;
        // SAFETY: the pages are in the cache; scratch holds UNIT_ROWS rows of a tile.
        unsafe {
            let n_pages = n_keys.div_ceil(PAGE);
            let keys = self.kv.key_pages(unit.kv_head, unit.base + key, n_pages, &scratch.wide);
            let keys = widen(isa, keys, n_rows, n_pages * PAGE * dim, &scratch.wide.keys);
            isa.float_gemm(keys.ty)(&FloatArgs {
                m: n_rows,
                k: dim,
                a: scratch.q.ptr(),
                a_stride: dim,
                b: keys.ptr,
                b_stride: keys.stride,
                n_strips: n_pages,
                b_strip: dim * keys.stride,
                c: scratch.scores.ptr(),
                c_stride: KEY_TILE,
                add: false,
            });
        }
    }

    /// `out += scores · V` for one tile of values.
    unsafe fn mix(
        &self,
        isa: &Isa,
        unit: &Unit,
        n_rows: usize,
        key: usize,
        n_keys: usize,
        scratch: &AttentionScratch,
    ) {
        let v_dim = self.kv.v_dim;
        // SAFETY: the rows are in the cache; scratch holds UNIT_ROWS rows of v_dim.
        unsafe {
            let values = self.kv.value_rows(unit.kv_head, unit.base + key, n_keys, &scratch.wide);
            let values = widen(isa, values, n_rows, n_keys * v_dim, &scratch.wide.values);
            isa.float_gemm(values.ty)(&FloatArgs {
                m: n_rows,
                k: n_keys,
                a: scratch.scores.ptr(),
                a_stride: KEY_TILE,
                b: values.ptr,
                b_stride: values.stride,
                n_strips: v_dim / STRIP,
                b_strip: STRIP * values.ty.n_bytes(),
                c: scratch.out.ptr(),
                c_stride: v_dim,
                add: true,
            });
        }
    }
}

/// `n` numbers of a tile as floats, if `n_rows` rows pay for it; else as they are.
///
/// # Safety
/// `rows` are the `n` numbers without a gap, and `wide` belongs to the calling thread.
unsafe fn widen(isa: &Isa, rows: Rows, n_rows: usize, n: usize, wide: &Buffer<f32>) -> Rows {
    match isa.widen_f16 {
        Some(widen) if n_rows >= WIDEN_FROM && rows.ty == FloatType::F16 => {
            // SAFETY: the scratch holds a tile.
            unsafe { widen(rows.ptr.cast(), wide.slice_mut(0..n).as_mut_ptr(), n) };
            Rows { ptr: wide.ptr().cast(), stride: 2 * rows.stride, ty: FloatType::F32 }
        }
        _ => rows,
    }
}

/// The largest number, in sixteen lanes, so that comparing does not wait for comparing.
fn largest(numbers: &[f32], or: f32) -> f32 {
    let pick = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [or; 16];
    let (whole, rest) = numbers.as_chunks::<16>();
    for chunk in whole {
        for (lane, number) in lanes.iter_mut().zip(chunk) {
            *lane = pick(*lane, *number);
        }
    }
    lanes.iter().chain(rest).fold(or, |a, &b| pick(a, b))
}

/// Turns a row's scores into weights relative to the running maximum, and rescales what was summed
/// under the old one.
fn soften(
    isa: &Isa,
    scores: &mut [f32],
    seen: Range<usize>,
    max: &mut f32,
    total: &mut f32,
    out: &mut [f32],
) {
    if seen.is_empty() {
        scores.fill(0.0);
        return;
    }
    let (start, end) = (seen.start, seen.end);
    scores[..start].fill(0.0);
    scores[end..].fill(0.0);
    let scores = &mut scores[start..end];
    let largest = largest(scores, *max);
    if largest > *max {
        let factor = (*max - largest).exp();
        *total *= factor;
        out.iter_mut().for_each(|x| *x *= factor);
        *max = largest;
    }
    // SAFETY: any slice will do.
    *total += unsafe { (isa.exp_sum)(scores, largest) };
}
