// x[t] = scale · table[id[t]]
//
// One thread per 16 columns. A table above the binding limit comes in parts; each dispatch writes
// the rows whose id lies in its part.

struct Params {
    n_units: u32,
    stride: u32,     // 16-byte words per row of the table
    first: u32,      // id of the part's row 0
    n_rows: u32,     // rows of the part
    x_stride: u32,   // vec4s per row of x
    scale: f32,
    pad0: u32, pad1: u32,
}

//@use lib/step
@group(0) @binding(4) var<storage, read> token_ids: array<u32>;
@group(0) @binding(5) var<storage, read_write> x: array<vec4<f32>>;
//@slot quant_a as A

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    let g = at.x;
    let id = token_ids[S.ids + at.y] - P.first;
    if (g >= 2u * P.n_units || id >= P.n_rows) {
        return;
    }
    let v = weights_A(id * P.stride, g);
    let to = at.y * P.x_stride + 4u * g;
    for (var i = 0u; i < 4u; i++) {
        x[to + i] = (v.s.x * v.q[i] + v.s.y) * P.scale;
    }
}
