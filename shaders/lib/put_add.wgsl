// A product's result: out += W·x + b, the residual stream.

fn put(at: u32, v: f32) {
    out[at] += v;
}
