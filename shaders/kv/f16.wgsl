// KV cache in f16: row `pos` is [n_kv_heads][head_dim], four elements per word. Packing is core
// WGSL, so this needs no shader-f16.

alias KvWord = vec2<u32>;
const KV_SCALED: bool = false;

fn kv_at(pos: u32, head: u32, d4: u32) -> u32 {
    return (pos * P.n_kv_heads + head) * HD4 + d4;
}

fn kv_scale_at(pos: u32, head: u32, d4: u32) -> u32 {
    return 0u;
}

fn kv_value(v: KvWord, scale: KvWord) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y));
}

fn kv_word(v: vec4<f32>, largest: f32) -> KvWord {
    return vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw));
}

fn kv_scale_word(largest: f32) -> KvWord {
    return vec2<u32>(0u);
}
