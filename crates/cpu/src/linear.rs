//! Matrix products of packed weights, by strips of 16 output rows.
//!
//! One token: every weight is read once, so the kernel walks the packed stream. One token of each
//! of a few sequences: the same walk, with all their rows at each strip. A chunk of a prompt: two
//! strips × 256 columns are unpacked into a panel that stays in the first-level cache, and all
//! tokens pass over it.

use std::ops::Range;

use kernels::PlayerError;

use crate::acts::{FewActs, ThreadActs, Tiles, kind_of};
use crate::format::{BLOCK, STRIP};
use crate::isa::{FEW_ROWS, FloatArgs, Isa, PANEL_BLOCKS, Panel, STREAMS, TILE_COLS, TILE_ROWS};
use crate::memory::Buffer;
use crate::pack::{Matrix, Packing};

/// One thread's scratch for products of several rows.
pub struct PanelScratch {
    codes: Buffer<i8>,
    scales: Buffer<f32>,
    mins: Buffer<f32>,
    bias: Buffer<i32>,
    /// `[n_rows][32]` results.
    pub c: Buffer<f32>,
}

impl PanelScratch {
    /// For chunks of `n_rows` rows.
    pub fn new(n_rows: usize) -> Result<Self, PlayerError> {
        // Two sub-blocks of 16 columns per block, two sides.
        let n = PANEL_BLOCKS * 2 * 2 * STRIP;
        Ok(PanelScratch {
            codes: Buffer::new(PANEL_BLOCKS * BLOCK * TILE_COLS, "scratch")?,
            scales: Buffer::new(n, "scratch")?,
            mins: Buffer::new(n, "scratch")?,
            bias: Buffer::new(n, "scratch")?,
            c: Buffer::new(n_rows.next_multiple_of(TILE_ROWS) * TILE_COLS, "scratch")?,
        })
    }

    /// Bytes held.
    pub fn n_bytes(&self) -> u64 {
        let small = self.scales.n_bytes() + self.mins.n_bytes() + self.bias.n_bytes();
        self.codes.n_bytes() + small + self.c.n_bytes()
    }

    fn panel(&self) -> Panel {
        Panel {
            codes: self.codes.ptr(),
            scales: self.scales.ptr(),
            mins: self.mins.ptr(),
            bias: self.bias.ptr(),
        }
    }

    /// A side without a strip contributes nothing.
    unsafe fn clear_side(&self, side: usize) {
        // SAFETY: the scratch belongs to the calling thread.
        unsafe {
            for buffer in [&self.scales, &self.mins] {
                let all = buffer.slice_mut(0..buffer.len());
                all.chunks_exact_mut(STRIP).skip(side).step_by(2).for_each(|part| part.fill(0.0));
            }
            let all = self.bias.slice_mut(0..self.bias.len());
            all.chunks_exact_mut(STRIP).skip(side).step_by(2).for_each(|part| part.fill(0));
        }
    }
}

/// `out[16] = strip · x` for one row: quantized in `acts` (row 0), and as floats in `x`.
///
/// # Safety
/// `acts` was filled for this input; `x` holds `n_cols` numbers.
pub unsafe fn matvec(
    isa: &Isa,
    w: &Matrix,
    strip: usize,
    acts: &ThreadActs,
    x: *const f32,
    out: &mut [f32; STRIP],
) {
    let b = w.strip(strip);
    // SAFETY: the strip has `n_units` units; the caller vouches for the input.
    unsafe {
        match w.packing {
            Packing::Quantized(format) => {
                let kind = usize::from(format.layout().is_super);
                let act = acts.rows[kind][0].view();
                isa.matvec(format)(b, w.n_units(), &act, out.as_mut_ptr());
            }
            Packing::Float(ty) => isa.float_gemm(ty)(&FloatArgs {
                m: 1,
                k: w.n_cols,
                a: x,
                a_stride: w.n_cols,
                b,
                b_stride: STRIP * ty.n_bytes(),
                n_strips: 1,
                b_strip: 0,
                c: out.as_mut_ptr(),
                c_stride: STRIP,
                add: false,
            }),
        }
    }
}

/// As [`matvec`] for several strips, `n_streams` of them in step where the kernels can.
///
/// # Safety
/// As [`matvec`], for every strip.
pub unsafe fn matvecs(
    isa: &Isa,
    strips: &[(&Matrix, usize)],
    n_streams: usize,
    acts: &ThreadActs,
    x: *const f32,
    out: &mut [[f32; STRIP]],
) {
    let mut starts = [std::ptr::null(); STREAMS];
    let n = strips.len().min(STREAMS);
    let is_one_kind =
        |w: &Matrix, first: &Matrix| w.packing == first.packing && w.n_cols == first.n_cols;
    if let (Some(matvecs), Some((first, _))) = (&isa.matvecs, strips.first())
        && let Packing::Quantized(format) = first.packing
        && strips.iter().all(|(w, _)| is_one_kind(w, first))
    {
        for (start, (w, strip)) in starts.iter_mut().zip(strips) {
            *start = w.strip(*strip);
        }
        let act = acts.rows[usize::from(format.layout().is_super)][0].view();
        let in_step = starts[..n].chunks(n_streams.max(1));
        for (starts, out) in in_step.zip(out.chunks_mut(n_streams.max(1))) {
            let out = out.as_mut_ptr().cast();
            // SAFETY: the strips have `n_units` units; the caller vouches for the input.
            unsafe { matvecs[format as usize](starts, first.n_units(), &act, out) };
        }
        return;
    }
    for ((w, strip), out) in strips.iter().zip(out) {
        // SAFETY: as the caller promises.
        unsafe { matvec(isa, w, *strip, acts, x, out) };
    }
}

