// Rows of x as integer products read them: one thread per unit of 32 elements.
//
// A unit becomes three words: two of signed bytes; d, the sums of both halves and a zero.

struct Params {
    n_units: u32,    // of a row
    x_stride: u32,   // vec4s per row of x
    pad0: u32, pad1: u32,
}

//@use lib/step
@group(0) @binding(5) var<storage, read_write> quantized: array<vec4<u32>>;
//@use lib/x16
//@use lib/quantize

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    if (at.x >= P.n_units) {
        return;
    }
    let row = S.row + at.y;
    let first = row * P.x_stride + 8u * at.x;
    let v = unit_of(x16(first), x16(first + 4u), 0.0);
    let to = 3u * (row * P.n_units + at.x);
    quantized[to] = v.a;
    quantized[to + 1u] = v.b;
    quantized[to + 2u] = bitcast<vec4<u32>>(vec4<f32>(v.d, v.sum, 0.0));
}
