// The id of the largest logit from the slices' best; 0 if nothing is above −inf.
//@use lib/sample_params
@group(0) @binding(4) var<storage, read> lists: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read_write> token_ids: array<u32>;
//@use lib/best

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    var mine = NOTHING;
    for (var i = lane; i < P.n_lists; i += 256u) {
        if (is_before(lists[i], mine)) {
            mine = lists[i];
        }
    }
    let winner = best_of(lane, mine);
    if (lane == 0u) {
        token_ids[S.chosen] = select(0u, winner.y, winner.x > KEY_NEGATIVE_INF);
    }
}
