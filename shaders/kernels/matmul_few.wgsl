// out[t, r] = Σ_c W[r, c] · x[t, c] for 2 to N tokens: matvec that reads the weights once for all.
//
// A thread holds its unit of ROWS rows of W in registers while it walks over the tokens. Tiles of
// matmul would leave most of their work undone for so few.
//
// Slots: product and held (float or integer), rows (x likewise), put, reduce.
//@use lib/matrix_params
//@slot rows
//@slot product
//@slot reduce

@compute @workgroup_size(WG)
fn main(
    ids: Ids,
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(num_workgroups) n_at: vec3<u32>,
) {
    let row0 = (at.x + at.y * n_at.x) * ROWS;
    if (row0 >= P.n_rows) {
        return;
    }
    var acc: array<f32, N_SUMS>;
    for (var u = ids.lane; u < P.n_units; u += WG) {
        var w_unit: array<Held, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            w_unit[r] = held(0u, row_of_w(row0 + r), u);
        }
        for (var t = 0u; t < N; t++) {
            let x_unit = unit_of_row(row_of_x(t), u);
            for (var r = 0u; r < ROWS; r++) {
                acc[t * ROWS + r] += times(w_unit[r], x_unit);
            }
        }
    }
    sum_all(ids, acc);
    for (var i = ids.lane; i < N * ROWS; i += WG) {
        put_result(i / ROWS, row0 + i % ROWS, totals[i]);
    }
}
