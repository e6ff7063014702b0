//! The cache of keys and values.
//!
//! Keys of 16 positions form a page `[head_dim][16]`, which is laid out like a strip of 16 weight
//! rows: `q·Kᵀ` is then the same product as every other. Values are rows `[head_dim]` per position.
//! Positions are grouped by head, so that a head's cache is one contiguous stream. Rewinding is
//! nothing but writing at a smaller position.

mod rows;

use kernels::{Heads, KvType, PlayerError, RowAt};

use crate::memory::{Arena, Buffer};

/// Positions of a key page.
pub const PAGE: usize = 16;
/// Positions attention handles at a time.
pub const KEY_TILE: usize = 64;
/// Elements that share a scale in a Q8_0 cache.
const GROUP: usize = 32;

/// One layer's cache.
pub struct KvLayer {
    pub heads: Heads,
    ty: KvType,
    /// Positions of one slot, whole tiles.
    n_ctx: usize,
    /// Positions of all slots: slots follow each other inside of a head.
    n_pos: usize,
    /// `head_dim` rounded up to 16: the stride of value rows.
    pub v_dim: usize,
    keys: Buffer<u8>,
    values: Buffer<u8>,
    /// f16 scales of a Q8_0 cache: `[head][page][group][16]` and `[head][pos][group]`.
    key_scales: Buffer<u16>,
    value_scales: Buffer<u16>,
}

/// Scratch to widen one tile of a Q8_0 cache: `[head_dim][16]` pages and `[64][v_dim]` rows.
pub struct Widened {
    pub keys: Buffer<f32>,
    pub values: Buffer<f32>,
}

/// Numbers in memory: first byte, bytes per row, index into the float kernels.
#[derive(Clone, Copy)]
pub struct Rows {
    pub ptr: *const u8,
    pub stride: usize,
    pub ty: crate::pack::FloatType,
}

impl KvLayer {
    /// Room for `n_ctx` positions in each of `n_slots`.
    pub fn new(
        arena: &mut Arena,
        heads: Heads,
        ty: KvType,
        n_ctx: usize,
        n_slots: usize,
    ) -> Result<Self, PlayerError> {
        let n_ctx = n_ctx.next_multiple_of(KEY_TILE);
        let n_pos = n_ctx.saturating_mul(n_slots);
        let v_dim = heads.head_dim.next_multiple_of(16);
        let n_bytes = element_bytes(ty);
        let n_rows = heads.n_kv_heads.saturating_mul(n_pos);
        let n_scales = if ty == KvType::Q8_0 { n_rows * heads.head_dim.div_ceil(GROUP) } else { 0 };
        Ok(KvLayer {
            heads,
            ty,
            n_ctx,
            n_pos,
            v_dim,
            keys: arena.buffer(n_rows * heads.head_dim * n_bytes, "the KV cache")?,
            values: arena.buffer(n_rows * v_dim * n_bytes, "the KV cache")?,
            key_scales: arena.buffer(n_scales, "the KV cache")?,
            value_scales: arena.buffer(n_scales, "the KV cache")?,
        })
    }

    /// Where a row lies among all positions; what the other methods take.
    pub fn position(&self, at: RowAt) -> usize {
        at.slot * self.n_ctx + at.pos
    }

    /// Bytes a cache of `n_ctx` positions takes, about (scales rounded up).
    pub fn bytes_for(heads: &Heads, ty: KvType, n_ctx: usize) -> u64 {
        let row = ty.row_bytes(heads.head_dim.next_multiple_of(GROUP)) * heads.n_kv_heads * 2;
        (row as u64).saturating_mul(n_ctx as u64)
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        let scales = self.key_scales.n_bytes() + self.value_scales.n_bytes();
        self.keys.n_bytes() + self.values.n_bytes() + scales
    }

