// out[t, r] = Σ_c W[r, c] · x[t, c] for the rows of a prompt, in integers.
//
// As kernels/matmul, but both sides are signed bytes, four products to an instruction, and 32
// columns at a time go to workgroup memory: x as `quantize` left it, W as its codes. A row of
// either tile is three words, two of bytes and one of scales; three being odd, the eight rows that
// neighboring threads read lie in different banks.
//
// Slots: quant, put (store, residual, activation).
//@use lib/matrix_params
//@use lib/rows_int
//@slot quant_a as A
//@use lib/held_int as A

var<workgroup> w_tile: array<vec4<u32>, 24u * TN>;
var<workgroup> x_tile: array<vec4<u32>, 24u * TM>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let row0 = group.x * 8u * TN;
    let token0 = group.y * 8u * TM;
    let ty = lane / 8u;
    let tx = lane % 8u;
    var acc: array<f32, TM * TN>;
    for (var u = 0u; u < P.n_units; u++) {
        workgroupBarrier();
        for (var r = lane; r < 8u * TN; r += 64u) {
            let v = held_A(row_of_w(row0 + r), u);
            w_tile[3u * r] = v.a;
            w_tile[3u * r + 1u] = v.b;
            w_tile[3u * r + 2u] = bitcast<vec4<u32>>(v.s);
        }
        for (var i = lane; i < 24u * TM; i += 64u) {
            x_tile[i] = xq[unit_at(row_of_x(token0 + i / 3u), u) + i % 3u];
        }
        workgroupBarrier();
        var xs: array<Unit, TM>;
        for (var t = 0u; t < TM; t++) {
            let at = 3u * (ty * TM + t);
            xs[t] = unit_from(x_tile[at], x_tile[at + 1u], x_tile[at + 2u]);
        }
        for (var r = 0u; r < TN; r++) {
            let at = 3u * (tx + 8u * r);
            let v = Held(w_tile[at], w_tile[at + 1u], bitcast<vec4<f32>>(w_tile[at + 2u]));
            for (var t = 0u; t < TM; t++) {
                acc[t * TN + r] += times(v, xs[t]);
            }
        }
    }
    for (var i = 0u; i < TM * TN; i++) {
        put_result(token0 + ty * TM + i / TN, row0 + tx + 8u * (i % TN), acc[i]);
    }
}
