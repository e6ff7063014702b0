// KV cache of plain numbers, [n_kv_heads][head_dim] per position, without scales.
//@use kv/row

const KV_SCALED: bool = false;

fn kv_scale_at(pos: u32, head: u32, d4: u32) -> u32 {
    return 0u;
}

fn kv_scale_word(largest: f32) -> KvWord {
    return KvWord();
}
