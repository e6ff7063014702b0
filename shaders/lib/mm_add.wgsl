// Result of a matrix product: out += W·x + b, the residual stream.

fn put(i: u32, v: f32) {
    out[i] += v;
}
