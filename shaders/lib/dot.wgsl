// Dot product of 32 weights (unit `u` of the row at word `row`) with 32 inputs.
//
//   Σ (d·q + m)·x = d·Σ q·x + m·Σ x   for each half of 16 weights

fn dot_Q(row: u32, u: u32, x: Unit) -> f32 {
    let s0 = scale_Q(row, 2u * u);
    let s1 = scale_Q(row, 2u * u + 1u);
    let q0 = quants_Q(row, 2u * u);
    let q1 = quants_Q(row, 2u * u + 1u);
    let d0 = dot(q0[0], x.a[0]) + dot(q0[1], x.a[1]) + dot(q0[2], x.a[2]) + dot(q0[3], x.a[3]);
    let d1 = dot(q1[0], x.b[0]) + dot(q1[1], x.b[1]) + dot(q1[2], x.b[2]) + dot(q1[3], x.b[3]);
    return s0.x * d0 + s0.y * x.sum.x + (s1.x * d1 + s1.y * x.sum.y);
}
