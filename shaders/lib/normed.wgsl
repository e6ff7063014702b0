// Inputs under a deferred norm: g ⊙ x on the way in, and 1 / r at the end.
//@slot unit
//@use lib/vec16

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
