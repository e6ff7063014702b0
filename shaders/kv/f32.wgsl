// KV cache in f32: row `pos` is [n_kv_heads][head_dim], four elements per word.

alias KvWord = vec4<f32>;
const KV_SCALED: bool = false;

fn kv_at(pos: u32, head: u32, d4: u32) -> u32 {
    return (pos * P.n_kv_heads + head) * HD4 + d4;
}

fn kv_scale_at(pos: u32, head: u32, d4: u32) -> u32 {
    return 0u;
}

fn kv_value(v: KvWord, scale: KvWord) -> vec4<f32> {
    return v;
}

fn kv_word(v: vec4<f32>, largest: f32) -> KvWord {
    return v;
}

fn kv_scale_word(largest: f32) -> KvWord {
    return vec4<f32>(0.0);
}
