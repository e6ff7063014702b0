// Result of two matrix–vector products: out = act(Wg·x + bg) ⊙ (Wu·x + bu).
//@use lib/activation

fn finish(lane: u32, group: u32, m: Matrix, row: u32, rows_here: u32) {
    if (lane < rows_here) {
        let gate = totals[lane] * norm_scale() + bias(P.m[0].bias, row + lane);
        let up = totals[ROWS + lane] * norm_scale() + bias(P.m[1].bias, row + lane);
        out[m.out + row + lane] = activate(gate) * up;
    }
}
