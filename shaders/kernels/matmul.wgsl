// out[t, r] = Σ_c W[r, c] · x[t, c] for the rows of a prompt.
//
// A workgroup of 64 threads computes 64 rows of W for 8·TM tokens. Sixteen columns at a time go to
// workgroup memory: each thread decodes 16 weights of its row once, and they serve all tokens of
// the tile. Each thread then holds TM × 8 results in registers. Tiles are kept along the columns
// (vec4 of four columns), so nothing is transposed; rows are padded to five vec4 to spread banks.
//
// Slots: quant, tile (f32 or f16), put (store, residual, activation).

struct Params {
    base: u32,       // first 16-byte word of W
    stride: u32,     // 16-byte words per row
    n_rows: u32,     // rows of W in this dispatch
    n_units: u32,    // 32-column units of a row
    x_stride: u32,   // vec4s per row of x
    out_stride: u32, // floats per row of out
    out: u32,        // column of out where row 0 of W goes
    bias: u32,       // float index in vecs, NONE without
}

const ROW4: u32 = 5u;

//@use lib/step
@group(0) @binding(4) var<storage, read> x: array<vec4<f32>>;
//@use lib/out
//@slot quant_a as A
//@slot tile
//@slot put

var<workgroup> w_tile: array<TileWord, 64u * ROW4>;
var<workgroup> x_tile: array<vec4<f32>, 8u * TM * ROW4>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let row0 = group.x * 64u;
    let token0 = group.y * 8u * TM;
    let w_row = P.base + min(row0 + lane, P.n_rows - 1u) * P.stride;
    let ty = lane / 8u;
    let tx = lane % 8u;
    var acc: array<f32, TM * 8u>;
    for (var g = 0u; g < 2u * P.n_units; g++) {
        let v = weights_A(w_row, g);
        workgroupBarrier();
        for (var i = 0u; i < 4u; i++) {
            w_tile[lane * ROW4 + i] = tile_in(v.s.x * v.q[i] + v.s.y);
        }
        for (var i = lane; i < 32u * TM; i += 64u) {
            let t = S.row + min(token0 + i / 4u, S.n_rows - 1u);
            x_tile[(i / 4u) * ROW4 + i % 4u] = x[t * P.x_stride + 4u * g + i % 4u];
        }
        workgroupBarrier();
        for (var k = 0u; k < 4u; k++) {
            var xs: array<vec4<f32>, TM>;
            for (var t = 0u; t < TM; t++) {
                xs[t] = x_tile[(ty * TM + t) * ROW4 + k];
            }
            for (var r = 0u; r < 8u; r++) {
                let wr = tile_out(w_tile[(tx + 8u * r) * ROW4 + k]);
                for (var t = 0u; t < TM; t++) {
                    acc[t * 8u + r] += dot(wr, xs[t]);
                }
            }
        }
    }
    for (var t = 0u; t < TM; t++) {
        let token = token0 + ty * TM + t;
        for (var r = 0u; r < 8u; r++) {
            let row = row0 + tx + 8u * r;
            if (token < S.n_rows && row < P.n_rows) {
                let v = acc[t * 8u + r] + bias(P.bias, row);
                put(token * P.out_stride + P.out + row, v);
            }
        }
    }
}
