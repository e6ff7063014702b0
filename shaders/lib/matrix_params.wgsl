// Parameters of a product with many rows of x, and what all its forms share.

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

//@use lib/step
//@use lib/out
//@slot put

// Word where row `row` of W begins; rows beyond the last are the last.
fn row_of_w(row: u32) -> u32 {
    return P.base + min(row, P.n_rows - 1u) * P.stride;
}

// Row `token` of x, those beyond the last being the last.
fn row_of_x(token: u32) -> u32 {
    return S.row + min(token, S.n_rows - 1u);
}

// Puts the result for a token and a row of W, if both are there.
fn put_result(token: u32, row: u32, v: f32) {
    if (token < S.n_rows && row < P.n_rows) {
        put(token * P.out_stride + P.out + row, v + bias(P.bias, row));
    }
}
