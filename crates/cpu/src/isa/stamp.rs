//! The quantized kernels, written over an instruction set's vocabulary.
//!
//! Vocabulary (types and functions in scope where the macro is used):
//! - `L`, a line of 64 bytes: `l_load l_prefetch l_store l_and l_or l_shl l_shr l_sub l_table`
//!   (shifts act on 16-bit lanes; callers mask what crosses bytes)
//! - `D`, a dot accumulator over lines: `d_zero d_step d_done`; `WIDE_ZERO` is the zero point that
//!   wide codes still have after a step (128 where bytes are multiplied unsigned, else 0)
//! - `dots`, the dots of a block: [`stamp_dots`] or its own
//! - `I`, 16 × i32: `i_splat i_add i_mul i_load_i8 i_store`, `bias_step`
//! - `F`, 16 × f32: `f_zero f_load f_store f_splat f_mul f_fma f_fnma f_from_i f_from_f16
//!   f_from_bf16`
//!
//! Integer identities used here: with codes `u = w + z`, `Σ w·a = Σ u·a − z·Σa`; minimums enter
//! through `Σ min·Σa`. Both are exact, and sums over a super-block stay far below 2³¹.

/// All of them.
macro_rules! stamp_quantized {
    ($(#[$attr:meta])*) => {
        $crate::isa::stamp::stamp_unpack!($(#[$attr])*);
        $crate::isa::stamp::stamp_matvec!($(#[$attr])*);
    };
}
pub(crate) use stamp_quantized;

/// The panels of the product of several rows.
macro_rules! stamp_unpack {
    ($(#[$attr:meta])*) => {
        /// Lines `g` (columns `4g..`) and `g + 4` (columns `16 + 4g..`) of a block, as codes.
        #[inline]
        $(#[$attr])*
        unsafe fn expand<T: Format>(block: *const u8, g: usize) -> (L, L) {
            let codes = T::LAYOUT.codes;
            // SAFETY: the caller gives a whole block; all offsets are below its size.
            unsafe {
                let line = |i: usize| block.add(i * LINE);
                let low = |nibbles: L| l_and::<0x0f>(nibbles);
                let high = |nibbles: L| l_and::<0x0f>(l_shr(nibbles, 4));
                match codes {
                    Codes::Nibble => {
                        let n = l_load(line(g));
                        (low(n), high(n))
                    }
                    Codes::Table => {
                        let n = l_load(line(g));
                        (l_table(low(n), &T::TABLE), l_table(high(n), &T::TABLE))
                    }
                    Codes::Five => {
                        let (n, p) = (l_load(line(1 + g)), l_load(line(0)));
                        (
                            l_or(low(n), l_and::<0x10>(l_shl(p, 4 - g as u32))),
                            l_or(high(n), l_and::<0x10>(l_shr(p, g as u32))),
                        )
                    }
                    Codes::Six => {
                        let n = l_load(line(2 + g));
                        let pair = |p: L| {
                            let g = g as u32;
                            l_and::<0x30>(if g < 2 {
                                l_shl(p, 4 - 2 * g)
                            } else {
                                l_shr(p, 2 * g - 4)
                            })
                        };
                        (l_or(low(n), pair(l_load(line(0)))), l_or(high(n), pair(l_load(line(1)))))
                    }
                    Codes::Two => {
                        let pair = |p: L| l_and::<3>(l_shr(p, 2 * g as u32));
                        (pair(l_load(line(0))), pair(l_load(line(1))))
                    }
                    Codes::Three => {
                        let pair = |p: L| l_and::<3>(l_shr(p, 2 * g as u32));
                        let (p, g) = (l_load(line(2)), g as u32);
                        let third = if g < 2 { l_shl(p, 2 - g) } else { l_shr(p, g - 2) };
                        (
                            l_or(pair(l_load(line(0))), l_and::<4>(third)),
                            l_or(pair(l_load(line(1))), l_and::<4>(l_shr(p, 2 + g))),
                        )
                    }
                    Codes::Byte => (l_load(line(g)), l_load(line(4 + g))),
                }
            }
        }

        $(#[$attr])*
        unsafe fn unpack<T: Format>(
            strip: *const u8,
            first: usize,
            n_blocks: usize,
            panel: &Panel,
            side: usize,
        ) {
            let layout = T::LAYOUT;
            let unit_blocks = layout.unit_cols() / BLOCK;
            let n_sub = 256 / layout.sub;
            // SAFETY: blocks exist in the strip; the panel holds `n_blocks` blocks of two sides.
            unsafe {
                for b in 0..n_blocks {
                    let (unit, i) = ((first + b) / unit_blocks, (first + b) % unit_blocks);
                    let header = strip.add(unit * layout.unit_bytes());
                    let bytes = header.add(layout.header_bytes() + i * layout.codes.block_bytes());
                    let (mut low_bias, mut high_bias) = (i_splat(0), i_splat(0));
                    for g in 0..4 {
                        let (low, high) = expand::<T>(bytes, g);
                        let (low, high) =
                            (l_sub(low, layout.zero as u8), l_sub(high, layout.zero as u8));
                        let at = |g: usize| panel.codes.add(((8 * b + g) * 2 + side) * LINE).cast();
                        l_store(at(g), low);
                        l_store(at(4 + g), high);
                        low_bias = bias_step(low_bias, low);
                        high_bias = bias_step(high_bias, high);
                    }
                    let n_parts = BLOCK / layout.sub;
                    for part in 0..n_parts {
                        let at = ((n_parts * b + part) * 2 + side) * STRIP;
                        let bias = match (n_parts, part) {
                            (1, _) => i_add(low_bias, high_bias),
                            (_, 0) => low_bias,
                            _ => high_bias,
                        };
                        i_store(panel.bias.add(at), bias);
                        let (scale, min);
                        if layout.is_super {
                            let sub = n_parts * i + part;
                            let scales = header.add(LINE).cast::<i8>();
                            let factor = f_from_i(i_load_i8(scales.add(sub * STRIP)));
                            scale = f_mul(f_from_f16(header.cast()), factor);
                            min = if layout.has_min {
                                let factor = f_from_i(i_load_i8(scales.add((n_sub + sub) * STRIP)));
                                f_mul(f_from_f16(header.add(2 * STRIP).cast()), factor)
                            } else {
                                f_zero()
                            };
                        } else {
                            let d = header.add(i * 2 * STRIP).cast::<u16>();
                            scale = if layout.bf16_scale { f_from_bf16(d) } else { f_from_f16(d) };
                            min = if layout.has_min {
                                let m = f_from_f16(header.add(LINE + i * 2 * STRIP).cast());
                                f_mul(m, f_splat(-1.0))
                            } else {
                                f_zero()
                            };
                        }
                        f_store(panel.scales.add(at), scale);
                        if layout.has_min {
                            f_store(panel.mins.add(at), min);
                        }
                    }
                }
            }
        }
    };
}
pub(crate) use stamp_unpack;

/// The product of one row.
macro_rules! stamp_matvec {
    ($(#[$attr:meta])*) => {
        /// Asks for what lies some way behind `p..p + n_bytes`. Every line of a strip is asked
        /// for, headers too: one line in ten left to the processor costs a fifth of the speed.
        #[inline]
        $(#[$attr])*
        fn prefetch_lines(p: *const u8, n_bytes: usize) {
            for i in 0..n_bytes / LINE {
                l_prefetch(p.wrapping_add(i * LINE));
            }
        }

        $(#[$attr])*
        unsafe fn matvec<T: Format>(strip: *const u8, n_units: usize, act: &Act, out: *mut f32) {
            // SAFETY: the caller gives a strip of `n_units` units and as many activations.
            unsafe {
                let sum = if T::LAYOUT.is_super {
                    matvec_super::<T>(strip, n_units, act)
                } else {
                    matvec_flat::<T>(strip, n_units, act)
                };
                f_store(out, sum);
            }
        }

        #[inline]
        $(#[$attr])*
        unsafe fn matvec_flat<T: Format>(strip: *const u8, n_units: usize, act: &Act) -> F {
            let layout = T::LAYOUT;
            let zero = if layout.codes.is_wide() { WIDE_ZERO } else { layout.zero };
            let mut sum = f_zero();
            // SAFETY: as `matvec`.
            unsafe {
                for unit in 0..n_units {
                    let header = strip.add(unit * layout.unit_bytes());
                    prefetch_lines(header, layout.header_bytes());
                    for half in 0..2 {
                        let block = 2 * unit + half;
                        let bytes =
                            header.add(layout.header_bytes() + half * layout.codes.block_bytes());
                        let (low, high) = dots::<T>(bytes, act, block * BLOCK);
                        let act_sum = *act.sums.add(2 * block) + *act.sums.add(2 * block + 1);
                        let mut dot = i_add(low, high);
                        if zero != 0 {
                            dot = i_add(dot, i_splat(-zero * act_sum));
                        }
                        let act_d = *act.d.add(block);
                        let d = header.add(half * 2 * STRIP).cast::<u16>();
                        let d = if layout.bf16_scale { f_from_bf16(d) } else { f_from_f16(d) };
                        sum = f_fma(f_from_i(dot), f_mul(d, f_splat(act_d)), sum);
                        if layout.has_min {
                            let m = f_from_f16(header.add(LINE + half * 2 * STRIP).cast());
                            sum = f_fma(m, f_splat(act_d * act_sum as f32), sum);
                        }
                    }
                }
            }
            sum
        }

        #[inline]
        $(#[$attr])*
        unsafe fn matvec_super<T: Format>(strip: *const u8, n_units: usize, act: &Act) -> F {
            let layout = T::LAYOUT;
            let zero = if layout.codes.is_wide() { WIDE_ZERO } else { layout.zero };
            let n_sub = 256 / layout.sub;
            let mut sum = f_zero();
            // SAFETY: as `matvec`.
            unsafe {
                for unit in 0..n_units {
                    let header = strip.add(unit * layout.unit_bytes());
                    let scales = header.add(LINE).cast::<i8>();
                    prefetch_lines(header, layout.header_bytes());
                    let mins = scales.add(n_sub * STRIP);
                    let blocks = header.add(layout.header_bytes());
                    let (mut dot, mut min_dot) = (i_splat(0), i_splat(0));
                    for i in 0..8 {
                        let block = 8 * unit + i;
                        let bytes = blocks.add(i * layout.codes.block_bytes());
                        let (low, high) = dots::<T>(bytes, act, block * BLOCK);
                        let sums = (*act.sums.add(2 * block), *act.sums.add(2 * block + 1));
                        if layout.sub == BLOCK {
                            let act_sum = sums.0 + sums.1;
                            let mut part = i_add(low, high);
                            if zero != 0 {
                                part = i_add(part, i_splat(-zero * act_sum));
                            }
                            dot = i_add(dot, i_mul(part, i_load_i8(scales.add(i * STRIP))));
                            if layout.has_min {
                                let min = i_load_i8(mins.add(i * STRIP));
                                min_dot = i_add(min_dot, i_mul(min, i_splat(act_sum)));
                            }
                        } else {
                            for (j, part, act_sum) in
                                [(2 * i, low, sums.0), (2 * i + 1, high, sums.1)]
                            {
                                let mut part = part;
                                if zero != 0 {
                                    part = i_add(part, i_splat(-zero * act_sum));
                                }
                                dot = i_add(dot, i_mul(part, i_load_i8(scales.add(j * STRIP))));
                                if layout.has_min {
                                    let min = i_load_i8(mins.add(j * STRIP));
                                    min_dot = i_add(min_dot, i_mul(min, i_splat(act_sum)));
                                }
                            }
                        }
                    }
                    let act_d = f_splat(*act.d.add(8 * unit));
                    sum = f_fma(f_from_i(dot), f_mul(f_from_f16(header.cast()), act_d), sum);
                    if layout.has_min {
                        let dmin = f_from_f16(header.add(2 * STRIP).cast());
                        sum = f_fnma(f_from_i(min_dot), f_mul(dmin, act_d), sum);
                    }
                }
            }
            sum
        }
    };
}
pub(crate) use stamp_matvec;

/// The dots of a block, line by line; an instruction set may have its own instead.
macro_rules! stamp_dots {
    ($(#[$attr:meta])*) => {
        /// Dots of a block with activations `k..k + 32`: columns 0-15 and columns 16-31.
        #[inline]
        $(#[$attr])*
        unsafe fn dots<T: Format>(block: *const u8, act: &Act, k: usize) -> (I, I) {
            let (mut low, mut high) = (d_zero(), d_zero());
            prefetch_lines(block, T::LAYOUT.codes.block_bytes());
            // SAFETY: a whole block and 32 activations from the caller.
            unsafe {
                for g in 0..4 {
                    let (a, b) = expand::<T>(block, g);
                    low = d_step::<T>(low, a, act, k + 4 * g);
                    high = d_step::<T>(high, b, act, k + 16 + 4 * g);
                }
            }
            (d_done::<T>(low), d_done::<T>(high))
        }
    };
}
pub(crate) use stamp_dots;
