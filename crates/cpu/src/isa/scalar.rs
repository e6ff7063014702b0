//! Portable kernels: plain arrays and loops, for any machine. The compiler vectorizes some of it.

use super::stamp::{stamp_dots, stamp_quantized};
use super::stamp_float::{exp, gelu_tanh, silu, stamp_floats};
use super::{Act, ActMut, FloatArgs, Isa, Panel, TILE_COLS, TILE_ROWS, TileAct, tile_table};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

type L = [u8; LINE];
type D = [i32; STRIP];
type I = [i32; STRIP];
type F = [f32; STRIP];

/// Wide codes are multiplied as signed numbers.
const WIDE_ZERO: i32 = 0;
const USES_Q16: bool = false;
const MAX_FLOAT_ROWS: usize = 4;

/// The portable set.
pub static ISA: Isa = Isa {
    name: "portable",
    uses_q16: USES_Q16,
    tile_code_bytes: 1,
    matvec: for_all_formats!(matvec),
    unpack: for_all_formats!(unpack),
    tile: tile_table([
        tile::<false, false>,
        tile::<false, true>,
        tile::<true, false>,
        tile::<true, true>,
    ]),
    float_gemm: [float_gemm::<0>, float_gemm::<1>, float_gemm::<2>],
    pack_tile,
    quantize,
    rms_norm,
    silu_mul,
    gelu_mul,
    exp_sum,
};

#[inline(always)]
unsafe fn l_load(p: *const u8) -> L {
    // SAFETY: a whole line from the caller.
    unsafe { p.cast::<L>().read() }
}

#[inline(always)]
fn l_prefetch(_: *const u8) {}

#[inline(always)]
unsafe fn l_store(p: *mut u8, line: L) {
    // SAFETY: a whole line from the caller.
    unsafe { p.cast::<L>().write(line) }
}

#[inline(always)]
fn l_and<const MASK: u8>(a: L) -> L {
    a.map(|v| v & MASK)
}

#[inline(always)]
fn l_or(a: L, b: L) -> L {
    std::array::from_fn(|i| a[i] | b[i])
}

// Byte shifts are enough: callers mask away whatever a 16-bit shift would carry over.
#[inline(always)]
fn l_shl(a: L, n: u32) -> L {
    a.map(|v| v << n)
}

#[inline(always)]
fn l_shr(a: L, n: u32) -> L {
    a.map(|v| v >> n)
}

#[inline(always)]
fn l_sub(a: L, n: u8) -> L {
    a.map(|v| v.wrapping_sub(n))
}

#[inline(always)]
fn l_table(a: L, table: &[u8; 16]) -> L {
    a.map(|v| table[usize::from(v & 15)])
}

#[inline(always)]
fn d_zero() -> D {
    [0; STRIP]
}

#[inline(always)]
unsafe fn d_step<T: Format>(mut sum: D, line: L, act: &Act, k: usize) -> D {
    // SAFETY: 4 activations from the caller.
    let a = unsafe { act.q.add(k).cast::<[i8; 4]>().read() }.map(i32::from);
    let zero = if T::LAYOUT.codes.is_wide() { 128 } else { 0 };
    for (r, sum) in sum.iter_mut().enumerate() {
        for i in 0..4 {
            *sum += (i32::from(line[4 * r + i]) - zero) * a[i];
        }
    }
    sum
}

#[inline(always)]
fn d_done<T: Format>(sum: D) -> I {
    sum
}

#[inline(always)]
fn bias_step(sum: I, _line: L) -> I {
    sum
}

#[inline(always)]
fn i_splat(v: i32) -> I {
    [v; STRIP]
}

#[inline(always)]
fn i_add(a: I, b: I) -> I {
    std::array::from_fn(|i| a[i] + b[i])
}

#[inline(always)]
fn i_mul(a: I, b: I) -> I {
    std::array::from_fn(|i| a[i] * b[i])
}

#[inline(always)]
unsafe fn i_load_i8(p: *const i8) -> I {
    // SAFETY: 16 numbers from the caller.
    unsafe { p.cast::<[i8; STRIP]>().read() }.map(i32::from)
}

#[inline(always)]
unsafe fn i_store(p: *mut i32, v: I) {
    // SAFETY: 16 numbers from the caller.
    unsafe { p.cast::<I>().write(v) }
}

#[inline(always)]
fn f_zero() -> F {
    [0.0; STRIP]
}

#[inline(always)]
fn f_splat(v: f32) -> F {
    [v; STRIP]
}

