// A product's result: out = act(out) ⊙ (W·x + b); the other product, the gate, is already there.
//@use lib/activation

fn put(at: u32, v: f32) {
    out[at] = activate(out[at]) * v;
}
