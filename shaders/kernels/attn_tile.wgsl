// Attention of a prompt's rows over the cache: tiles of 16 queries × 32 positions, online softmax.
//
//   a[t] = Σ_{p ≤ pos_t, pos_t − p < window} softmax_p(scale · q_t·k_p) · v_p
// A query is a pair (row, query head); the GROUP heads that share a key/value head are put side by
// side, so each tile of keys and values serves all of them. Positions after the tile's last row or
// before its window are never visited. Keys and values pass through workgroup memory 32 elements
// of head_dim at a time; results stay in registers: 2 queries × 4 elements per chunk and thread.

struct Params {
    n_kv_heads: u32,
    n_ctx: u32,
    stride: u32,     // vec4s per row of q|k|v
    window: u32,
    a_stride: u32,   // vec4s per row of a
    scale: f32,
    pad0: u32, pad1: u32,
}

//@use lib/step
@group(0) @binding(4) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> a: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> cache_k: array<KvWord>;
@group(0) @binding(7) var<storage, read> cache_v: array<KvWord>;
//@slot kv

const CHUNKS: u32 = (HD4 + 7u) / 8u;
const ROW4: u32 = 9u;                // 8 vec4 and one to spread banks

var<workgroup> q_tile: array<vec4<f32>, 16u * ROW4>;
var<workgroup> kv_tile: array<vec4<f32>, 32u * ROW4>;
//@use lib/tile_softmax

// vec4 index of query `m`'s head within a row of q (and of a).
fn query_head(kv_head: u32, m: u32) -> u32 {
    return (kv_head * GROUP + m % GROUP) * HD4;
}

fn load_q(lane: u32, kv_head: u32, m0: u32, chunk: u32) {
    for (var i = lane; i < 128u; i += 64u) {
        let m = m0 + i / 8u;
        let d = chunk * 8u + i % 8u;
        var v = vec4<f32>(0.0);
        if (m < S.n_rows * GROUP && d < HD4) {
            v = qkv[(m / GROUP) * P.stride + query_head(kv_head, m) + d] * P.scale;
        }
        q_tile[(i / 8u) * ROW4 + i % 8u] = v;
    }
}

fn load_kv(lane: u32, kv_head: u32, p0: u32, chunk: u32, end: u32, is_v: bool) {
    for (var i = lane; i < 256u; i += 64u) {
        let p = p0 + i / 8u;
        let d = chunk * 8u + i % 8u;
        var v = vec4<f32>(0.0);
        if (p < end && d < HD4) {
            let at = kv_at(S.base + p, kv_head, d);
            let scale_at = kv_scale_at(S.base + p, kv_head, d);
            if (is_v) {
                v = kv_value(cache_v[at], cache_v[scale_at]);
            } else {
                v = kv_value(cache_k[at], cache_k[scale_at]);
            }
        }
        kv_tile[(i / 8u) * ROW4 + i % 8u] = v;
    }
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let kv_head = group.y;
    let m0 = group.x * 16u;
    let last_row = min((m0 + 15u) / GROUP, S.n_rows - 1u);
    let end = S.pos + last_row + 1u;
    let first = S.pos + m0 / GROUP + 1u;
    let start = (first - min(first, P.window)) / 32u * 32u;
    let qi = (lane / 8u) * 2u;
    let kj = lane % 8u;
    var o: array<vec4<f32>, 2u * CHUNKS>;
    if (lane < 16u) {
        top[lane] = LOW;
        total[lane] = 0.0;
    }
    for (var p0 = start; p0 < end; p0 += 32u) {
        var s = array<f32, 8>(); // in words, as in attn_split
        for (var c = 0u; c < CHUNKS; c++) {
            workgroupBarrier();
            load_q(lane, kv_head, m0, c);
            load_kv(lane, kv_head, p0, c, end, false);
            workgroupBarrier();
            for (var d = 0u; d < 8u; d++) {
                let qa = q_tile[qi * ROW4 + d];
                let qb = q_tile[(qi + 1u) * ROW4 + d];
                for (var j = 0u; j < 4u; j++) {
                    let k = kv_tile[(kj + 8u * j) * ROW4 + d];
                    s[j] += dot(qa, k);
                    s[4u + j] += dot(qb, k);
                }
            }
        }
        for (var i = 0u; i < 8u; i++) {
            let m = qi + i / 4u;
            let p = p0 + kj + 8u * (i % 4u);
            let own = S.pos + (m0 + m) / GROUP;
            let seen = p <= own && own - p < P.window;
            scores[m * 32u + kj + 8u * (i % 4u)] = select(LOW, s[i], seen);
        }
        workgroupBarrier();
        soften(lane);
        for (var c = 0u; c < CHUNKS; c++) {
            load_kv(lane, kv_head, p0, c, end, true);
            workgroupBarrier();
            o[2u * c] *= rescale[qi];
            o[2u * c + 1u] *= rescale[qi + 1u];
            for (var p = 0u; p < 32u; p++) {
                let v = kv_tile[p * ROW4 + kj];
                o[2u * c] += scores[qi * 32u + p] * v;
                o[2u * c + 1u] += scores[(qi + 1u) * 32u + p] * v;
            }
            workgroupBarrier();
        }
    }
    for (var i = 0u; i < 2u * CHUNKS; i++) {
        let m = m0 + qi + i % 2u;
        let d = (i / 2u) * 8u + kj;
        if (m < S.n_rows * GROUP && d < HD4) {
            a[(m / GROUP) * P.a_stride + query_head(kv_head, m) + d] = o[i] / total[qi + i % 2u];
        }
    }
}
