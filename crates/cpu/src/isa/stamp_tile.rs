//! The tile of the matrix product and the table of kernels, written over an instruction set's
//! vocabulary (see [`super::stamp`]).
//!
//! Vocabulary: `side_dots::<WIDE>` gives the dots of one side of a panel with four rows, and
//! `TILE_CODE_BYTES` and `TILE_CODE_FLIP` the form of activation codes it reads. Sets with enough
//! registers for the whole tile, or with other code sizes, have their own `tile` and `pack_tile`.

/// An [`super::Isa`] of the kernels in scope: its name, its tiles, its own `unpack` if it has one;
/// with `few;` in front also the kernel of [`super::stamp_few`].
macro_rules! isa_table {
    ($name:literal, $tile:expr) => {
        isa_table!($name, $tile, unpack)
    };
    ($name:literal, $tile:expr, $unpack:ident) => {
        isa_table!(@ $name, $tile, $unpack, None)
    };
    (few; $name:literal, $tile:expr) => {
        isa_table!(@ $name, $tile, unpack, Some(for_all_formats!(matvec_few)))
    };
    (@ $name:literal, $tile:expr, $unpack:ident, $few:expr) => {
        Isa {
            name: $name,
            uses_q16: USES_Q16,
            tile_code_bytes: TILE_CODE_BYTES,
            matvec: for_all_formats!(matvec),
            matvecs: None,
            few: $few,
            unpack: for_all_formats!($unpack),
            tile: $tile,
            float_gemm: [float_gemm::<0>, float_gemm::<1>, float_gemm::<2>],
            widen_f16: None,
            pack_tile,
            quantize,
            rms_norm,
            layer_norm,
            silu_mul,
            gelu_mul,
            exp_sum,
        }
    };
}
pub(crate) use isa_table;

/// A tile kernel by 16-column sub-blocks and minimums (bits 1, 0), after what else tells it apart.
macro_rules! tiles {
    ($tile:ident $(, $first:tt)*) => {
        [
            $tile::<$($first,)* false, false>,
            $tile::<$($first,)* false, true>,
            $tile::<$($first,)* true, false>,
            $tile::<$($first,)* true, true>,
        ]
    };
}
pub(crate) use tiles;

/// The tile for sets without registers for all of it: the running sums live in `c`. With `WIDE`
/// first, wide codes are told apart.
macro_rules! stamp_tile {
    ($(#[$attr:meta])*) => {
        stamp_tile!(@ false; []; $(#[$attr])*);
    };
    (WIDE, $(#[$attr:meta])*) => {
        stamp_tile!(@ WIDE; [const WIDE: bool,]; $(#[$attr])*);
    };
    (@ $wide:tt; [$($wide_param:tt)*]; $(#[$attr:meta])*) => {
        $(#[$attr])*
        unsafe fn tile<$($wide_param)* const SUB16: bool, const HAS_MIN: bool>(
            n_blocks: usize,
            panel: &Panel,
            act: &TileAct,
            c: *mut f32,
            add: bool,
        ) {
            let n_parts = if SUB16 { 2 } else { 1 };
            let n_groups = 8 / n_parts;
            let sums = if SUB16 { act.sums16 } else { act.sums32 };
            // SAFETY: the caller's panel and tile hold `n_blocks` blocks, `c` is [4][32].
            unsafe {
                if !add {
                    std::slice::from_raw_parts_mut(c, TILE_ROWS * TILE_COLS).fill(0.0);
                }
                for part in 0..n_blocks * n_parts {
                    for side in 0..2 {
                        let first = part * n_groups;
                        let dots = side_dots::<$wide>(first, n_groups, side, panel, act);
                        let at = (2 * part + side) * STRIP;
                        let scale = f_load(panel.scales.add(at));
                        for (t, dots) in dots.iter().enumerate() {
                            let c = c.add(t * TILE_COLS + side * STRIP);
                            let d = f_splat(*act.d.add(part / n_parts * TILE_ROWS + t));
                            let mut sum = f_fma(f_from_i(*dots), f_mul(scale, d), f_load(c));
                            if HAS_MIN {
                                let act_sum = f_splat(*sums.add(part * TILE_ROWS + t));
                                sum = f_fnma(f_load(panel.mins.add(at)), act_sum, sum);
                            }
                            f_store(c, sum);
                        }
                    }
                }
            }
        }
    };
}
pub(crate) use stamp_tile;

/// Interleaving four rows of byte codes, each group of four flipped by `TILE_CODE_FLIP`.
macro_rules! stamp_pack_tile {
    ($(#[$attr:meta])*) => {
        $(#[$attr])*
        unsafe fn pack_tile(acts: &[Act], n_blocks: usize, out: *mut u8) {
            // SAFETY: each row has `n_blocks` blocks; `out` holds 128 bytes per block.
            unsafe {
                for t in 0..TILE_ROWS {
                    for g in 0..n_blocks * 8 {
                        let codes = acts.get(t);
                        let codes =
                            codes.map_or(0, |act| act.q.cast::<u32>().add(g).read_unaligned());
                        let place = out.cast::<u32>().add(g * TILE_ROWS + t);
                        place.write_unaligned(codes ^ TILE_CODE_FLIP);
                    }
                }
            }
        }
    };
}
pub(crate) use stamp_pack_tile;
