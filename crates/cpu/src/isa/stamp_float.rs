//! The float kernels, written over an instruction set's vocabulary (see [`super::stamp`]).
//!
//! One product serves float weights, `q·Kᵀ` (a page of 16 keys is laid out like a strip of
//! weights) and `p·V`. The element-wise kernels are plain loops without branches: the compiler
//! vectorizes them for whatever features they are stamped with.

/// All of them.
macro_rules! stamp_floats {
    ($(#[$attr:meta])*) => {
        $crate::isa::stamp_float::stamp_products!($(#[$attr])*);
        $crate::isa::stamp_float::stamp_quantize!($(#[$attr])*);
        $crate::isa::stamp_float::stamp_rows!($(#[$attr])*);
    };
}
pub(crate) use stamp_floats;

/// The product.
macro_rules! stamp_products {
    ($(#[$attr:meta])*) => {
        #[inline]
        $(#[$attr])*
        unsafe fn load_b<const TY: u8>(b: *const u8) -> F {
            // SAFETY: 16 numbers of the type from the caller.
            unsafe {
                match TY {
                    0 => f_load(b.cast()),
                    1 => f_from_f16(b.cast()),
                    _ => f_from_bf16(b.cast()),
                }
            }
        }

        /// `M` rows × `N` strips of the product, all sums in registers: enough of them that adding
        /// does not wait for adding. Each is in ascending `k`, so that its bits do not depend on
        /// what is computed together.
        #[inline]
        $(#[$attr])*
        unsafe fn float_tile<const M: usize, const N: usize, const TY: u8>(
            x: &FloatArgs,
            row: usize,
            strip: usize,
        ) {
            // SAFETY: the caller's matrices hold what `FloatArgs` says; the tile is inside of them.
            unsafe {
                let a = x.a.add(row * x.a_stride);
                let b = x.b.add(strip * x.b_strip);
                let c = |i: usize, j: usize| x.c.add((row + i) * x.c_stride + (strip + j) * STRIP);
                let mut sums = [[f_zero(); N]; M];
                if x.add {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        for (j, sum) in sums.iter_mut().enumerate() {
                            *sum = f_load(c(i, j));
                        }
                    }
                }
                for k in 0..x.k {
                    let mut line = [f_zero(); N];
                    for (j, line) in line.iter_mut().enumerate() {
                        *line = load_b::<TY>(b.add(j * x.b_strip + k * x.b_stride));
                    }
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let a = f_splat(*a.add(i * x.a_stride + k));
                        for (sum, line) in sums.iter_mut().zip(&line) {
                            *sum = f_fma(a, *line, *sum);
                        }
                    }
                }
                for (i, sums) in sums.iter().enumerate() {
                    for (j, sum) in sums.iter().enumerate() {
                        f_store(c(i, j), *sum);
                    }
                }
            }
        }

        /// `M` rows of all strips.
        #[inline]
        $(#[$attr])*
        unsafe fn float_rows<const M: usize, const TY: u8>(x: &FloatArgs, row: usize) {
            let mut strip = 0;
            // SAFETY: strips below `n_strips`, rows as the caller says.
            unsafe {
                while MAX_FLOAT_SUMS / M >= 4 && strip + 4 <= x.n_strips {
                    float_tile::<M, 4, TY>(x, row, strip);
                    strip += 4;
                }
                while MAX_FLOAT_SUMS / M >= 2 && strip + 2 <= x.n_strips {
                    float_tile::<M, 2, TY>(x, row, strip);
                    strip += 2;
                }
                while strip < x.n_strips {
                    float_tile::<M, 1, TY>(x, row, strip);
                    strip += 1;
                }
            }
        }

        $(#[$attr])*
        unsafe fn float_gemm<const TY: u8>(x: &FloatArgs) {
            let mut row = 0;
            // SAFETY: rows below `m`.
            unsafe {
                while row + 8 <= x.m && MAX_FLOAT_SUMS >= 8 {
                    float_rows::<8, TY>(x, row);
                    row += 8;
                }
                while row + 4 <= x.m && MAX_FLOAT_SUMS >= 4 {
                    float_rows::<4, TY>(x, row);
                    row += 4;
                }
                while row + 2 <= x.m {
                    float_rows::<2, TY>(x, row);
                    row += 2;
                }
                if row < x.m {
                    float_rows::<1, TY>(x, row);
                }
            }
        }
    };
}
pub(crate) use stamp_products;

/// Activations to 8 bits.
macro_rules! stamp_quantize {
    ($(#[$attr:meta])*) => {
        $(#[$attr])*
        unsafe fn quantize(x: &[f32], group: usize, out: ActMut) {
            // SAFETY: the caller's arrays hold `x.len()` padded to 64 columns.
            unsafe {
                let mut at = 0;
                for values in x.chunks(group) {
                    let (mut lanes, mut poison) = ([0.0f32; 16], [0.0f32; 16]);
                    let (whole, rest) = values.as_chunks::<16>();
                    let mut last = [0.0; 16];
                    last[..rest.len()].copy_from_slice(rest);
                    for chunk in whole.iter().chain([&last]) {
                        for i in 0..16 {
                            let size = chunk[i].abs();
                            lanes[i] = if size > lanes[i] { size } else { lanes[i] };
                            // A NaN or infinity must reach the result, but codes cannot hold it.
                            poison[i] += chunk[i] * 0.0;
                        }
                    }
                    let largest = lanes.iter().fold(0.0f32, |a, &b| a.max(b));
                    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
                    let d = largest / 127.0 + poison.iter().sum::<f32>();
                    let last = [last];
                    let last = if rest.is_empty() { &[] } else { &last[..] };
                    for chunk in whole.iter().chain(last) {
                        let mut codes = [0i32; 16];
                        for i in 0..16 {
                            // Adding 1.5·2²³ rounds to the nearest integer, ties to even.
                            let rounded = (chunk[i] * inverse + 12_582_912.0).to_bits() as i32;
                            codes[i] = rounded.wrapping_sub(0x4b40_0000).clamp(-127, 127);
                        }
                        *out.q.add(at).cast::<[i8; 16]>() = codes.map(|code| code as i8);
                        if USES_Q16 {
                            for (i, &code) in codes.iter().enumerate() {
                                let swapped = [0, 2, 1, 3][i % 4];
                                *out.q16.add(at + i / 4 * 4 + swapped) = code as i16;
                            }
                        }
                        *out.sums.add(at / 16) = codes.iter().sum();
                        if at % 32 == 0 {
                            *out.d.add(at / 32) = d;
                        }
                        at += 16;
                    }
                }
                // Kernels read whole units: the padding must be zero, whatever was here before.
                while at % 64 != 0 {
                    out.q.add(at).write_bytes(0, 16);
                    if USES_Q16 {
                        out.q16.add(at).write_bytes(0, 16);
                    }
                    *out.sums.add(at / 16) = 0;
                    if at % 32 == 0 {
                        *out.d.add(at / 32) = 0.0;
                    }
                    at += 16;
                }
            }
        }
    };
}
pub(crate) use stamp_quantize;

/// Norms, activation functions, exponentials.
macro_rules! stamp_rows {
    ($(#[$attr:meta])*) => {
        $(#[$attr])*
        unsafe fn rms_norm(x: &[f32], gain: &[f32], eps: f32, out: &mut [f32]) {
            let mut lanes = [0.0f32; 16];
            let (whole, rest) = x.as_chunks::<16>();
            for chunk in whole {
                for i in 0..16 {
                    lanes[i] += chunk[i] * chunk[i];
                }
            }
            let mut sum: f32 = rest.iter().map(|v| v * v).sum();
            for lane in lanes {
                sum += lane;
            }
            let scale = 1.0 / (sum / x.len() as f32 + eps).sqrt();
            for ((out, v), gain) in out.iter_mut().zip(x).zip(gain) {
                *out = v * scale * gain;
            }
        }

        // `bias` is as long as the gain, or empty for none.
        $(#[$attr])*
        unsafe fn layer_norm(x: &[f32], gain: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
            let mut lanes = [0.0f32; 16];
            let (whole, rest) = x.as_chunks::<16>();
            for chunk in whole {
                for i in 0..16 {
                    lanes[i] += chunk[i];
                }
            }
            let sum = lanes.iter().chain(rest).sum::<f32>();
            let mean = sum / x.len() as f32;
            // A second pass: the square of a mean, taken from the mean of squares, would leave
            // little of a variance that is small beside it.
            let mut lanes = [0.0f32; 16];
            for chunk in whole {
                for i in 0..16 {
                    let centered = chunk[i] - mean;
                    lanes[i] += centered * centered;
                }
            }
            let squares = rest.iter().map(|v| (v - mean) * (v - mean));
            let sum = lanes.iter().copied().chain(squares).sum::<f32>();
            let scale = 1.0 / (sum / x.len() as f32 + eps).sqrt();
            for ((out, v), gain) in out.iter_mut().zip(x).zip(gain) {
                *out = (v - mean) * scale * gain;
            }
            for (out, bias) in out.iter_mut().zip(bias) {
                *out += bias;
            }
        }

        $(#[$attr])*
        unsafe fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
            // Strips come 16 at a time: a fixed length becomes straight code.
            if let (Ok(gate), Ok(up), Ok(out)) = (
                <&[f32; 16]>::try_from(gate),
                <&[f32; 16]>::try_from(up),
                <&mut [f32; 16]>::try_from(&mut *out),
            ) {
                for i in 0..16 {
                    out[i] = silu(gate[i]) * up[i];
                }
                return;
            }
            for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                *out = silu(*gate) * up;
            }
        }

        $(#[$attr])*
        unsafe fn gelu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
            if let (Ok(gate), Ok(up), Ok(out)) = (
                <&[f32; 16]>::try_from(gate),
                <&[f32; 16]>::try_from(up),
                <&mut [f32; 16]>::try_from(&mut *out),
            ) {
                for i in 0..16 {
                    out[i] = gelu_tanh(gate[i]) * up[i];
                }
                return;
            }
            for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                *out = gelu_tanh(*gate) * up;
            }
        }

        $(#[$attr])*
        unsafe fn exp_sum(x: &mut [f32], max: f32) -> f32 {
            let mut lanes = [0.0f32; 16];
            let (whole, rest) = x.as_chunks_mut::<16>();
            for chunk in whole {
                for i in 0..16 {
                    chunk[i] = exp(chunk[i] - max);
                    lanes[i] += chunk[i];
                }
            }
            let mut sum = 0.0;
            for v in rest {
                *v = exp(*v - max);
                sum += *v;
            }
            for lane in lanes {
                sum += lane;
            }
            sum
        }
    };
}
pub(crate) use stamp_rows;

/// `x · sigmoid(x)`
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// `0.5·x·(1 + tanh(y))` with `y = √(2/π)·(x + 0.044715·x³)`; half of `1 + tanh(y)` is
/// `1 / (1 + exp(−2y))`.
#[inline(always)]
pub(super) fn gelu_tanh(x: f32) -> f32 {
    let y = 0.797_884_6 * (x + 0.044_715 * x * x * x);
    x / (1.0 + exp(-2.0 * y))
}

/// `exp(x)` to 2 ulp for finite results, without branches; NaN stays NaN. Below −87 the result is
/// about 1e-38 and not subnormal; above 88 it is about 1.7e38 and not infinite.
///
/// `2^n · p(r)` with `n = round(x / ln 2)`; the polynomial is the Taylor series to degree 6, whose
/// error on |r| ≤ 0.35 is below 2e-8.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + 12_582_912.0;
    let n = shifted - 12_582_912.0;
    // ln 2 in two parts, so that n·ln 2 is subtracted exactly.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    let power = (shifted.to_bits() as i32).wrapping_sub(0x4b40_0000).wrapping_add(127) << 23;
    p * f32::from_bits(power as u32)
}