#[inline(always)]
unsafe fn f_load(p: *const f32) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { p.cast::<F>().read() }
}

#[inline(always)]
unsafe fn f_store(p: *mut f32, v: F) {
    // SAFETY: 16 numbers from the caller.
    unsafe { p.cast::<F>().write(v) }
}

#[inline(always)]
fn f_mul(a: F, b: F) -> F {
    std::array::from_fn(|i| a[i] * b[i])
}

#[inline(always)]
fn f_fma(a: F, b: F, c: F) -> F {
    std::array::from_fn(|i| a[i] * b[i] + c[i])
}

#[inline(always)]
fn f_fnma(a: F, b: F, c: F) -> F {
    std::array::from_fn(|i| c[i] - a[i] * b[i])
}

#[inline(always)]
fn f_from_i(v: I) -> F {
    v.map(|v| v as f32)
}

#[inline(always)]
unsafe fn f_from_f16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { p.cast::<[u16; STRIP]>().read() }.map(|bits| {
        // Exact for normals and subnormals; infinities and NaN need their exponent completed.
        let wide = (i32::from(bits as i16) << 13) & 0x8fff_e000_u32 as i32;
        let value = f32::from_bits(wide as u32) * f32::from_bits(0x7780_0000);
        if bits & 0x7c00 == 0x7c00 { half::f16::from_bits(bits).to_f32() } else { value }
    })
}

#[inline(always)]
unsafe fn f_from_bf16(p: *const u16) -> F {
    // SAFETY: 16 numbers from the caller.
    unsafe { p.cast::<[u16; STRIP]>().read() }.map(|bits| f32::from_bits(u32::from(bits) << 16))
}

stamp_quantized!(#[allow(unused_unsafe)]);
stamp_dots!(#[allow(unused_unsafe)]);
stamp_floats!(#[allow(unused_unsafe)]);

unsafe fn tile<const SUB16: bool, const HAS_MIN: bool>(
    n_blocks: usize,
    panel: &Panel,
    act: &TileAct,
    c: *mut f32,
    add: bool,
) {
    let n_parts = if SUB16 { 2 } else { 1 };
    let n_groups = 8 / n_parts;
    // SAFETY: the caller's panel and tile hold `n_blocks` blocks, `c` is [4][32].
    unsafe {
        if !add {
            std::slice::from_raw_parts_mut(c, TILE_ROWS * TILE_COLS).fill(0.0);
        }
        for part in 0..n_blocks * n_parts {
            let block = part / n_parts;
            for side in 0..2 {
                let mut dots = [[0i32; STRIP]; TILE_ROWS];
                for g in part * n_groups..(part + 1) * n_groups {
                    let line = panel.codes.add((2 * g + side) * LINE).cast::<[i8; LINE]>().read();
                    for (t, dots) in dots.iter_mut().enumerate() {
                        let a = act.q.add((g * TILE_ROWS + t) * 4).cast::<[i8; 4]>().read();
                        for (r, dot) in dots.iter_mut().enumerate() {
                            for i in 0..4 {
                                *dot += i32::from(line[4 * r + i]) * i32::from(a[i]);
                            }
                        }
                    }
                }
                let at = (2 * part + side) * STRIP;
                let scale = f_load(panel.scales.add(at));
                for (t, dots) in dots.iter().enumerate() {
                    let c = c.add(t * TILE_COLS + side * STRIP);
                    let d = f_splat(*act.d.add(block * TILE_ROWS + t));
                    let mut sum = f_fma(f_from_i(*dots), f_mul(scale, d), f_load(c));
                    if HAS_MIN {
                        let sums = if SUB16 { act.sums16 } else { act.sums32 };
                        let act_sum = f_splat(*sums.add(part * TILE_ROWS + t));
                        sum = f_fnma(f_load(panel.mins.add(at)), act_sum, sum);
                    }
                    f_store(c, sum);
                }
            }
        }
    }
}

unsafe fn pack_tile(acts: &[Act], n_blocks: usize, out: *mut u8) {
    // SAFETY: each row has `n_blocks` blocks; `out` holds 128 bytes per block.
    unsafe {
        for g in 0..n_blocks * 8 {
            for t in 0..TILE_ROWS {
                let codes =
                    acts.get(t).map_or([0; 4], |act| act.q.add(4 * g).cast::<[i8; 4]>().read());
                out.add((g * TILE_ROWS + t) * 4).cast::<[i8; 4]>().write(codes);
            }
        }
    }
}