/// As [`matvec`] for up to [`FEW_ROWS`] rows from row `first` on, each with the bits it has alone.
///
/// # Safety
/// `acts` was filled for these rows; `x` holds all rows of `n_cols` numbers.
pub unsafe fn matvec_few(
    isa: &Isa,
    (w, strip): (&Matrix, usize),
    acts: &FewActs,
    x: *const f32,
    rows: Range<usize>,
    out: &mut [[f32; STRIP]; FEW_ROWS],
) {
    let (b, n) = (w.strip(strip), rows.len().min(FEW_ROWS));
    let out = out.as_mut_ptr().cast::<f32>();
    // SAFETY: the strip has `n_units` units; the caller vouches for the input.
    unsafe {
        match w.packing {
            Packing::Quantized(format) => {
                let rows = &acts.0[usize::from(format.layout().is_super)][rows];
                let Some(first) = rows.first() else { return };
                let mut views = [first.view(); FEW_ROWS];
                views.iter_mut().zip(rows).for_each(|(view, row)| *view = row.view());
                if let Some(few) = &isa.few {
                    return few[format as usize](b, w.n_units(), &views[..n], out);
                }
                for (i, view) in views[..n].iter().enumerate() {
                    isa.matvec(format)(b, w.n_units(), view, out.add(i * STRIP));
                }
            }
            Packing::Float(ty) => isa.float_gemm(ty)(&FloatArgs {
                m: n,
                k: w.n_cols,
                a: x.add(rows.start * w.n_cols),
                a_stride: w.n_cols,
                b,
                b_stride: STRIP * ty.n_bytes(),
                n_strips: 1,
                b_strip: 0,
                c: out,
                c_stride: STRIP,
                add: false,
            }),
        }
    }
}

/// The input of a product of several rows.
pub struct Chunk<'a> {
    pub n_rows: usize,
    /// The first of them among those in `tiles`; whole tiles.
    pub first_row: usize,
    /// By kind of scale; filled where an op's weights need it.
    pub tiles: &'a [Tiles],
    /// `[n_rows, n_cols]`, from `first_row` on.
    pub x: *const f32,
}

/// Two strips, of one matrix or of two; a side may be empty.
pub type Sides<'a> = [Option<(&'a Matrix, usize)>; 2];

/// `c[n_rows][32] = x · sidesᵀ` into the thread's scratch.
///
/// # Safety
/// The chunk was prepared for these matrices; the scratch belongs to the calling thread.
pub unsafe fn matmul(isa: &Isa, sides: Sides<'_>, chunk: &Chunk<'_>, scratch: &PanelScratch) {
    // SAFETY: as the caller promises.
    unsafe {
        match sides {
            [Some(a), Some(b)] if a.0.packing == b.0.packing && a.0.n_cols == b.0.n_cols => {
                product(isa, sides, chunk, scratch, false);
            }
            [a, b] => {
                product(isa, [a, None], chunk, scratch, false);
                if b.is_some() {
                    product(isa, [None, b], chunk, scratch, true);
                }
            }
        }
    }
}

/// One pass; all present sides have one packing.
unsafe fn product(
    isa: &Isa,
    sides: Sides<'_>,
    chunk: &Chunk<'_>,
    scratch: &PanelScratch,
    add: bool,
) {
    let Some((matrix, _)) = sides.iter().flatten().next() else {
        return;
    };
    // SAFETY: as the caller promises.
    unsafe {
        match matrix.packing {
            Packing::Quantized(_) => quantized_product(isa, matrix, sides, chunk, scratch, add),
            Packing::Float(ty) => {
                if !add {
                    scratch.c.slice_mut(0..chunk.n_rows * TILE_COLS).fill(0.0);
                }
                for (side, strip) in sides.iter().enumerate() {
                    let Some((w, strip)) = strip else { continue };
                    isa.float_gemm(ty)(&FloatArgs {
                        m: chunk.n_rows,
                        k: w.n_cols,
                        a: chunk.x,
                        a_stride: w.n_cols,
                        b: w.strip(*strip),
                        b_stride: STRIP * ty.n_bytes(),
                        n_strips: 1,
                        b_strip: 0,
                        c: scratch.c.ptr().add(side * STRIP),
                        c_stride: TILE_COLS,
                        add: true,
                    });
                }
            }
        }
    }
}

unsafe fn quantized_product(
    isa: &Isa,
    matrix: &Matrix,
    sides: Sides<'_>,
    chunk: &Chunk<'_>,
    scratch: &PanelScratch,
    add: bool,
) {
    let (Packing::Quantized(format), Some(kind)) = (matrix.packing, kind_of(matrix.packing)) else {
        return;
    };
    let layout = format.layout();
    let (unpack, tile) = (isa.unpack(format), isa.tile(layout));
    let n_blocks = matrix.n_units() * (layout.unit_cols() / BLOCK);
    let panel = scratch.panel();
    // SAFETY: the scratch is this thread's; strips and tiles hold `n_blocks` blocks.
    unsafe {
        for (side, strip) in sides.iter().enumerate() {
            if strip.is_none() {
                scratch.clear_side(side);
            }
        }
        for first in (0..n_blocks).step_by(PANEL_BLOCKS) {
            let n = PANEL_BLOCKS.min(n_blocks - first);
            for (side, strip) in sides.iter().enumerate() {
                if let Some((w, strip)) = strip {
                    unpack(w.strip(*strip), first, n, &panel, side);
                }
            }
            for t in 0..chunk.n_rows.div_ceil(TILE_ROWS) {
                let act = chunk.tiles[kind].view(chunk.first_row / TILE_ROWS + t, first);
                let c = scratch.c.ptr().add(t * TILE_ROWS * TILE_COLS);
                tile(n, &panel, &act, c, add || first > 0);
            }
        }
    }
}
