// totals[i] = Σ over the workgroup of v[i]: subgroup sums, then one number per subgroup.
//
// The subgroup's size is data (4 to 128 were seen), never a constant. That lanes are numbered along
// the subgroups is checked once per device before this form is chosen.
// Exports: Ids, totals, sum_all. Reads: WG (power of two), N_SUMS.

// Not the workgroup's id: a struct with one member that differs between threads counts as different
// in all, and then browsers refuse every barrier behind a branch on the id.
struct Ids {
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_size) sg_size: u32,
    @builtin(subgroup_invocation_id) sg_lane: u32,
}

// Subgroups of a workgroup at most: 4 is the smallest size known.
const MAX_SUBGROUPS: u32 = WG / 4u;
var<workgroup> sums: array<f32, N_SUMS * MAX_SUBGROUPS>;
var<workgroup> totals: array<f32, N_SUMS>;

fn sum_all(ids: Ids, v: array<f32, N_SUMS>) {
    workgroupBarrier();
    for (var i = 0u; i < N_SUMS; i++) {
        let s = subgroupAdd(v[i]);
        if (ids.sg_lane == 0u) {
            sums[i * MAX_SUBGROUPS + ids.lane / ids.sg_size] = s;
        }
    }
    workgroupBarrier();
    let n = (WG + ids.sg_size - 1u) / ids.sg_size;
    for (var i = ids.lane; i < N_SUMS; i += WG) {
        var total = 0.0;
        for (var j = 0u; j < n; j++) {
            total += sums[i * MAX_SUBGROUPS + j];
        }
        totals[i] = total;
    }
    workgroupBarrier();
}
