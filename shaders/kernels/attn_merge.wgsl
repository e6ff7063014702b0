// Joins the spans of attn_split:  a = Σ_s e^(m_s − M)·o_s / Σ_s e^(m_s − M)·l_s,  M = max m_s.
//
// One workgroup per query head, one thread per four elements.

struct Params {
    max_spans: u32,
    window: u32,
    n_heads: u32,
    a_stride: u32,   // vec4s per row of a
}

//@use lib/step
@group(0) @binding(4) var<storage, read> partial: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> a: array<vec4<f32>>;

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let n_pos = min(S.pos + 1u, P.window);
    let n = (n_pos + SPAN - 1u) / SPAN;
    let base = (S.row * P.n_heads + group.x) * P.max_spans * (HD4 + 1u);
    var largest = -3e38;
    for (var s = 0u; s < n; s++) {
        largest = max(largest, partial[base + s * (HD4 + 1u) + HD4].x);
    }
    for (var d = lane; d < HD4; d += WG) {
        var sum = vec4<f32>(0.0);
        var total = 0.0;
        for (var s = 0u; s < n; s++) {
            let at = base + s * (HD4 + 1u);
            let weight = exp(partial[at + HD4].x - largest);
            sum += weight * partial[at + d];
            total += weight * partial[at + HD4].y;
        }
        a[S.row * P.a_stride + group.x * HD4 + d] = sum / total;
    }
}
