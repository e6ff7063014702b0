// The gate's nonlinearity, chosen by the constant ACT: 0 silu, 1 gelu (tanh form).

fn activate(x: f32) -> f32 {
    if (ACT == 0u) {
        return x / (1.0 + exp(-x));
    }
    // The argument is clamped because tanh overflows to NaN on some GPUs; tanh(±10) is ±1 in f32.
    let u = clamp(0.7978845608 * (x + 0.044715 * x * x * x), -10.0, 10.0);
    return 0.5 * x * (1.0 + tanh(u));
}
