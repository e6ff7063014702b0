//! The tile of the matrix product, written once for the three NEON sets.
//!
//! Eight rows × four tokens at a time, with 8 integer and 8 float sums in registers over a whole
//! panel: both strips at once would need 32 registers for the sums alone. A set says how it sums
//! integers (`tile_dots`) and which outputs share a register:
//! - `N_ROWS × N_TOKENS = 8` registers of 4 outputs; `row_vec` and `token_vec` give the 4 factors
//!   of a register that go by row and by token;
//! - `store_eighth` puts the float sums where they belong.
//!
//! What the compiler makes of it (rustc 1.95, optimized, link-time optimization off to see it): the
//! inner loops are the loads and the dots and nothing else, as with `ldp` and 8 `smmla` per 8
//! columns. In the tile of the sets with dots, at most 3 registers are spilled per block, and only
//! where there are minimums; plain NEON spills up to 9 there. A block of the matrix-vector product
//! is 32 dots in some 130 to 300 instructions with at most 6 registers spilled (plain NEON: 13),
//! most of them in the formats with bit planes.

macro_rules! stamp_neon_tile {
    (#[$attr:meta]) => {
        /// `SUPER`: one activation scale for the whole panel, multiplied in at its end.
        #[$attr]
        unsafe fn tile<
            const SUPER: bool,
            const WIDE: bool,
            const SUB16: bool,
            const HAS_MIN: bool,
        >(
            n_blocks: usize,
            panel: &Panel,
            act: &TileAct,
            c: *mut f32,
            add: bool,
        ) {
            // SAFETY: the caller's panel and tile hold `n_blocks` blocks, `c` is [4][32].
            unsafe {
                for eighth in 0..4 {
                    let sums =
                        tile_eighth::<SUPER, WIDE, SUB16, HAS_MIN>(n_blocks, panel, act, eighth);
                    store_eighth(sums, c.add(8 * eighth), add);
                }
            }
        }

        /// Rows `8·eighth..` of the 32 with four tokens.
        #[inline]
        #[$attr]
        unsafe fn tile_eighth<
            const SUPER: bool,
            const WIDE: bool,
            const SUB16: bool,
            const HAS_MIN: bool,
        >(
            n_blocks: usize,
            panel: &Panel,
            act: &TileAct,
            eighth: usize,
        ) -> [[float32x4_t; N_TOKENS]; N_ROWS] {
            let n_parts = if SUB16 { 2 } else { 1 };
            let n_groups = 8 / n_parts;
            let act_sums = if SUB16 { act.sums16 } else { act.sums32 };
            let mut sums = [[vdupq_n_f32(0.0); N_TOKENS]; N_ROWS];
            let mut mins = sums;
            // SAFETY: as `tile`; all parts are inside the panel.
            unsafe {
                for part in 0..n_blocks * n_parts {
                    let dots = tile_dots::<WIDE>(panel, act, part * n_groups, n_groups, eighth);
                    let at = 2 * part * STRIP + 8 * eighth;
                    for i in 0..N_ROWS {
                        let scale = row_vec(panel.scales.add(at), i);
                        for j in 0..N_TOKENS {
                            let dot = vcvtq_f32_s32(dots[i][j]);
                            let scale = if SUPER {
                                scale
                            } else {
                                let d = token_vec(act.d.add(part / n_parts * TILE_ROWS), j);
                                vmulq_f32(scale, d)
                            };
                            sums[i][j] = vfmaq_f32(sums[i][j], dot, scale);
                        }
                    }
                    if HAS_MIN {
                        for i in 0..N_ROWS {
                            let min = row_vec(panel.mins.add(at), i);
                            for j in 0..N_TOKENS {
                                let act_sum = token_vec(act_sums.add(part * TILE_ROWS), j);
                                mins[i][j] = vfmaq_f32(mins[i][j], min, act_sum);
                            }
                        }
                    }
                }
                for (sums, mins) in sums.iter_mut().zip(mins) {
                    for (j, (sum, min)) in sums.iter_mut().zip(mins).enumerate() {
                        if SUPER {
                            *sum = vmulq_f32(*sum, token_vec(act.d, j));
                        }
                        if HAS_MIN {
                            *sum = vsubq_f32(*sum, min);
                        }
                    }
                }
            }
            sums
        }

        const TILES: [[Tile; 4]; 4] = [
            tiles!(tile, false, false),
            tiles!(tile, false, true),
            tiles!(tile, true, false),
            tiles!(tile, true, true),
        ];
    };
}
pub(crate) use stamp_neon_tile;

/// Registers of one token and four rows: what byte dots give.
macro_rules! stamp_neon_by_token {
    (#[$attr:meta]) => {
        /// Registers per eight rows.
        const N_ROWS: usize = 2;
        /// Registers per four tokens.
        const N_TOKENS: usize = 4;

        #[inline]
        #[$attr]
        unsafe fn row_vec(p: *const f32, i: usize) -> float32x4_t {
            // SAFETY: 8 numbers from the caller.
            unsafe { vld1q_f32(p.add(4 * i)) }
        }

        #[inline]
        #[$attr]
        unsafe fn token_vec(p: *const f32, j: usize) -> float32x4_t {
            // SAFETY: 4 numbers from the caller.
            unsafe { vld1q_dup_f32(p.add(j)) }
        }

        #[inline]
        #[$attr]
        unsafe fn store_eighth(sums: [[float32x4_t; N_TOKENS]; N_ROWS], c: *mut f32, add: bool) {
            // SAFETY: 8 columns of [4][32] from the caller.
            unsafe {
                for (i, sums) in sums.into_iter().enumerate() {
                    for (t, sum) in sums.into_iter().enumerate() {
                        let c = c.add(t * TILE_COLS + 4 * i);
                        let sum = if add { vaddq_f32(vld1q_f32(c), sum) } else { sum };
                        vst1q_f32(c, sum);
                    }
                }
            }
        }
    };
}
pub(crate) use stamp_neon_by_token;

/// The dots of a block where four groups of activations are the lanes of one register.
macro_rules! stamp_neon_lane_dots {
    (#[$attr:meta]) => {
        #[inline]
        #[$attr]
        unsafe fn dots<T: Format>(block: *const u8, act: &Act, k: usize) -> (I, I) {
            let (mut low, mut high) = (i_splat(0), i_splat(0));
            // SAFETY: a whole block and 32 activations from the caller.
            unsafe {
                let a = [vld1q_s8(act.q.add(k)), vld1q_s8(act.q.add(k + 16))];
                group::<T, 0>(block, a, &mut low, &mut high);
                in_order();
                group::<T, 1>(block, a, &mut low, &mut high);
                in_order();
                group::<T, 2>(block, a, &mut low, &mut high);
                in_order();
                group::<T, 3>(block, a, &mut low, &mut high);
            }
            (low, high)
        }

        #[inline]
        #[$attr]
        unsafe fn group<T: Format, const G: usize>(
            block: *const u8,
            a: [int8x16_t; 2],
            low: &mut I,
            high: &mut I,
        ) {
            prefetch::<G>(block, T::LAYOUT.codes.block_bytes() / LINE);
            // SAFETY: a whole block from the caller.
            let lines = unsafe { expand::<T>(block, G) };
            for i in 0..4 {
                low[i] = dot::<T, G>(low[i], lines.0[i], a[0]);
                high[i] = dot::<T, G>(high[i], lines.1[i], a[1]);
            }
        }
    };
}
pub(crate) use stamp_neon_lane_dots;
