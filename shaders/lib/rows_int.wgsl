// Units of rows of x, as `quantize` left them.
//@use lib/unit_int

@group(0) @binding(4) var<storage, read> xq: array<vec4<u32>>;

fn unit_at(row: u32, u: u32) -> u32 {
    return 3u * (row * P.n_units + u);
}

fn unit_from(a: vec4<u32>, b: vec4<u32>, scales: vec4<u32>) -> Unit {
    let s = bitcast<vec4<f32>>(scales);
    return Unit(a, b, s.x, s.yz, 0.0);
}

fn unit_of_row(row: u32, u: u32) -> Unit {
    let at = unit_at(row, u);
    return unit_from(xq[at], xq[at + 1u], xq[at + 2u]);
}
