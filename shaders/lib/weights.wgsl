// Sixteen weights as floats: w[i] = s.x · q[i] + s.y.
//@use lib/word

struct Weights {
    q: mat4x4<f32>,
    s: vec2<f32>,
}

const AS_THEY_ARE = vec2<f32>(1.0, 0.0);
