// Results of a matrix–vector product, each put by itself: stored, added, or gated.
//@slot put

fn finish(lane: u32, group: u32, m: Matrix, row: u32, rows_here: u32) {
    if (lane < rows_here) {
        put(m.out + row + lane, totals[lane] * norm_scale() + bias(m.bias, row + lane));
    }
}
