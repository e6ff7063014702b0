//! The product of one strip with a few rows, written over an instruction set's vocabulary (see
//! [`super::stamp`]).
//!
//! For sequences that are decoded together: a line of codes is read and expanded once and dotted
//! with every row, and each row's sums are made of the same operations in the same order as in the
//! product of one row, so that a row's bits do not depend on its neighbors. Sets without this
//! kernel run the one-row product again for each row while the strip is in the caches.

/// The kernel; needs what [`super::stamp::stamp_dots`] needs.
macro_rules! stamp_few {
    ($(#[$attr:meta])*) => {
        /// Dots of a block with activations `k..k + 32` of each row, as `dots`.
        #[inline]
        $(#[$attr])*
        unsafe fn dots_few<T: Format, const R: usize>(
            block: *const u8,
            acts: &[Act; R],
            k: usize,
        ) -> [(I, I); R] {
            let mut sums = [(d_zero(), d_zero()); R];
            prefetch_lines(block, T::LAYOUT.codes.block_bytes());
            // SAFETY: a whole block and 32 activations of each row from the caller.
            unsafe {
                for g in 0..4 {
                    let (a, b) = expand::<T>(block, g);
                    for (sum, act) in sums.iter_mut().zip(acts) {
                        sum.0 = d_step::<T>(sum.0, a, act, k + 4 * g);
                        sum.1 = d_step::<T>(sum.1, b, act, k + 16 + 4 * g);
                    }
                }
            }
            // A loop, and not `map`: that is a function without this set's features.
            let mut dots = [(i_splat(0), i_splat(0)); R];
            for (dot, (low, high)) in dots.iter_mut().zip(sums) {
                *dot = (d_done::<T>(low), d_done::<T>(high));
            }
            dots
        }

        $(#[$attr])*
        unsafe fn matvec_few<T: Format>(
            strip: *const u8,
            n_units: usize,
            acts: &[Act],
            out: *mut f32,
        ) {
            // SAFETY: the caller gives a strip of `n_units` units and as many activations.
            unsafe {
                match acts {
                    [a, b, c, d] => few::<T, 4>(strip, n_units, &[*a, *b, *c, *d], out),
                    [a, b, c] => few::<T, 3>(strip, n_units, &[*a, *b, *c], out),
                    [a, b] => few::<T, 2>(strip, n_units, &[*a, *b], out),
                    [a, ..] => few::<T, 1>(strip, n_units, &[*a], out),
                    [] => {}
                }
            }
        }

        #[inline]
        $(#[$attr])*
        unsafe fn few<T: Format, const R: usize>(
            strip: *const u8,
            n_units: usize,
            acts: &[Act; R],
            out: *mut f32,
        ) {
            // SAFETY: as `matvec_few`.
            unsafe {
                let sums = if T::LAYOUT.is_super {
                    few_super::<T, R>(strip, n_units, acts)
                } else {
                    few_flat::<T, R>(strip, n_units, acts)
                };
                for (r, sum) in sums.into_iter().enumerate() {
                    f_store(out.add(r * STRIP), sum);
                }
            }
        }

        #[inline]
        $(#[$attr])*
        unsafe fn few_flat<T: Format, const R: usize>(
            strip: *const u8,
            n_units: usize,
            acts: &[Act; R],
        ) -> [F; R] {
            let layout = T::LAYOUT;
            let zero = if layout.codes.is_wide() { WIDE_ZERO } else { layout.zero };
            let mut sums = [f_zero(); R];
            // SAFETY: as `matvec_few`.
            unsafe {
                for unit in 0..n_units {
                    let header = strip.add(unit * layout.unit_bytes());
                    prefetch_lines(header, layout.header_bytes());
                    for half in 0..2 {
                        let block = 2 * unit + half;
                        let bytes =
                            header.add(layout.header_bytes() + half * layout.codes.block_bytes());
                        let dots = dots_few::<T, R>(bytes, acts, block * BLOCK);
                        let d = header.add(half * 2 * STRIP).cast::<u16>();
                        let d = if layout.bf16_scale { f_from_bf16(d) } else { f_from_f16(d) };
                        for r in 0..R {
                            let act = &acts[r];
                            let act_sum =
                                *act.sums.add(2 * block) + *act.sums.add(2 * block + 1);
                            let mut dot = i_add(dots[r].0, dots[r].1);
                            if zero != 0 {
                                dot = i_add(dot, i_splat(-zero * act_sum));
                            }
                            let act_d = *act.d.add(block);
                            sums[r] = f_fma(f_from_i(dot), f_mul(d, f_splat(act_d)), sums[r]);
                            if layout.has_min {
                                let m = f_from_f16(header.add(LINE + half * 2 * STRIP).cast());
                                sums[r] = f_fma(m, f_splat(act_d * act_sum as f32), sums[r]);
                            }
                        }
                    }
                }
            }
            sums
        }

        #[inline]
        $(#[$attr])*
        unsafe fn few_super<T: Format, const R: usize>(
            strip: *const u8,
            n_units: usize,
            acts: &[Act; R],
        ) -> [F; R] {
            let layout = T::LAYOUT;
            let zero = if layout.codes.is_wide() { WIDE_ZERO } else { layout.zero };
            let n_sub = 256 / layout.sub;
            let n_parts = BLOCK / layout.sub;
            let mut sums = [f_zero(); R];
            // SAFETY: as `matvec_few`.
            unsafe {
                for unit in 0..n_units {
                    let header = strip.add(unit * layout.unit_bytes());
                    let scales = header.add(LINE).cast::<i8>();
                    prefetch_lines(header, layout.header_bytes());
                    let mins = scales.add(n_sub * STRIP);
                    let blocks = header.add(layout.header_bytes());
                    let mut total = [i_splat(0); R];
                    let mut min_total = [i_splat(0); R];
                    for i in 0..8 {
                        let block = 8 * unit + i;
                        let bytes = blocks.add(i * layout.codes.block_bytes());
                        let dots = dots_few::<T, R>(bytes, acts, block * BLOCK);
                        for part in 0..n_parts {
                            let sub = n_parts * i + part;
                            let scale = i_load_i8(scales.add(sub * STRIP));
                            for r in 0..R {
                                let at = acts[r].sums.add(2 * block);
                                let act_sum = match (n_parts, part) {
                                    (1, _) => *at + *at.add(1),
                                    _ => *at.add(part),
                                };
                                let mut dot = match (n_parts, part) {
                                    (1, _) => i_add(dots[r].0, dots[r].1),
                                    (_, 0) => dots[r].0,
                                    _ => dots[r].1,
                                };
                                if zero != 0 {
                                    dot = i_add(dot, i_splat(-zero * act_sum));
                                }
                                total[r] = i_add(total[r], i_mul(dot, scale));
                                if layout.has_min {
                                    let min = i_load_i8(mins.add(sub * STRIP));
                                    min_total[r] =
                                        i_add(min_total[r], i_mul(min, i_splat(act_sum)));
                                }
                            }
                        }
                    }
                    for r in 0..R {
                        let act_d = f_splat(*acts[r].d.add(8 * unit));
                        let d = f_mul(f_from_f16(header.cast()), act_d);
                        sums[r] = f_fma(f_from_i(total[r]), d, sums[r]);
                        if layout.has_min {
                            let dmin = f_mul(f_from_f16(header.add(2 * STRIP).cast()), act_d);
                            sums[r] = f_fnma(f_from_i(min_total[r]), dmin, sums[r]);
                        }
                    }
                }
            }
            sums
        }
    };
}
pub(crate) use stamp_few;
