// The id of the largest logit from the slices' best; 0 if nothing is above −inf.
//@use lib/sample_params
@group(0) @binding(4) var<storage, read> lists: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read_write> token_ids: array<u32>;
//@use lib/sort_key

var<workgroup> best: array<vec2<u32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    var mine = vec2<u32>(0u, 0xffffffffu);
    for (var i = lane; i < P.n_lists; i += 256u) {
        if (is_before(lists[i], mine)) {
            mine = lists[i];
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
        token_ids[S.chosen] = select(0u, best[0].y, best[0].x > KEY_NEGATIVE_INF);
    }
}
