// Input of a matrix–vector product: rms_norm(x), with the norm deferred.
//
//   W·(g ⊙ x / r) = (W·(g ⊙ x)) / r,   r = sqrt(mean x² + eps)
// Every workgroup reads all of x anyway, so it sums the squares on the way and divides at the end:
// no separate norm dispatch.
//@use lib/unit

@group(0) @binding(4) var<storage, read> x: array<vec4<f32>>;

fn begin(ids: Ids) {}

fn x16(i: u32) -> mat4x4<f32> {
    return mat4x4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
}

fn gain16(i: u32) -> mat4x4<f32> {
    return mat4x4<f32>(vecs[i], vecs[i + 1u], vecs[i + 2u], vecs[i + 3u]);
}

fn load(u: u32, group: u32) -> Unit {
    let at = S.row * P.x_stride + 8u * u;
    let a = x16(at);
    let b = x16(at + 4u);
    let ag = scaled(a, gain16(P.gain + 8u * u));
    let bg = scaled(b, gain16(P.gain + 8u * u + 4u));
    return Unit(ag, bg, vec2<f32>(sum16(ag), sum16(bg)), squares16(a) + squares16(b));
}

fn norm_scale() -> f32 {
    return 1.0 / sqrt(totals[N_SUMS - 1u] / f32(P.n_cols) + P.eps);
}
