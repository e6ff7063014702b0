// The best (key, index) pair of a workgroup of 256.
//@use lib/sort_key

const NOTHING = vec2<u32>(0u, 0xffffffffu);

var<workgroup> best: array<vec2<u32>, 256>;

fn best_of(lane: u32, mine: vec2<u32>) -> vec2<u32> {
    best[lane] = mine;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half >>= 1u) {
        if (lane < half && is_before(best[lane + half], best[lane])) {
            best[lane] = best[lane + half];
        }
        workgroupBarrier();
    }
    return best[0];
}
