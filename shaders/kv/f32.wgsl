// KV cache in f32, four elements per word.

alias KvWord = vec4<f32>;
//@use kv/plain

fn kv_value(v: KvWord, scale: KvWord) -> vec4<f32> {
    return v;
}

fn kv_word(v: vec4<f32>, largest: f32) -> KvWord {
    return v;
}
