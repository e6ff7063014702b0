// The weight tile of a matrix product in f32.

alias TileWord = vec4<f32>;

fn tile_in(v: vec4<f32>) -> TileWord {
    return v;
}

fn tile_out(v: TileWord) -> vec4<f32> {
    return v;
}
