// totals of v[0] = lane + 1 and v[1] = lane², to see whether the reduction is right on this device.
//
// The subgroup form takes for granted that lanes are numbered along the subgroups. No standard
// promises it, so it is tried once, before anything depends on it.

@group(0) @binding(4) var<storage, read_write> out: array<f32>;
//@slot reduce

@compute @workgroup_size(WG)
fn main(ids: Ids) {
    var v: array<f32, N_SUMS>;
    v[0] = f32(ids.lane + 1u);
    v[1] = f32(ids.lane * ids.lane);
    sum_all(ids, v);
    out[ids.lane] = totals[ids.lane & 1u];
}
