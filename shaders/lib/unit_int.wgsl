// 32 inputs, 32 weights, and their product in integers: four products to an instruction.
//
//   x ≈ d·x', the x' signed bytes (see lib/quantize)
//   Σ (s·q + m)·x ≈ d·(s·Σ q·x' + m·Σ x')   for each half of 16 weights, the sums exact

struct Unit {
    a: vec4<u32>,        // columns 0..16, signed bytes
    b: vec4<u32>,        // columns 16..32
    d: f32,
    sum: vec2<f32>,      // Σ x' of each half
    squares: f32,        // Σ x² before the gain
}

struct Held {
    a: vec4<u32>,
    b: vec4<u32>,
    s: vec4<f32>,        // scale and offset of each half
}

fn dot16(q: vec4<u32>, x: vec4<u32>) -> i32 {
    return dot4I8Packed(q.x, x.x) + dot4I8Packed(q.y, x.y)
         + dot4I8Packed(q.z, x.z) + dot4I8Packed(q.w, x.w);
}

// HALVES: the format has a scale for each 16 weights and not for 32.
fn times(w: Held, x: Unit) -> f32 {
    let a = dot16(w.a, x.a);
    let b = dot16(w.b, x.b);
    if (HALVES) {
        let first = w.s.x * f32(a) + w.s.y * x.sum.x;
        return x.d * (first + (w.s.z * f32(b) + w.s.w * x.sum.y));
    }
    return x.d * (w.s.x * f32(a + b) + w.s.y * (x.sum.x + x.sum.y));
}
