// The largest logit of each slice: (key, id). Ties and NaN lose to the lower id.
//@use lib/sample_params
@group(0) @binding(4) var<storage, read> logits: array<f32>;
@group(0) @binding(5) var<storage, read_write> lists: array<vec2<u32>>;
//@use lib/sort_key

var<workgroup> best: array<vec2<u32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    var mine = vec2<u32>(0u, 0xffffffffu);
    for (var i = group.x * 256u + lane; i < P.n_vocab; i += P.n_lists * 256u) {
        // −0 ties with +0.
        let key = sort_key(logits[i]);
        let other = vec2<u32>(select(key, KEY_ZERO, key == KEY_ZERO - 1u), i);
        if (is_before(other, mine)) {
            mine = other;
        }
    }
    best[lane] = mine;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half >>= 1u) {
        if (lane < half && is_before(best[lane + half], best[lane])) {
            best[lane] = best[lane + half];
        }
        workgroupBarrier();
    }
    if (lane == 0u) {
        lists[group.x] = best[0];
    }
}
