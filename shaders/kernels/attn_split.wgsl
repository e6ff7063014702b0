// Attention of one token over SPAN positions of the cache (flash-decoding).
//
//   a = Σ_p softmax_p(scale · q·k_p) · v_p
// One workgroup per key/value head and span, with all the query heads that share it (GROUP), so
// keys and values are read once, each into a register that serves all of them; more heads than fit
// are cut into `n_cuts` workgroups.
// A span's scores fit in workgroup memory, so the softmax is two passes over them and not online.
// With one span the result is final; with more, each leaves (Σ, max, sum) for attn_merge.

struct Params {
    n_kv_heads: u32,
    n_ctx: u32,
    stride: u32,     // vec4s per row of q|k|v
    window: u32,     // positions seen, the own one included
    max_spans: u32,  // capacity of `partial` per head
    scale: f32,
    n_cuts: u32,     // workgroups that share a key/value head
    a_stride: u32,   // vec4s per row of a
}

//@use lib/step
@group(0) @binding(4) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> a: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> cache_k: array<KvWord>;
@group(0) @binding(7) var<storage, read> cache_v: array<KvWord>;
@group(0) @binding(8) var<storage, read_write> partial: array<vec4<f32>>;
//@slot kv

const CHUNKS: u32 = 16u;             // parts of a span that one head's softmax is cut into
const ITEMS: u32 = GROUP * HD4;      // results, vec4 each
// Parts of a span that values are summed in: enough for all threads, within 8 KiB.
const PARTS: u32 = max(1u, min(WG / HD4, 512u / ITEMS));

// First the queries; when the scores are made, the parts of the results.
var<workgroup> q: array<vec4<f32>, PARTS * ITEMS>;
var<workgroup> scores: array<f32, GROUP * SPAN>;
var<workgroup> chunk: array<f32, GROUP * CHUNKS>;
var<workgroup> chunk_sum: array<f32, GROUP * CHUNKS>;

fn key(pos: u32, head: u32, d4: u32) -> vec4<f32> {
    return kv_value(cache_k[kv_at(pos, head, d4)], cache_k[kv_scale_at(pos, head, d4)]);
}

fn value(pos: u32, head: u32, d4: u32) -> vec4<f32> {
    return kv_value(cache_v[kv_at(pos, head, d4)], cache_v[kv_scale_at(pos, head, d4)]);
}

fn chunk_max(h: u32) -> f32 {
    var m = -3e38;
    for (var c = 0u; c < CHUNKS; c++) {
        m = max(m, chunk[h * CHUNKS + c]);
    }
    return m;
}

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>,
        @builtin(num_workgroups) n_groups: vec3<u32>) {
    let head0 = group.x * GROUP;
    let kv_head = group.x / P.n_cuts;
    let end = S.pos + 1u;
    let start = end - min(end, P.window) + group.y * SPAN;
    let n = min(SPAN, end - start);
    for (var i = lane; i < ITEMS; i += WG) {
        q[i] = qkv[S.row * P.stride + head0 * HD4 + i] * P.scale;
    }
    workgroupBarrier();
    for (var p = lane; p < n; p += WG) {
        // Zero in words: a browser was seen to zero a bare declaration once and not in every round.
        var s = array<f32, GROUP>();
        for (var d = 0u; d < HD4; d++) {
            let k = key(S.base + start + p, kv_head, d);
            for (var h = 0u; h < GROUP; h++) {
                s[h] += dot(q[h * HD4 + d], k);
            }
        }
        for (var h = 0u; h < GROUP; h++) {
            scores[h * SPAN + p] = s[h];
        }
    }
    workgroupBarrier();
    for (var i = lane; i < GROUP * CHUNKS; i += WG) {
        var m = -3e38;
        for (var p = i % CHUNKS; p < n; p += CHUNKS) {
            m = max(m, scores[(i / CHUNKS) * SPAN + p]);
        }
        chunk[i] = m;
    }
    workgroupBarrier();
    for (var i = lane; i < GROUP * n; i += WG) {
        let at = (i / n) * SPAN + i % n;
        scores[at] = exp(scores[at] - chunk_max(i / n));
    }
    workgroupBarrier();
    for (var i = lane; i < GROUP * CHUNKS; i += WG) {
        var sum = 0.0;
        for (var p = i % CHUNKS; p < n; p += CHUNKS) {
            sum += scores[(i / CHUNKS) * SPAN + p];
        }
        chunk_sum[i] = sum;
    }
    for (var i = lane; i < PARTS * HD4; i += WG) {
        var s = array<vec4<f32>, GROUP>();
        for (var p = i / HD4; p < n; p += PARTS) {
            let v = value(S.base + start + p, kv_head, i % HD4);
            for (var h = 0u; h < GROUP; h++) {
                s[h] += scores[h * SPAN + p] * v;
            }
        }
        for (var h = 0u; h < GROUP; h++) {
            q[(i / HD4) * ITEMS + h * HD4 + i % HD4] = s[h];
        }
    }
    workgroupBarrier();
    for (var i = lane; i < ITEMS; i += WG) {
        let h = i / HD4;
        var sum = vec4<f32>(0.0);
        for (var part = 0u; part < PARTS; part++) {
            sum += q[part * ITEMS + i];
        }
        var total = 0.0;
        for (var c = 0u; c < CHUNKS; c++) {
            total += chunk_sum[h * CHUNKS + c];
        }
        if (n_groups.y == 1u) {
            a[S.row * P.a_stride + head0 * HD4 + i] = sum / total;
        } else {
            let row = S.row * P.n_kv_heads * P.n_cuts * GROUP;
            let at = ((row + head0 + h) * P.max_spans + group.y) * (HD4 + 1u);
            partial[at + i % HD4] = sum;
            if (i % HD4 == 0u) {
                partial[at + HD4] = vec4<f32>(chunk_max(h), total, 0.0, 0.0);
            }
        }
    }
}
