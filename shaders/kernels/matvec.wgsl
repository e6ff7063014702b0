// y = W·x for one token: the kernel that decides decode speed.
//
// A row of W is cut into units of 32 columns. The threads of a workgroup walk over the units, each
// unit of x is read once into registers and used for ROWS rows, and the partial sums meet at the
// end. Up to three matrices that read the same x share a dispatch (Q, K and V): a workgroup stays
// inside one of them. With MATS = 2, each workgroup computes the same rows of two (gate and up).
//
// Slots: product (tensor types), unit and held (float or integer products), input (norms), output
// (residual, activation), reduce.

struct Matrix {
    base: u32,       // first 16-byte word
    stride: u32,     // 16-byte words per row
    n_rows: u32,
    out: u32,        // where row 0 goes
    bias: u32,       // float index in vecs, NONE without
    first: u32,      // first workgroup, NONE if the matrix is not there
    slot: u32,       // 0 or 1: which of the two tensor types
    pad: u32,
}

struct Params {
    m: array<Matrix, 3>,
    n_units: u32,    // 32-column units of a row
    n_groups: u32,   // workgroups with work
    n_cols: u32,     // columns that count for the mean
    x_stride: u32,   // vec4s per row of x
    gain: u32,       // vec4 index in vecs
    eps: f32,
    post_gain: u32,
    post_eps: f32,
    n_squares: u32,  // partial sums the op before left
    squares_at: u32, // where the own ones begin
    pad0: u32, pad1: u32,
}

//@use lib/step
//@use lib/out
//@slot reduce
//@slot input
//@slot product
//@slot output

@compute @workgroup_size(WG)
fn main(
    ids: Ids,
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(num_workgroups) n_at: vec3<u32>,
) {
    let group = at.x + at.y * n_at.x;
    if (group >= P.n_groups) {
        return;
    }
    begin(ids);
    var which = 0u;
    if (MATS == 1u) {
        which = u32(group >= P.m[1].first) + u32(group >= P.m[2].first);
    }
    let m = P.m[which];
    let row = (group - m.first) * ROWS;
    var acc: array<f32, N_SUMS>;
    for (var u = ids.lane; u < P.n_units; u += WG) {
        let x = load(u, group);
        acc[N_SUMS - 1u] += x.squares;
        for (var k = 0u; k < MATS; k++) {
            let mk = P.m[which + k];
            for (var r = 0u; r < ROWS; r++) {
                let start = mk.base + min(row + r, mk.n_rows - 1u) * mk.stride;
                acc[k * ROWS + r] += times(held(mk.slot, start, u), x);
            }
        }
    }
    sum_all(ids, acc);
    finish(ids.lane, group, m, row, min(ROWS, m.n_rows - row));
}
