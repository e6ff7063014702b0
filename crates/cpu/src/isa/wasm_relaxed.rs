//! Relaxed SIMD: byte dots, in one of three ways that one probe tells apart.
//!
//! `i32x4.relaxed_dot_i8x16_i7x16_add` is one instruction where the browser has `vpdpbusd` or
//! `sdot`. Elsewhere on x86 V8 makes five of it (`pmaddubsw`, `pmaddwd` by ones that it builds each
//! time, `paddd`), while `i16x8.relaxed_dot_i8x16_i7x16` is `pmaddubsw` alone: there ("pairs") sums
//! stay in 16 bits over 8 or 16 columns and are widened once, together with the K types' sub-scale.
//! That they fit is arithmetic: a lane starts at `−z·Σa` of its own columns (wrapping), so that at
//! the end of a chain it holds `Σ(u−z)·a`, at most 16·16·127 or 8·32·127 = 32 512.
//!
//! Codes of 4 to 6 bits are within the 7 bits that are the same on every engine. Full bytes are
//! not: they are multiplied as unsigned or as signed bytes where the probe says that this is
//! exact, and as 16-bit numbers where `pmaddubsw` would saturate.
//!
//! A strip is read in ascending order, header first (sub-scales are widened into scratch before
//! the first line): V8 has no prefetch, only the processor's own, which follows one stream.

use std::arch::wasm32::*;

use super::stamp::stamp_unpack;
use super::stamp_float::{exp, gelu_tanh, silu, stamp_products, stamp_rows};
use super::stamp_tile::tiles;
use super::wasm_rows::quantize;
use super::wasm_simd::*;
use super::{Act, FloatArgs, FloatGemm, Isa, Panel};
use crate::format::{BLOCK, Codes, Format, LINE, STRIP, for_all_formats};

#[path = "wasm_matvec.rs"]
mod matvec;
#[path = "wasm_tile.rs"]
mod tile;

/// 16-bit sums of pairs; full bytes as 16-bit numbers.
const PAIRS: u8 = 0;
/// 32-bit sums of four; full bytes unsigned.
const FOURS_UNSIGNED: u8 = 1;
/// 32-bit sums of four; full bytes signed.
const FOURS_SIGNED: u8 = 2;

const MAX_FLOAT_SUMS: usize = 2;

/// The sets this engine is exact with, best first.
pub fn available() -> Vec<&'static Isa> {
    // Pairs of the largest products: exact, exact as signed bytes, or cut to 16 bits.
    let dot = |a: i8, w: u8| {
        let (a, w) = (std::hint::black_box(i8x16_splat(a)), std::hint::black_box(u8x16_splat(w)));
        i32x4_extract_lane::<0>(fours(i32x4_splat(0), w, a))
    };
    match (dot(127, 255), dot(-127, 255)) {
        (129_540, -129_540) => vec![&unsigned::ISA, &pairs::ISA],
        (-508, 508) => vec![&signed::ISA],
        _ => vec![&pairs::ISA],
    }
}

macro_rules! relaxed_isa {
    ($way:ident, $mode:ident, $name:literal) => {
        mod $way {
            use super::*;

            #[target_feature(enable = "relaxed-simd")]
            unsafe fn matvec<T: Format>(strip: *const u8, n: usize, act: &Act, out: *mut f32) {
                // SAFETY: as the caller promises.
                unsafe { matvecs::<T>(&[strip], n, act, out) }
            }

            #[target_feature(enable = "relaxed-simd")]
            unsafe fn matvecs<T: Format>(
                strips: &[*const u8],
                n_units: usize,
                act: &Act,
                out: *mut f32,
            ) {
                // SAFETY: as the caller promises.
                unsafe { super::matvec::run::<T, $mode>(strips, n_units, act, out) }
            }

            use super::tile::{code_bytes, narrow, pack, wide};

            pub static ISA: Isa = Isa {
                name: $name,
                uses_q16: true,
                tile_code_bytes: code_bytes($mode),
                matvec: for_all_formats!(matvec),
                matvecs: Some(for_all_formats!(matvecs)),
                few: None,
                unpack: for_all_formats!(unpack_codes),
                tile: [
                    tiles!(narrow, $mode),
                    tiles!(wide, $mode),
                    tiles!(narrow, $mode),
                    tiles!(wide, $mode),
                ],
                float_gemm: products::TABLE,
                widen_f16: Some(widen_f16),
                pack_tile: pack::<$mode>,
                quantize: quantize::<{ $mode == PAIRS }>,
                rms_norm,
                layer_norm,
                silu_mul,
                gelu_mul,
                exp_sum,
            };
        }
    };
}

