// Result of a matrix–vector product: out = act(out) ⊙ (W·x + b), the gate being there already; for
// gates and ups that do not share a buffer.
//@use lib/activation

@group(0) @binding(5) var<storage, read_write> out: array<f32>;

fn finish(lane: u32, group: u32, m: Matrix, row: u32, rows_here: u32) {
    if (lane < rows_here) {
        let up = totals[lane] * norm_scale() + bias(m, row + lane);
        let at = m.out + row + lane;
        out[at] = activate(out[at]) * up;
    }
}
