// KV cache in Q8_0: blocks of 32 along head_dim with one scale; four elements per word.
//
// The signed bytes of all positions come first, then the scales. A scale is an f16 value stored in
// a whole word: two workgroups would otherwise share one.
//   d = max|x| / 127, q = round(x / d)

alias KvWord = u32;
const KV_SCALED: bool = true;
//@use kv/row

fn kv_scale_at(pos: u32, head: u32, d4: u32) -> u32 {
    let block = (pos * P.n_kv_heads + head) * (HD4 / 8u) + d4 / 8u;
    return P.n_ctx * P.n_kv_heads * HD4 + block;
}

fn kv_value(v: KvWord, scale: KvWord) -> vec4<f32> {
    let left = vec4<i32>(vec4<u32>(v) << vec4<u32>(24u, 16u, 8u, 0u));
    return vec4<f32>(left >> vec4<u32>(24u)) * bitcast<f32>(scale);
}

fn kv_word(v: vec4<f32>, largest: f32) -> KvWord {
    let inverse = select(0.0, 127.0 / largest, largest > 0.0);
    let scaled = v * inverse;
    let rounded = sign(scaled) * floor(abs(scaled) + 0.5);
    let q = bitcast<vec4<u32>>(vec4<i32>(rounded)) & vec4<u32>(0xffu);
    return q.x | (q.y << 8u) | (q.z << 16u) | (q.w << 24u);
}

fn kv_scale_word(largest: f32) -> KvWord {
    return bitcast<u32>(unpack2x16float(pack2x16float(vec2<f32>(largest / 127.0, 0.0))).x);
}
