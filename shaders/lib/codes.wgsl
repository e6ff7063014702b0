// Sixteen weights of an integer format from its `codes_Q`, as floats.
//@use lib/code_bits
//@use lib/weights

fn weights_Q(row: u32, g: u32) -> Weights {
    let c = codes_Q(row, g);
    let q = mat4x4<f32>(signed_bytes(c.q.x), signed_bytes(c.q.y),
                        signed_bytes(c.q.z), signed_bytes(c.q.w));
    return Weights(q, c.s);
}
