// Reads a buffer once, 16 bytes at a time, and does as little as possible with it: the bandwidth
// that a product cannot exceed.

struct Params {
    n: u32,      // 16-byte words to read
    stride: u32, // threads of the whole grid
    pad0: u32, pad1: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(2) var<storage, read> w: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    var all = vec4<u32>(0u);
    for (var i = at.x; i < P.n; i += P.stride) {
        all |= w[i];
    }
    // Never true for a buffer of zeros, which no compiler knows.
    if ((all.x | all.y | all.z | all.w) != 0u) {
        out[0] = all.x;
    }
}
