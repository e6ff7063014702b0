// xn = rms_norm(x + post), x += post, for the rows of a prompt: one workgroup per row.
//
// Decode never runs this: there the norm is deferred into the matrix–vector product.
// POST: 1 if post = rms_norm(y) of the op before is pending; NORM: 0 leaves xn alone.

struct Params {
    n4: u32,         // vec4s per row, padding included
    n_cols: u32,
    gain: u32,       // vec4 index in vecs
    eps: f32,
    post_gain: u32,
    post_eps: f32,
    pad0: u32, pad1: u32,
}

//@use lib/step
@group(0) @binding(3) var<storage, read> vecs: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> xn: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> y: array<vec4<f32>>;
//@slot reduce

@compute @workgroup_size(WG)
fn main(ids: Ids, @builtin(workgroup_id) group: vec3<u32>) {
    let base = (S.row + group.x) * P.n4;
    var v: array<f32, N_SUMS>;
    if (POST == 1u) {
        for (var i = ids.lane; i < P.n4; i += WG) {
            let a = y[base + i];
            v[0] += dot(a, a);
        }
        sum_all(ids, v);
        let scale = 1.0 / sqrt(totals[0] / f32(P.n_cols) + P.post_eps);
        for (var i = ids.lane; i < P.n4; i += WG) {
            x[base + i] += y[base + i] * scale * vecs[P.post_gain + i];
        }
        v[0] = 0.0;
    }
    if (NORM == 0u) {
        return;
    }
    for (var i = ids.lane; i < P.n4; i += WG) {
        let a = x[base + i];
        v[0] += dot(a, a);
    }
    sum_all(ids, v);
    let scale = 1.0 / sqrt(totals[0] / f32(P.n_cols) + P.eps);
    for (var i = ids.lane; i < P.n4; i += WG) {
        xn[base + i] = x[base + i] * scale * vecs[P.gain + i];
    }
}
