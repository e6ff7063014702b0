// out[t, r] = Σ_c W[r, c] · x[t, c] for the rows of a prompt, in floats.
//
// A workgroup of 64 threads computes 8·TN rows of W for 8·TM tokens. Sixteen columns at a time go
// to workgroup memory: a thread decodes 16 weights of a row once, and they serve all tokens of the
// tile. Each thread then holds TM × TN results in registers. Tiles are kept along the columns (vec4
// of four columns), so nothing is transposed; rows are padded to five vec4, so that the eight rows
// which neighboring threads read lie in different banks.
//
// Slots: quant, tile (f32 or f16), put (store, residual, activation).
//@use lib/matrix_params
//@use lib/x16
//@slot quant_a as A
//@slot tile

const ROW4: u32 = 5u;

var<workgroup> w_tile: array<TileWord, 8u * TN * ROW4>;
var<workgroup> x_tile: array<vec4<f32>, 8u * TM * ROW4>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let row0 = group.x * 8u * TN;
    let token0 = group.y * 8u * TM;
    let ty = lane / 8u;
    let tx = lane % 8u;
    var acc: array<f32, TM * TN>;
    for (var g = 0u; g < 2u * P.n_units; g++) {
        workgroupBarrier();
        for (var r = lane; r < 8u * TN; r += 64u) {
            let v = weights_A(row_of_w(row0 + r), g);
            for (var i = 0u; i < 4u; i++) {
                w_tile[r * ROW4 + i] = tile_in(v.s.x * v.q[i] + v.s.y);
            }
        }
        for (var i = lane; i < 32u * TM; i += 64u) {
            let at = row_of_x(token0 + i / 4u) * P.x_stride + 4u * g + i % 4u;
            x_tile[(i / 4u) * ROW4 + i % 4u] = x[at];
        }
        workgroupBarrier();
        for (var k = 0u; k < 4u; k++) {
            var xs: array<vec4<f32>, TM>;
            for (var t = 0u; t < TM; t++) {
                xs[t] = x_tile[(ty * TM + t) * ROW4 + k];
            }
            for (var r = 0u; r < TN; r++) {
                let wr = tile_out(w_tile[(tx + 8u * r) * ROW4 + k]);
                for (var t = 0u; t < TM; t++) {
                    acc[t * TN + r] += dot(wr, xs[t]);
                }
            }
        }
    }
    for (var i = 0u; i < TM * TN; i++) {
        put_result(token0 + ty * TM + i / TN, row0 + tx + 8u * (i % TN), acc[i]);
    }
}
