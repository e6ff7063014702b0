// q, k: optional rms_norm per head, then rotation; k and v go into the cache.
//
//   (a, b) → (a·cos − b·sin, a·sin + b·cos) for each pair
// One workgroup per head and row. The pairs are (2i, 2i + 1) or, with HALVES, (i, i + n_pairs).
// Cosines and sines come from a table made in f64: WGSL's own are wrong for large angles.

struct Params {
    n_heads: u32,
    n_kv_heads: u32,
    n_pairs: u32,
    stride: u32,     // floats per row of q|k|v
    n_ctx: u32,      // capacity of the cache: positions of all sequences
    q_gain: u32,     // float index in vecs
    k_gain: u32,
    eps: f32,
}

//@use lib/step
@group(0) @binding(3) var<storage, read> vecs: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(5) var<storage, read> angles: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> cache_k: array<KvWord>;
@group(0) @binding(7) var<storage, read_write> cache_v: array<KvWord>;
//@slot kv
//@slot reduce

const HD: u32 = 4u * HD4;
var<workgroup> head: array<f32, HD>;

fn normalize(ids: Ids, gain: u32) {
    var v: array<f32, N_SUMS>;
    for (var i = ids.lane; i < HD; i += WG) {
        v[0] += head[i] * head[i];
    }
    sum_all(ids, v);
    let scale = 1.0 / sqrt(totals[0] / f32(HD) + P.eps);
    for (var i = ids.lane; i < HD; i += WG) {
        let at = gain + i;
        head[i] *= scale * vecs[at >> 2u][at & 3u];
    }
    workgroupBarrier();
}

fn rotate(ids: Ids, pos: u32) {
    for (var i = ids.lane; i < P.n_pairs; i += WG) {
        let a = select(2u * i, i, HALVES);
        let b = select(2u * i + 1u, i + P.n_pairs, HALVES);
        let angle = angles[pos * P.n_pairs + i];
        let x = vec2<f32>(head[a], head[b]);
        head[a] = x.x * angle.x - x.y * angle.y;
        head[b] = x.x * angle.y + x.y * angle.x;
    }
    workgroupBarrier();
}

fn four(d4: u32) -> vec4<f32> {
    return vec4<f32>(head[4u * d4], head[4u * d4 + 1u], head[4u * d4 + 2u], head[4u * d4 + 3u]);
}

// Largest magnitude of the 32 elements that share a scale with `d4`.
fn largest_of(d4: u32) -> f32 {
    var largest = vec4<f32>(0.0);
    if (KV_SCALED) {
        for (var i = 0u; i < 8u; i++) {
            largest = max(largest, abs(four((d4 & ~7u) + i)));
        }
    }
    return max(max(largest.x, largest.y), max(largest.z, largest.w));
}

@compute @workgroup_size(WG)
fn main(ids: Ids, @builtin(workgroup_id) group: vec3<u32>) {
    let h = group.x;
    let pos = S.pos + group.y;
    let base = (S.row + group.y) * P.stride + h * HD;
    for (var i = ids.lane; i < HD; i += WG) {
        head[i] = qkv[base + i];
    }
    workgroupBarrier();
    let is_v = h >= P.n_heads + P.n_kv_heads;
    if (!is_v) {
        if (QK_NORM) {
            normalize(ids, select(P.k_gain, P.q_gain, h < P.n_heads));
        }
        rotate(ids, pos);
    }
    if (h < P.n_heads) {
        for (var i = ids.lane; i < HD; i += WG) {
            qkv[base + i] = head[i];
        }
        return;
    }
    let kv_head = (h - P.n_heads) % P.n_kv_heads;
    for (var d4 = ids.lane; d4 < HD4; d4 += WG) {
        let largest = largest_of(d4);
        let at = kv_at(S.base + pos, kv_head, d4);
        let scale_at = kv_scale_at(S.base + pos, kv_head, d4);
        if (is_v) {
            cache_v[at] = kv_word(four(d4), largest);
        } else {
            cache_k[at] = kv_word(four(d4), largest);
        }
        if (KV_SCALED && (d4 & 7u) == 0u) {
            if (is_v) {
                cache_v[scale_at] = kv_scale_word(largest);
            } else {
                cache_k[scale_at] = kv_scale_word(largest);
            }
        }
    }
}
