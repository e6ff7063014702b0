// The sampler's chain on the slices' sorted lists: merge to top_k, top-p, min-p, temperature, draw.
//
// Follows `kernels::sampling::choose` step by step. The merge is a tournament: every round the
// workgroup finds the best list head. The rest is at most 256 numbers in a fixed order, one thread.
//@use lib/sample_params
@group(0) @binding(4) var<storage, read> lists: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read_write> token_ids: array<u32>;
//@use lib/best

const MAX_K: u32 = 256u;
const MAX_LISTS: u32 = 4u;           // per thread: a vocabulary of 2^20 tokens

var<workgroup> kept: array<vec2<u32>, MAX_K>;

fn pcg(v: u32) -> u32 {
    let state = v * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

fn uniform_at(seed: u32, pos: u32) -> f32 {
    return f32(pcg(pcg(seed) + pos) >> 8u) / 16777216.0;
}

fn logit(i: u32) -> f32 {
    return from_key(kept[i].x);
}

fn draw() -> u32 {
    var n = 0u;
    while (n < S.top_k && kept[n].x != 0u) {
        n++;
    }
    if (n == 0u) {
        return 0u;
    }
    let top = logit(0u);
    if (S.top_p < 1.0) {
        var total = 0.0;
        for (var i = 0u; i < n; i++) {
            total += exp(logit(i) - top);
        }
        var sum = 0.0;
        for (var i = 0u; i < n; i++) {
            sum += exp(logit(i) - top) / total;
            if (sum >= S.top_p) {
                n = i + 1u;
            }
        }
    }
    var m = 1u;
    while (m < n && logit(m) >= top + S.min_p_ln) {
        m++;
    }
    var total = 0.0;
    for (var i = 0u; i < m; i++) {
        total += exp((logit(i) - top) / S.temperature);
    }
    let goal = uniform_at(S.seed, S.draw_pos) * total;
    var sum = 0.0;
    for (var i = 0u; i < m; i++) {
        sum += exp((logit(i) - top) / S.temperature);
        if (sum > goal) {
            return kept[i].y;
        }
    }
    return kept[m - 1u].y;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    var heads: array<vec2<u32>, MAX_LISTS>;
    var taken: array<u32, MAX_LISTS>;
    for (var i = 0u; i < MAX_LISTS; i++) {
        heads[i] = NOTHING;
        if (lane + 256u * i < P.n_lists) {
            heads[i] = lists[(lane + 256u * i) * MAX_K];
        }
    }
    for (var round = 0u; round < S.top_k; round++) {
        var mine = heads[0];
        for (var i = 1u; i < MAX_LISTS; i++) {
            if (is_before(heads[i], mine)) {
                mine = heads[i];
            }
        }
        let winner = best_of(lane, mine);
        if (lane == 0u) {
            kept[round] = winner;
        }
        for (var i = 0u; i < MAX_LISTS; i++) {
            if (winner.x != 0u && heads[i].y == winner.y) {
                taken[i]++;
                heads[i] = NOTHING;
                if (taken[i] < S.top_k) {
                    heads[i] = lists[(lane + 256u * i) * MAX_K + taken[i]];
                }
            }
        }
        workgroupBarrier();
    }
    if (lane == 0u) {
        token_ids[S.chosen] = draw();
    }
}
