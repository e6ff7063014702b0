//! Portable kernels: plain arrays and loops, for any machine. The compiler vectorizes some of it.

use super::stamp::{stamp_dots, stamp_quantized};
use super::stamp_float::{exp, gelu_tanh, silu, stamp_floats};
use super::stamp_tile::{isa_table, stamp_pack_tile, stamp_tile, tiles};
use super::{Act, ActMut, FloatArgs, Isa, Panel, TILE_COLS, TILE_ROWS, TileAct};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

type L = [u8; LINE];
type D = [i32; STRIP];
type I = [i32; STRIP];
type F = [f32; STRIP];

/// Wide codes are multiplied as signed numbers.
const WIDE_ZERO: i32 = 0;
const USES_Q16: bool = false;
const TILE_CODE_BYTES: usize = 1;
const TILE_CODE_FLIP: u32 = 0;
const MAX_FLOAT_SUMS: usize = 4;

/// The portable set.
pub static ISA: Isa = isa_table!("portable", [tiles!(tile); 4]);

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

stamp_quantized!();
stamp_dots!();
stamp_floats!();
stamp_tile!();
stamp_pack_tile!();

/// Dots of one side of a panel with four rows: groups of 4 columns `first..first + n`.
#[inline(always)]
unsafe fn side_dots<const WIDE: bool>(
    first: usize,
    n: usize,
    side: usize,
    panel: &Panel,
    act: &TileAct,
) -> [I; TILE_ROWS] {
    let mut dots = [[0; STRIP]; TILE_ROWS];
    for g in first..first + n {
        // SAFETY: the groups are inside the caller's panel and tile.
        let line = unsafe { panel.codes.add((2 * g + side) * LINE).cast::<[i8; LINE]>().read() };
        for (t, dots) in dots.iter_mut().enumerate() {
            // SAFETY: as above.
            let a = unsafe { act.q.add((g * TILE_ROWS + t) * 4).cast::<[i8; 4]>().read() };
            for (r, dot) in dots.iter_mut().enumerate() {
                for i in 0..4 {
                    *dot += i32::from(line[4 * r + i]) * i32::from(a[i]);
                }
            }
        }
    }
    dots
}
