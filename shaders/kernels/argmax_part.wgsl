// The largest logit of each slice: (key, id). Ties and NaN lose to the lower id.
//@use lib/sample_params
@group(0) @binding(4) var<storage, read> logits: array<f32>;
@group(0) @binding(5) var<storage, read_write> lists: array<vec2<u32>>;
//@use lib/best

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    var mine = NOTHING;
    for (var i = group.x * 256u + lane; i < P.n_vocab; i += P.n_lists * 256u) {
        // −0 ties with +0.
        let key = sort_key(logits[S.logits * P.n_vocab + i]);
        let other = vec2<u32>(select(key, KEY_ZERO, key == KEY_ZERO - 1u), i);
        if (is_before(other, mine)) {
            mine = other;
        }
    }
    let winner = best_of(lane, mine);
    if (lane == 0u) {
        lists[group.x] = winner;
    }
}
