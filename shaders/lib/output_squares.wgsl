// Result of a matrix–vector product: out = W·x + b, and each workgroup's share of Σ out², for the
// norm that the next op applies (see lib/input_post).

@group(0) @binding(7) var<storage, read_write> squares: array<f32>;

fn finish(lane: u32, group: u32, m: Matrix, row: u32, rows_here: u32) {
    if (lane == 0u) {
        var sum = 0.0;
        for (var r = 0u; r < rows_here; r++) {
            let v = totals[r] + bias(m.bias, row + r);
            out[m.out + row + r] = v;
            sum += v * v;
        }
        squares[P.squares_at + group] = sum;
    }
}
