// The weight tile of a matrix product in f16: half the workgroup memory and its traffic. Products
// and sums stay f32; only the decoded weight is rounded (2^-11, below every quantized step).

alias TileWord = vec4<f16>;

fn tile_in(v: vec4<f32>) -> TileWord {
    return vec4<f16>(v);
}

fn tile_out(v: TileWord) -> vec4<f32> {
    return vec4<f32>(v);
}
