// KV cache in f16, four elements per word. Packing is core WGSL: no shader-f16 is needed.

alias KvWord = vec2<u32>;
//@use kv/plain

fn kv_value(v: KvWord, scale: KvWord) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y));
}

fn kv_word(v: vec4<f32>, largest: f32) -> KvWord {
    return vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw));
}
