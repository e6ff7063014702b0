// A product's result: out = W·x + b.

fn put(at: u32, v: f32) {
    out[at] = v;
}