    /// Stores key and value of `head` at `pos`.
    ///
    /// # Safety
    /// No other thread touches this head and position until the next barrier.
    pub unsafe fn write(&self, head: usize, pos: usize, key: &[f32], value: &[f32]) {
        let dim = self.heads.head_dim;
        assert!(head < self.heads.n_kv_heads && pos < self.n_pos, "position beyond the cache");
        assert!(key.len() == dim && value.len() == dim, "head of the wrong size");
        let page = (head * self.n_pos + pos) / PAGE * PAGE * dim + pos % PAGE;
        let row = (head * self.n_pos + pos) * self.v_dim;
        // SAFETY: in bounds by the assertions; exclusive by the caller's promise. Only raw
        // pointers are used, since other threads write other positions of the same page.
        unsafe {
            match self.ty {
                KvType::F32 => {
                    let (k, v) = (self.keys.ptr().cast::<f32>(), self.values.ptr().cast::<f32>());
                    for d in 0..dim {
                        k.add(page + d * PAGE).write(key[d]);
                        v.add(row + d).write(value[d]);
                    }
                }
                KvType::F16 => {
                    let (k, v) = (self.keys.ptr().cast::<u16>(), self.values.ptr().cast::<u16>());
                    for d in 0..dim {
                        k.add(page + d * PAGE).write(to_f16(key[d]));
                        v.add(row + d).write(to_f16(value[d]));
                    }
                }
                KvType::Q8_0 => {
                    let (k, v) = (self.keys.ptr().cast::<i8>(), self.values.ptr().cast::<i8>());
                    let n_groups = dim.div_ceil(GROUP);
                    for (g, numbers) in key.chunks(GROUP).enumerate() {
                        let (d, codes) = quantize(numbers);
                        let at = (head * self.n_pos + pos) / PAGE * n_groups + g;
                        self.key_scales.ptr().add(at * PAGE + pos % PAGE).write(d);
                        for (i, code) in codes.iter().take(numbers.len()).enumerate() {
                            k.add(page + (g * GROUP + i) * PAGE).write(*code);
                        }
                    }
                    for (g, numbers) in value.chunks(GROUP).enumerate() {
                        let (d, codes) = quantize(numbers);
                        let at = (head * self.n_pos + pos) * n_groups + g;
                        self.value_scales.ptr().add(at).write(d);
                        for (i, code) in codes.iter().take(numbers.len()).enumerate() {
                            v.add(row + g * GROUP + i).write(*code);
                        }
                    }
                }
            }
        }
    }

    /// The `n_pages` pages of keys from `pos` (a multiple of 16) on, each `[head_dim][16]`.
    ///
    /// # Safety
    /// No thread writes them meanwhile; `wide` belongs to the calling thread.
    pub unsafe fn key_pages(
        &self,
        head: usize,
        pos: usize,
        n_pages: usize,
        wide: &Widened,
    ) -> Rows {
        use crate::pack::FloatType;
        assert!(head < self.heads.n_kv_heads && pos.is_multiple_of(PAGE));
        assert!(pos + n_pages * PAGE <= self.n_pos && n_pages * PAGE <= KEY_TILE);
        let dim = self.heads.head_dim;
        let first = (head * self.n_pos + pos) * dim;
        // SAFETY: in bounds by the assertions.
        unsafe {
            let rows = |n_bytes: usize, ty| Rows {
                ptr: self.keys.ptr().add(first * n_bytes),
                stride: PAGE * n_bytes,
                ty,
            };
            match self.ty {
                KvType::F32 => rows(4, FloatType::F32),
                KvType::F16 => rows(2, FloatType::F16),
                KvType::Q8_0 => {
                    let out = wide.keys.slice_mut(0..n_pages * dim * PAGE);
                    let codes = self.keys.ptr().cast::<i8>().add(first);
                    let n_groups = dim.div_ceil(GROUP);
                    let scales = self.key_scales.ptr().add(first / dim * n_groups);
                    for (page, out) in out.chunks_exact_mut(dim * PAGE).enumerate() {
                        let groups = out.chunks_mut(GROUP * PAGE).enumerate();
                        for (g, out) in groups {
                            let at = (page * n_groups + g) * PAGE;
                            let scales = scales.add(at).cast::<[u16; PAGE]>().read().map(from_f16);
                            let codes = codes.add((page * dim + g * GROUP) * PAGE);
                            for (d, out) in out.as_chunks_mut::<PAGE>().0.iter_mut().enumerate() {
                                let codes = codes.add(d * PAGE).cast::<[i8; PAGE]>().read();
                                *out = std::array::from_fn(|i| scales[i] * f32::from(codes[i]));
                            }
                        }
                    }
                    Rows { ptr: out.as_ptr().cast(), stride: PAGE * 4, ty: FloatType::F32 }
                }
            }
        }
    }

