// Result of the second of two matrix products: out = act(out) ⊙ (W·x + b); the first, the gate,
// is already there.
//@use lib/activation

fn put(i: u32, v: f32) {
    out[i] = activate(out[i]) * v;
}
