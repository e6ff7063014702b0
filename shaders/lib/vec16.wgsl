// Sixteen or thirty-two elements of a row at a time, as matrices of four columns.
//@slot unit

fn sum16(m: mat4x4<f32>) -> f32 {
    let s = m[0] + m[1] + m[2] + m[3];
    return s.x + s.y + s.z + s.w;
}

fn squares16(m: mat4x4<f32>) -> f32 {
    return dot(m[0], m[0]) + dot(m[1], m[1]) + dot(m[2], m[2]) + dot(m[3], m[3]);
}

// Columns scaled one by one.
fn scaled(m: mat4x4<f32>, g: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(m[0] * g[0], m[1] * g[1], m[2] * g[2], m[3] * g[3]);
}

fn gain16(i: u32) -> mat4x4<f32> {
    return mat4x4<f32>(vecs[i], vecs[i + 1u], vecs[i + 2u], vecs[i + 3u]);
}

// Unit `u` of g ⊙ x, with its share of Σ x².
fn normed_unit(a: mat4x4<f32>, b: mat4x4<f32>, u: u32) -> Unit {
    let ag = scaled(a, gain16(P.gain + 8u * u));
    let bg = scaled(b, gain16(P.gain + 8u * u + 4u));
    return unit_of(ag, bg, squares16(a) + squares16(b));
}

// What the deferred norm still owes: 1 / r.
fn norm_scale() -> f32 {
    if (!NORMED) {
        return 1.0;
    }
    return 1.0 / sqrt(totals[N_SUMS - 1u] / f32(P.n_cols) + P.eps);
}
