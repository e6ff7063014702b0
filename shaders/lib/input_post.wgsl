// Input of a matrix–vector product: rms_norm(x + post), where post = rms_norm(y) of the op before.
//
// The residual add is left pending by the op before (it only knows Σ y² once all its workgroups
// are done), and done here on the fly. The new x goes to another buffer, each workgroup writing its
// share, because other workgroups still read the old one.
//@use lib/normed

@group(0) @binding(4) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> y_squares: array<f32>;
@group(0) @binding(8) var<storage, read_write> x_next: array<vec4<f32>>;

var<private> post_scale: f32;

fn begin(ids: Ids) {
    var v: array<f32, N_SUMS>;
    for (var i = ids.lane; i < P.n_squares; i += WG) {
        v[0] += y_squares[i];
    }
    sum_all(ids, v);
    post_scale = 1.0 / sqrt(totals[0] / f32(P.n_cols) + P.post_eps);
}

fn x16(i: u32) -> mat4x4<f32> {
    let old = mat4x4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
    let add = mat4x4<f32>(y[i], y[i + 1u], y[i + 2u], y[i + 3u]);
    return old + scaled(add, gain16(P.post_gain + i)) * post_scale;
}

fn keep(i: u32, m: mat4x4<f32>) {
    x_next[i] = m[0];
    x_next[i + 1u] = m[1];
    x_next[i + 2u] = m[2];
    x_next[i + 3u] = m[3];
}

fn load(u: u32, group: u32) -> Unit {
    let a = x16(8u * u);
    let b = x16(8u * u + 4u);
    if (u % P.n_groups == group) {
        keep(8u * u, a);
        keep(8u * u + 4u, b);
    }
    return normed_unit(a, b, u);
}
