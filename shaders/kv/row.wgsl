// Where four elements of a head lie in the KV cache.

fn kv_at(pos: u32, head: u32, d4: u32) -> u32 {
    return (pos * P.n_kv_heads + head) * HD4 + d4;
}
