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

        /// `M` rows of the product, all in registers. Each row is one sum in ascending `k`, so
        /// that its bits do not depend on how many rows are computed together.
        #[inline]
        $(#[$attr])*
        unsafe fn float_rows<const M: usize, const TY: u8>(x: &FloatArgs, first: usize) {
            // SAFETY: the caller's matrices hold what `FloatArgs` says; `first + M <= m`.
            unsafe {
                let a = x.a.add(first * x.a_stride);
                let c = x.c.add(first * x.c_stride);
                let mut sums = [f_zero(); M];
                if x.add {
                    for (i, sum) in sums.iter_mut().enumerate() {
                        *sum = f_load(c.add(i * x.c_stride));
                    }
                }
                for k in 0..x.k {
                    let b = load_b::<TY>(x.b.add(k * x.b_stride));
                    for (i, sum) in sums.iter_mut().enumerate() {
                        *sum = f_fma(f_splat(*a.add(i * x.a_stride + k)), b, *sum);
                    }
                }
                for (i, sum) in sums.iter().enumerate() {
                    f_store(c.add(i * x.c_stride), *sum);
                }
            }
        }

        $(#[$attr])*
        unsafe fn float_gemm<const TY: u8>(x: &FloatArgs) {
            let mut row = 0;
            // SAFETY: rows below `m`.
            unsafe {
                while row + 8 <= x.m && MAX_FLOAT_ROWS >= 8 {
                    float_rows::<8, TY>(x, row);
                    row += 8;
                }
                while row + 4 <= x.m && MAX_FLOAT_ROWS >= 4 {
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
                    let mut lanes = [0.0f32; 16];
                    let (whole, rest) = values.as_chunks::<16>();
                    for chunk in whole {
                        for i in 0..16 {
                            lanes[i] =
                                if chunk[i].abs() > lanes[i] { chunk[i].abs() } else { lanes[i] };
                        }
                    }
                    let largest =
                        lanes.iter().chain(rest.iter()).fold(0.0f32, |a, b| a.max(b.abs()));
                    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
                    // A NaN or infinity must reach the result, but codes cannot hold it.
                    let poison = values.iter().fold(0.0, |sum, v| sum + v * 0.0);
                    let d = largest / 127.0 + poison;
                    for chunk in values.chunks(16) {
                        let mut sum = 0;
                        let mut codes = [0i8; 16];
                        for (code, value) in codes.iter_mut().zip(chunk) {
                            // Adding 1.5·2²³ rounds to the nearest integer, ties to even.
                            let rounded = (value * inverse + 12_582_912.0).to_bits() as i32;
                            *code = (rounded.wrapping_sub(0x4b40_0000)).clamp(-127, 127) as i8;
                        }
                        for (i, &code) in codes.iter().enumerate() {
                            sum += i32::from(code);
                            *out.q.add(at + i) = code;
                        }
                        if USES_Q16 {
                            for (i, &code) in codes.iter().enumerate() {
                                let swapped = [0, 2, 1, 3][i % 4];
                                *out.q16.add(at + i / 4 * 4 + swapped) = i16::from(code);
                            }
                        }
                        *out.sums.add(at / 16) = sum;
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
