// Result of a matrix–vector product: out = W·x + b.

@group(0) @binding(5) var<storage, read_write> out: array<f32>;

fn finish(lane: u32, group: u32, m: Matrix, row: u32, rows_here: u32) {
    if (lane < rows_here) {
        out[m.out + row + lane] = totals[lane] * norm_scale() + bias(m, row + lane);
    }
}
