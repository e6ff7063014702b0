// totals[i] = Σ over the workgroup of v[i]: a tree in workgroup memory, for GPUs without subgroups.
//
// Exports: Ids, totals, sum_all. Reads: WG (power of two), N_SUMS.

// Not the workgroup's id: a struct with one member that differs between threads counts as different
// in all, and then browsers refuse every barrier behind a branch on the id.
struct Ids {
    @builtin(local_invocation_index) lane: u32,
}

var<workgroup> sums: array<f32, N_SUMS * WG>;
var<workgroup> totals: array<f32, N_SUMS>;

fn sum_all(ids: Ids, v: array<f32, N_SUMS>) {
    workgroupBarrier();
    for (var i = 0u; i < N_SUMS; i++) {
        sums[i * WG + ids.lane] = v[i];
    }
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half >>= 1u) {
        if (ids.lane < half) {
            for (var i = 0u; i < N_SUMS; i++) {
                sums[i * WG + ids.lane] += sums[i * WG + ids.lane + half];
            }
        }
        workgroupBarrier();
    }
    if (ids.lane == 0u) {
        for (var i = 0u; i < N_SUMS; i++) {
            totals[i] = sums[i * WG];
        }
    }
    workgroupBarrier();
}
