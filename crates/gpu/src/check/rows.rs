//! Norms of rows, and rotation with the write into the cache.

use bytemuck::cast_slice;
use kernels::shader::Kernel;
use kernels::shader::params::{self, Step};
use kernels::{KvType, PlayerError, RopeStyle, RopeTable, twin};

use super::F32_SUMS;
use super::cache::CacheLayer;
use super::data::{Random, nmse, padded};
use super::run::{Checker, Run, floats};

/// A value between two steps of the stored type may fall to either side, so a few stored values may
/// differ by a step: 1/127 of the largest for Q8_0, 2^-11 for f16. Squared, and rare.
const STORED_Q8: f64 = 1e-6;
const STORED_F16: f64 = 1e-9;

pub async fn check(checker: &mut Checker<'_>) -> Result<(), PlayerError> {
    for (n_rows, width) in [(1, 32), (3, 172), (5, 2048)] {
        norm(checker, n_rows, width).await?;
    }
    for kv in [KvType::F32, KvType::F16, KvType::Q8_0] {
        for (head_dim, n_pairs, qk_norm) in [(32, 16, false), (96, 48, true), (256, 64, true)] {
            for style in [RopeStyle::Interleaved, RopeStyle::Halves] {
                rope(checker, kv, head_dim, n_pairs, qk_norm, style).await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn norm(
    checker: &mut Checker<'_>,
    n_rows: usize,
    width: usize,
) -> Result<(), PlayerError> {
    let name = format!("norm {n_rows}x{width}");
    if !checker.wants(&name) {
        return Ok(());
    }
    let mut random = Random::new(20);
    let (x, y) = (random.floats(n_rows * width), random.floats(n_rows * width));
    let (gain, post_gain) = (random.floats(width), random.floats(width));
    let (xp, yp) = (padded(&x, width), padded(&y, width));
    let mut gains = padded(&gain, width);
    let post_at = gains.len() / 4;
    gains.extend(padded(&post_gain, width));
    let params = params::NormRows {
        n4: (xp.len() / n_rows / 4) as u32,
        n_cols: width as u32,
        gain: 0,
        eps: 1e-5,
        post_gain: post_at as u32,
        post_eps: 1e-6,
        ..Default::default()
    };
    let xn = vec![0.0f32; xp.len()];
    let run = Run {
        kernel: Kernel::Norm { post: true, norm: true },
        params,
        step: Step { n_rows: n_rows as u32, ..Step::default() },
        buffers: vec![
            (3, cast_slice(&gains)),
            (4, cast_slice(&xp)),
            (5, cast_slice(&xn)),
            (6, cast_slice(&yp)),
        ],
        outputs: vec![4, 5],
        grid: [n_rows as u32, 1],
    };
    let outputs = checker.run(run).await?;
    let (mut sums, mut normed) = (Vec::new(), Vec::new());
    let mut row = vec![0.0; width];
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact(width)) {
        twin::rms_norm(y, &post_gain, 1e-6, &mut row);
        let sum: Vec<f32> = x.iter().zip(&row).map(|(a, b)| a + b).collect();
        twin::rms_norm(&sum, &gain, 1e-5, &mut row);
        sums.extend(sum);
        normed.extend_from_slice(&row);
    }
    let error = nmse(&floats(&outputs, 4), &padded(&sums, width))
        .max(nmse(&floats(&outputs, 5), &padded(&normed, width)));
    checker.record(name, error, F32_SUMS);
    Ok(())
}

pub(super) async fn rope(
    checker: &mut Checker<'_>,
    kv: KvType,
    head_dim: usize,
    n_pairs: usize,
    qk_norm: bool,
    style: RopeStyle,
) -> Result<(), PlayerError> {
    let name = format!("rope {kv:?} {head_dim} {style:?} norm {qk_norm}");
    if !checker.wants(&name) {
        return Ok(());
    }
    let (n_heads, n_kv, n_ctx, pos, n_rows) = (3, 2, 9, 4, 3);
    let row = (n_heads + 2 * n_kv) * head_dim;
    let mut random = Random::new(21);
    let qkv = random.floats(n_rows * row);
    let gains = random.floats(2 * head_dim);
    let angles = angles_of(style, n_pairs, n_ctx);
    let empty = CacheLayer::new(kv, &vec![0.0; n_ctx * n_kv * head_dim]);
    let params = params::RopeKv {
        n_heads: n_heads as u32,
        n_kv_heads: n_kv as u32,
        n_pairs: n_pairs as u32,
        stride: row as u32,
        n_ctx: n_ctx as u32,
        q_gain: 0,
        k_gain: head_dim as u32,
        eps: 1e-6,
    };
    let halves = style == RopeStyle::Halves;
    let run = Run {
        kernel: Kernel::RopeKv { kv, head_dim: head_dim as u32, halves, qk_norm },
        params,
        step: Step { n_rows: n_rows as u32, pos: pos as u32, ..Step::default() },
        buffers: vec![
            (3, cast_slice(&gains)),
            (4, cast_slice(&qkv)),
            (5, cast_slice(&angles)),
            (6, &empty.bytes),
            (7, &empty.bytes),
        ],
        outputs: vec![4, 6, 7],
        grid: [(n_heads + 2 * n_kv) as u32, n_rows as u32],
    };
    let outputs = checker.run(run).await?;
    let mut want = qkv;
    let mut cache = [empty.values.clone(), empty.values];
    for (t, row) in want.chunks_exact_mut(row).enumerate() {
        let at = pos + t;
        let angles = &angles[at * 2 * n_pairs..][..2 * n_pairs];
        for (h, head) in row.chunks_exact_mut(head_dim).enumerate() {
            let gain = (qk_norm && h < n_heads + n_kv).then(|| match h < n_heads {
                true => &gains[..head_dim],
                false => &gains[head_dim..],
            });
            let rotated = (h < n_heads + n_kv).then_some((style, angles));
            let out = expected_head(head, gain, rotated);
            if h < n_heads {
                head.copy_from_slice(&out);
                continue;
            }
            let cell = (at * n_kv + (h - n_heads) % n_kv) * head_dim;
            let layer = &mut cache[(h - n_heads) / n_kv];
            layer[cell..cell + head_dim].copy_from_slice(&CacheLayer::new(kv, &out).values);
        }
    }
    let n = n_ctx * n_kv * head_dim;
    checker.record(format!("{name}: q"), nmse(&floats(&outputs, 4), &want), F32_SUMS);
    let tolerance = match kv {
        KvType::F32 => F32_SUMS,
        KvType::F16 => STORED_F16,
        KvType::Q8_0 => STORED_Q8,
    };
    for (binding, layer) in [(6, &cache[0]), (7, &cache[1])] {
        let bytes = outputs.get(&binding).map_or(&[][..], Vec::as_slice);
        let error = nmse(&CacheLayer::read(kv, bytes, n), layer);
        checker.record(format!("{name}: cache {binding}"), error, tolerance);
    }
    Ok(())
}

/// A head after its norm and its rotation, where it has them.
fn expected_head(
    head: &[f32],
    gain: Option<&[f32]>,
    rotated: Option<(RopeStyle, &[f32])>,
) -> Vec<f32> {
    let mut out = head.to_vec();
    if let Some(gain) = gain {
        twin::rms_norm(head, gain, 1e-6, &mut out);
    }
    if let Some((style, angles)) = rotated {
        twin::rope(&mut out, style, angles);
    }
    out
}

/// Cosines and sines of the usual frequencies for all positions.
fn angles_of(style: RopeStyle, n_pairs: usize, n_ctx: usize) -> Vec<f32> {
    let inv_freq = (0..n_pairs).map(|i| 10000f64.powf(-(i as f64) / n_pairs as f64)).collect();
    let table = RopeTable { style, inv_freq, magnitude: 1.25, long: None };
    let mut angles = vec![0.0; n_ctx * 2 * n_pairs];
    for (p, out) in angles.chunks_exact_mut(2 * n_pairs).enumerate() {
        table.cos_sin(p, out);
    }
    angles
}
