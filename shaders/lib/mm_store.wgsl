// Result of a matrix product: out = W·x + b.

fn put(i: u32, v: f32) {
    out[i] = v;
}
