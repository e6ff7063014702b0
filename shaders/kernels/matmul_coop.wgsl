// out[t, r] = Σ_c W[r, c] · x[t, c] for the rows of a prompt, by the device's matrix units.
//
// Native only: browsers have no such types. A workgroup is four subgroups of SG threads, two by
// two; each holds 4 × 2 fragments of results, SIZE × SIZE each in f32. Weights and inputs are
// rounded to f16 on their way into workgroup memory, 32 columns at a time. There a fragment is one
// piece of memory, so that it is loaded without conflicts. The accumulators are written out one by
// one and not as an array, for an index would push them out of the registers.
//
// Slots: quant, coop (the size of a fragment), put (store, residual, activation).
//@use lib/matrix_params
//@use lib/x16
//@slot quant_a as A
//@slot coop

const PIECE: u32 = SIZE * SIZE;
const ACROSS: u32 = 32u / SIZE;      // fragments along the columns of a step
const F16_MAX: f32 = 65504.0;

var<workgroup> x_tile: array<CoopWord, 8u * SIZE * 32u / PER_WORD>;
var<workgroup> w_tile: array<CoopWord, 4u * SIZE * 32u / PER_WORD>;
var<workgroup> results: array<f32, 4u * PIECE>;

// Where column `k` of a tile's row lies.
fn place(row: u32, k: u32) -> u32 {
    return (row / SIZE * ACROSS + k / SIZE) * PIECE + row % SIZE * SIZE + k % SIZE;
}

// The word where fragment (row, k) of a tile begins.
fn piece(row: u32, k: u32) -> u32 {
    return (row * ACROSS + k) * PIECE / PER_WORD;
}

fn load_tiles(lane: u32, row0: u32, token0: u32, u: u32) {
    for (var i = lane; i < 8u * SIZE; i += 4u * SG) {
        let v = weights_A(row_of_w(row0 + i / 2u), 2u * u + i % 2u);
        for (var j = 0u; j < 4u; j++) {
            keep_w(place(i / 2u, 16u * (i % 2u) + 4u * j), vec4<f16>(v.s.x * v.q[j] + v.s.y));
        }
    }
    for (var i = lane; i < 64u * SIZE; i += 4u * SG) {
        let v = x[row_of_x(token0 + i / 8u) * P.x_stride + 8u * u + i % 8u];
        let bounded = clamp(v, vec4<f32>(-F16_MAX), vec4<f32>(F16_MAX));
        keep_x(place(i / 8u, 4u * (i % 8u)), vec4<f16>(bounded));
    }
}

// Puts the fragment that the subgroup has stored in `results`.
fn put_piece(lane: u32, first: u32, token: u32, row: u32) {
    workgroupBarrier();
    for (var i = lane % SG; i < PIECE; i += SG) {
        put_result(token + i / SIZE, row + i % SIZE, results[first + i]);
    }
    workgroupBarrier();
}

@compute @workgroup_size(4u * SG)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let row0 = group.x * 4u * SIZE;
    let token0 = group.y * 8u * SIZE;
    let sub = lane / SG;
    let t = 4u * (sub / 2u);
    let r = 2u * (sub % 2u);
    let own = sub * PIECE;
    for (var i = lane; i < 4u * PIECE; i += 4u * SG) {
        results[i] = 0.0;
    }
    workgroupBarrier();
    var c00 = coopLoadT<MatC>(&results[own], SIZE);
    var c01 = c00;
    var c10 = c00;
    var c11 = c00;
    var c20 = c00;
    var c21 = c00;
    var c30 = c00;
    var c31 = c00;
    for (var u = 0u; u < P.n_units; u++) {
        workgroupBarrier();
        load_tiles(lane, row0, token0, u);
        workgroupBarrier();
        for (var k = 0u; k < ACROSS; k++) {
            // Rows of W are the columns of B: the same memory, read by columns.
            let b0 = coopLoad<MatB>(&w_tile[piece(r, k)], STRIDE);
            let b1 = coopLoad<MatB>(&w_tile[piece(r + 1u, k)], STRIDE);
            let a0 = coopLoadT<MatA>(&x_tile[piece(t, k)], STRIDE);
            c00 = coopMultiplyAdd(a0, b0, c00);
            c01 = coopMultiplyAdd(a0, b1, c01);
            let a1 = coopLoadT<MatA>(&x_tile[piece(t + 1u, k)], STRIDE);
            c10 = coopMultiplyAdd(a1, b0, c10);
            c11 = coopMultiplyAdd(a1, b1, c11);
            let a2 = coopLoadT<MatA>(&x_tile[piece(t + 2u, k)], STRIDE);
            c20 = coopMultiplyAdd(a2, b0, c20);
            c21 = coopMultiplyAdd(a2, b1, c21);
            let a3 = coopLoadT<MatA>(&x_tile[piece(t + 3u, k)], STRIDE);
            c30 = coopMultiplyAdd(a3, b0, c30);
            c31 = coopMultiplyAdd(a3, b1, c31);
        }
    }
    let token = token0 + t * SIZE;
    let row = row0 + r * SIZE;
    workgroupBarrier();
    coopStoreT(c00, &results[own], SIZE);
    put_piece(lane, own, token, row);
    coopStoreT(c01, &results[own], SIZE);
    put_piece(lane, own, token, row + SIZE);
    coopStoreT(c10, &results[own], SIZE);
    put_piece(lane, own, token + SIZE, row);
    coopStoreT(c11, &results[own], SIZE);
    put_piece(lane, own, token + SIZE, row + SIZE);
    coopStoreT(c20, &results[own], SIZE);
    put_piece(lane, own, token + 2u * SIZE, row);
    coopStoreT(c21, &results[own], SIZE);
    put_piece(lane, own, token + 2u * SIZE, row + SIZE);
    coopStoreT(c30, &results[own], SIZE);
    put_piece(lane, own, token + 3u * SIZE, row);
    coopStoreT(c31, &results[own], SIZE);
    put_piece(lane, own, token + 3u * SIZE, row + SIZE);
}
