// Unit `u` of the row at word `row`, as codes.

fn held_Q(row: u32, u: u32) -> Held {
    let a = codes_Q(row, 2u * u);
    let b = codes_Q(row, 2u * u + 1u);
    return Held(a.q, b.q, vec4<f32>(a.s, b.s));
}