    /// Asks for the keys or values of a tile that will be read soon.
    pub fn fetch(&self, head: usize, pos: usize, are_keys: bool) {
        if head >= self.heads.n_kv_heads || pos + KEY_TILE > self.n_pos {
            return;
        }
        let (buffer, dim) = match are_keys {
            true => (&self.keys, self.heads.head_dim),
            false => (&self.values, self.v_dim),
        };
        let row_bytes = dim * element_bytes(self.ty);
        let at = (head * self.n_pos + pos) * row_bytes;
        crate::read::prefetch(buffer.ptr().wrapping_add(at), KEY_TILE * row_bytes);
    }

    /// Values of positions `pos..pos + n` (at most 64), as rows of `v_dim`.
    ///
    /// # Safety
    /// As [`KvLayer::key_page`].
    pub unsafe fn value_rows(&self, head: usize, pos: usize, n: usize, wide: &Widened) -> Rows {
        use crate::pack::FloatType;
        assert!(head < self.heads.n_kv_heads && pos + n <= self.n_pos && n <= KEY_TILE);
        let first = head * self.n_pos + pos;
        // SAFETY: in bounds by the assertion.
        unsafe {
            let rows = |n_bytes: usize, ty| Rows {
                ptr: self.values.ptr().add(first * self.v_dim * n_bytes),
                stride: self.v_dim * n_bytes,
                ty,
            };
            match self.ty {
                KvType::F32 => rows(4, FloatType::F32),
                KvType::F16 => rows(2, FloatType::F16),
                KvType::Q8_0 => {
                    let dim = self.heads.head_dim;
                    let n_groups = dim.div_ceil(GROUP);
                    let out = wide.values.slice_mut(0..n * self.v_dim);
                    for (p, out) in out.chunks_exact_mut(self.v_dim).enumerate() {
                        let codes = self.values.ptr().cast::<i8>().add((first + p) * self.v_dim);
                        for (g, out) in out[..dim].chunks_mut(GROUP).enumerate() {
                            let at = (first + p) * n_groups + g;
                            let scale = from_f16(*self.value_scales.ptr().add(at));
                            for (i, out) in out.iter_mut().enumerate() {
                                *out = scale * f32::from(*codes.add(g * GROUP + i));
                            }
                        }
                    }
                    Rows { ptr: out.as_ptr().cast(), stride: self.v_dim * 4, ty: FloatType::F32 }
                }
            }
        }
    }
}

/// Bytes of a number, without its scale.
fn element_bytes(ty: KvType) -> usize {
    match ty {
        KvType::F32 => 4,
        KvType::F16 => 2,
        KvType::Q8_0 => 1,
    }
}

fn to_f16(x: f32) -> u16 {
    half::f16::from_f32(x).to_bits()
}

fn from_f16(bits: u16) -> f32 {
    half::f16::from_bits(bits).to_f32()
}

/// Q8_0 of up to 32 numbers: f16 scale bits and codes.
fn quantize(numbers: &[f32]) -> (u16, [i8; GROUP]) {
    let largest = numbers.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    let mut codes = [0; GROUP];
    for (code, x) in codes.iter_mut().zip(numbers) {
        *code = (x * inverse).round() as i8;
    }
    (to_f16(largest / 127.0), codes)
}
