// Dot products of four signed bytes in registers: 256 operations per thread and turn (four products
// and four sums each), in 32 chains. The rate that an integer product cannot exceed.

struct Params {
    n: u32,      // turns
    stride: u32,
    pad0: u32, pad1: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(5) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    var a: array<i32, 32>;
    for (var i = 0u; i < P.n; i++) {
        for (var k = 0u; k < 32u; k++) {
            a[k] += dot4I8Packed(u32(a[k]) + at.x, 0x01020304u);
        }
    }
    var all = 0;
    for (var k = 0u; k < 32u; k++) {
        all |= a[k];
    }
    if (all == 0x12345678) {
        out[0] = all;
    }
}