relaxed_isa!(pairs, PAIRS, "relaxed SIMD (pairs)");
relaxed_isa!(unsigned, FOURS_UNSIGNED, "relaxed SIMD");
relaxed_isa!(signed, FOURS_SIGNED, "relaxed SIMD (signed)");

/// Numbers of weights and of the cache are seldom subnormal.
mod products {
    use super::f_from_f16_normal as f_from_f16;
    use super::*;

    pub const TABLE: [FloatGemm; 3] = [float_gemm::<0>, float_gemm::<1>, float_gemm::<2>];

    stamp_products!(#[target_feature(enable = "relaxed-simd")]);
}

stamp_rows!(#[target_feature(enable = "relaxed-simd")]);
stamp_unpack!(#[target_feature(enable = "relaxed-simd")]);

#[inline]
#[target_feature(enable = "relaxed-simd")]
fn f_fma(a: F, b: F, c: F) -> F {
    [
        f32x4_relaxed_madd(a[0], b[0], c[0]),
        f32x4_relaxed_madd(a[1], b[1], c[1]),
        f32x4_relaxed_madd(a[2], b[2], c[2]),
        f32x4_relaxed_madd(a[3], b[3], c[3]),
    ]
}

/// `sum + codes·a`, codes unsigned and below 128.
#[inline]
#[target_feature(enable = "relaxed-simd")]
fn fours(sum: v128, codes: v128, a: v128) -> v128 {
    i32x4_relaxed_dot_i8x16_i7x16_add(a, codes, sum)
}

/// `n`, in a way that keeps the compiler from unrolling a loop over so many lines: it would order
/// the unrolled steps by sum, so that V8 runs out of registers for codes and activations, and the
/// processor no longer sees one stream of loads.
#[inline(always)]
fn rolled(n: usize) -> usize {
    std::hint::black_box(n)
}

/// As [`fours`], or in 16 bits by pairs.
#[inline]
#[target_feature(enable = "relaxed-simd")]
fn step<const M: u8>(sum: v128, codes: v128, a: v128) -> v128 {
    if M == PAIRS {
        i16x8_add(sum, i16x8_relaxed_dot_i8x16_i7x16(a, codes))
    } else {
        fours(sum, codes, a)
    }
}

/// The end of a chain of [`step`]s, as four sums.
#[inline]
#[target_feature(enable = "relaxed-simd")]
fn widen<const M: u8>(sum: v128) -> v128 {
    if M == PAIRS { i32x4_dot_i16x8(sum, i16x8_splat(1)) } else { sum }
}

/// Sixteen codes times as many 16-bit activations (columns 0 and 2, columns 1 and 3), where bytes
/// would saturate.
#[inline]
#[target_feature(enable = "relaxed-simd")]
fn step16(sum: v128, codes: v128, (even, odd): (v128, v128)) -> v128 {
    let even = i32x4_dot_i16x8(v128_and(codes, u16x8_splat(0xff)), even);
    let odd = i32x4_dot_i16x8(u16x8_shr(codes, 8), odd);
    i32x4_add(sum, i32x4_add(even, odd))
}

/// Panels keep codes as they are; the zero point is taken off in the tile.
#[inline(always)]
fn l_sub(a: L, _zero: u8) -> L {
    a
}

/// A zero point for 5-bit codes that have none, so that a chain of them fits in 16 bits.
const FIVE_ZERO: i32 = 16;

/// As [`super::Unpack`]. The first `bias` of the panel is what its chains multiply the sums of
/// activations by.
#[target_feature(enable = "relaxed-simd")]
unsafe fn unpack_codes<T: Format>(
    strip: *const u8,
    first: usize,
    n_blocks: usize,
    panel: &Panel,
    side: usize,
) {
    let layout = T::LAYOUT;
    let is_moved = matches!(layout.codes, Codes::Five) && layout.zero == 0;
    // SAFETY: as the caller promises.
    unsafe {
        unpack::<T>(strip, first, n_blocks, panel, side);
        panel.bias.write(if is_moved { -FIVE_ZERO } else { -layout.zero });
        if is_moved {
            // d·u − m = d·(u − 16) − (m − 16·d)
            for block in 0..n_blocks {
                let at = (2 * block + side) * STRIP;
                let zero = f_splat(FIVE_ZERO as f32);
                let min = f_load(panel.mins.add(at));
                f_store(panel.mins.add(at), f_fnma(f_load(panel.scales.add(at)), zero, min));
            }
        }
    }
}
