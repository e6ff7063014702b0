//! Activations on their way into a matrix product: normed, quantized to 8 bits, tiled.
//!
//! Scales are per 32 columns for flat weight types and per 256 for super-block types, as ggml
//! quantizes them, so that logits stay comparable. One pass serves all matrices of an op. With one
//! row every thread prepares it for itself: that is a microsecond of work and saves a barrier.

use kernels::PlayerError;

use crate::format::BLOCK;
use crate::isa::{Act, ActMut, Isa, TILE_ROWS, TileAct};
use crate::memory::Buffer;
use crate::pack::{Matrix, Packing};

/// Kinds of activation scales.
pub const N_KINDS: usize = 2;
/// Columns per scale, by kind.
const GROUP: [usize; N_KINDS] = [BLOCK, 256];

/// What an op's weights want their input as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// By kind of scale: per 32, per 256.
    pub quantized: [bool; N_KINDS],
    /// f32 rows.
    pub float: bool,
}

/// The kind of activation a quantized packing reads; `None` for floats.
pub fn kind_of(packing: Packing) -> Option<usize> {
    match packing {
        Packing::Quantized(format) => Some(usize::from(format.layout().is_super)),
        Packing::Float(_) => None,
    }
}

impl Needs {
    /// Adds what `matrix` reads.
    pub fn add(&mut self, matrix: &Matrix) {
        match kind_of(matrix.packing) {
            Some(kind) => self.quantized[kind] = true,
            None => self.float = true,
        }
    }
}

/// Storage of one quantized row.
pub struct RowAct {
    q: Buffer<i8>,
    q16: Buffer<i16>,
    d: Buffer<f32>,
    sums: Buffer<i32>,
    pairs: Buffer<i32>,
}

impl RowAct {
    fn new(n_cols: usize, isa: &Isa) -> Result<Self, PlayerError> {
        let n = n_cols.next_multiple_of(64);
        Ok(RowAct {
            q: Buffer::new(n, "activations")?,
            q16: Buffer::new(if isa.uses_q16 { n } else { 0 }, "activations")?,
            d: Buffer::new(n / 32, "activations")?,
            sums: Buffer::new(n / 16, "activations")?,
            pairs: Buffer::new(if isa.uses_q16 { n / 16 } else { 0 }, "activations")?,
        })
    }

    fn n_bytes(&self) -> u64 {
        let codes = self.q.n_bytes() + self.q16.n_bytes();
        codes + self.d.n_bytes() + self.sums.n_bytes() + self.pairs.n_bytes()
    }

    /// For kernels to read.
    pub fn view(&self) -> Act {
        let Self { q, q16, d, sums, pairs } = self;
        Act { q: q.ptr(), q16: q16.ptr(), d: d.ptr(), sums: sums.ptr(), pairs: pairs.ptr() }
    }

    fn view_mut(&self) -> ActMut {
        let Self { q, q16, d, sums, pairs } = self;
        ActMut { q: q.ptr(), q16: q16.ptr(), d: d.ptr(), sums: sums.ptr(), pairs: pairs.ptr() }
    }
}

/// One thread's own rows: a tile of each kind, and one normed row.
pub struct ThreadActs {
    pub normed: Buffer<f32>,
    pub rows: [[RowAct; TILE_ROWS]; N_KINDS],
}

impl ThreadActs {
    /// Rows of up to `n_cols` columns, for the kinds in `needs`.
    pub fn new(n_cols: usize, needs: Needs, isa: &Isa) -> Result<Self, PlayerError> {
        let row = |kind: usize| RowAct::new(if needs.quantized[kind] { n_cols } else { 0 }, isa);
        let tile = |kind| Ok::<_, PlayerError>([row(kind)?, row(kind)?, row(kind)?, row(kind)?]);
        Ok(ThreadActs { normed: Buffer::new(n_cols, "activations")?, rows: [tile(0)?, tile(1)?] })
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        self.normed.n_bytes() + self.rows.iter().flatten().map(RowAct::n_bytes).sum::<u64>()
    }

    /// Quantizes `x` into row `t` for every kind in `needs`.
    ///
    /// # Safety
    /// Only the owning thread calls this.
    pub unsafe fn quantize(&self, isa: &Isa, needs: Needs, t: usize, x: &[f32]) {
        for (kind, group) in GROUP.into_iter().enumerate() {
            if needs.quantized[kind] {
                // SAFETY: rows were allocated for the widest input of the Plan.
                unsafe { (isa.quantize)(x, group, self.rows[kind][t].view_mut()) };
            }
        }
    }
}

/// Quantized rows of several sequences, by kind of scale, shared by all threads.
pub struct FewActs(pub [Vec<RowAct>; N_KINDS]);

impl FewActs {
    /// Room for `n_rows` rows of up to `n_cols` columns, for the kinds in `needs`.
    pub fn new(n_rows: usize, n_cols: usize, needs: Needs, isa: &Isa) -> Result<Self, PlayerError> {
        let rows = |kind: usize| {
            let n_cols = if needs.quantized[kind] { n_cols } else { 0 };
            (0..n_rows).map(|_| RowAct::new(n_cols, isa)).collect::<Result<Vec<_>, _>>()
        };
        Ok(FewActs([rows(0)?, rows(1)?]))
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        self.0.iter().flatten().map(RowAct::n_bytes).sum()
    }

