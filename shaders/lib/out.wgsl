// Results of a product, and the vectors (gains, biases) it reads.

const NONE: u32 = 0xffffffffu;

@group(0) @binding(3) var<storage, read> vecs: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

// The bias of row `row`, whose matrix's biases begin at float `first`.
fn bias(first: u32, row: u32) -> f32 {
    if (first == NONE) {
        return 0.0;
    }
    let i = first + row;
    return vecs[i >> 2u][i & 3u];
}
