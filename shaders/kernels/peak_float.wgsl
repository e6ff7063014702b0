// Multiplies and adds in registers: 64 operations per thread and turn, in eight chains that do not
// wait for each other. The rate that a product in f32 cannot exceed.

struct Params {
    n: u32,      // turns
    stride: u32,
    pad0: u32, pad1: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    let x = vec4<f32>(f32(at.x) * 1e-9);
    var a: array<vec4<f32>, 8>;
    for (var i = 0u; i < P.n; i++) {
        for (var k = 0u; k < 8u; k++) {
            a[k] = fma(a[k], x, x);
        }
    }
    let all = (a[0] + a[1]) + (a[2] + a[3]) + (a[4] + a[5]) + (a[6] + a[7]);
    if (all.x > 1e9) {
        out[0] = all.x;
    }
}