    /// Quantizes `x` into row `row` for every kind in `needs`.
    ///
    /// # Safety
    /// No other thread touches this row until the next barrier.
    pub unsafe fn quantize(&self, isa: &Isa, needs: Needs, row: usize, x: &[f32]) {
        for (kind, rows) in self.0.iter().enumerate() {
            if let (true, Some(row)) = (needs.quantized[kind], rows.get(row)) {
                // SAFETY: rows were allocated for the widest input of the Plan.
                unsafe { (isa.quantize)(x, GROUP[kind], row.view_mut()) };
            }
        }
    }
}

/// Quantized rows of a chunk, four interleaved, shared by all threads.
pub struct Tiles {
    q: Buffer<u8>,
    d: Buffer<f32>,
    sums32: Buffer<f32>,
    sums16: Buffer<f32>,
    /// Empty where the instruction set has no use for it.
    pairs: Buffer<i32>,
    /// Blocks a tile has room for.
    n_blocks: usize,
    code_bytes: usize,
}

impl Tiles {
    /// Room for `n_rows` rows of up to `n_cols` columns.
    pub fn new(n_rows: usize, n_cols: usize, isa: &Isa) -> Result<Self, PlayerError> {
        let n_tiles = n_rows.div_ceil(TILE_ROWS);
        let n_blocks = n_cols.next_multiple_of(64) / BLOCK;
        let n = n_tiles * n_blocks * TILE_ROWS;
        Ok(Tiles {
            q: Buffer::new(n * BLOCK * isa.tile_code_bytes, "activations")?,
            d: Buffer::new(n, "activations")?,
            sums32: Buffer::new(n, "activations")?,
            sums16: Buffer::new(2 * n, "activations")?,
            pairs: Buffer::new(if isa.uses_q16 { 2 * n } else { 0 }, "activations")?,
            n_blocks,
            code_bytes: isa.tile_code_bytes,
        })
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        let sums = self.sums32.n_bytes() + self.sums16.n_bytes() + self.pairs.n_bytes();
        self.q.n_bytes() + self.d.n_bytes() + sums
    }

    /// Tile `tile` from block `block` on.
    pub fn view(&self, tile: usize, block: usize) -> TileAct {
        assert!((tile + 1) * self.n_blocks * TILE_ROWS <= self.d.len() && block <= self.n_blocks);
        let at = (tile * self.n_blocks + block) * TILE_ROWS;
        // SAFETY: in bounds by the assertion.
        unsafe {
            TileAct {
                q: self.q.ptr().add(at * BLOCK * self.code_bytes),
                d: self.d.ptr().add(at),
                sums32: self.sums32.ptr().add(at),
                sums16: self.sums16.ptr().add(2 * at),
                pairs: self.pairs.ptr().wrapping_add(2 * at),
            }
        }
    }

    /// Interleaves up to four quantized rows of `n_cols` columns into tile `tile`.
    ///
    /// # Safety
    /// No other thread touches this tile until the next barrier.
    pub unsafe fn pack(&self, isa: &Isa, tile: usize, rows: &[RowAct], n_cols: usize) {
        let n_blocks = n_cols.next_multiple_of(64) / BLOCK;
        let at = tile * self.n_blocks * TILE_ROWS;
        let n = n_blocks * TILE_ROWS;
        let none = Act {
            q: std::ptr::null(),
            q16: std::ptr::null(),
            d: std::ptr::null(),
            sums: std::ptr::null(),
            pairs: std::ptr::null(),
        };
        let mut acts = [none; TILE_ROWS];
        for (act, row) in acts.iter_mut().zip(rows) {
            *act = row.view();
        }
        // SAFETY: the tile is exclusive by the caller's promise and large enough.
        unsafe {
            let d = self.d.slice_mut(at..at + n);
            let sums32 = self.sums32.slice_mut(at..at + n);
            let sums16 = self.sums16.slice_mut(2 * at..2 * (at + n));
            for t in 0..TILE_ROWS {
                for b in 0..n_blocks {
                    let (mut scale, mut sums) = (0.0, [0.0; 2]);
                    if let Some(row) = rows.get(t) {
                        scale = row.d.slice(b..b + 1)[0];
                        let codes = row.sums.slice(2 * b..2 * b + 2);
                        sums = [codes[0] as f32, codes[1] as f32];
                    }
                    d[b * TILE_ROWS + t] = scale;
                    sums32[b * TILE_ROWS + t] = scale * (sums[0] + sums[1]);
                    sums16[2 * b * TILE_ROWS + t] = scale * sums[0];
                    sums16[(2 * b + 1) * TILE_ROWS + t] = scale * sums[1];
                }
            }
            if isa.uses_q16 {
                let pairs = self.pairs.slice_mut(2 * at..2 * (at + n));
                for (i, out) in pairs.iter_mut().enumerate() {
                    let (part, t) = (i / TILE_ROWS, i % TILE_ROWS);
                    *out = rows.get(t).map_or(0, |row| row.pairs.slice(part..part + 1)[0]);
                }
            }
            let q = self.q.ptr().add(at * BLOCK * self.code_bytes);
            (isa.pack_tile)(&acts[..rows.len().min(TILE_ROWS)], n_blocks, q);
        }
    }
}
