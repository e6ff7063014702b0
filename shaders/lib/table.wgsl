// Nibbles through a table of 16 signed bytes, four to a word of `table`.
//
// A tree of selections by mask, four bytes to a word: an indexed const array would land in memory
// on most GPUs, and its dynamic index makes compilation slow.

// 0xff in each byte of `v` whose lowest bit is set.
fn mask_of(v: vec4<u32>) -> vec4<u32> {
    return (v & ONE_BIT) * vec4<u32>(255u);
}

fn either(mask: vec4<u32>, zero: vec4<u32>, one: vec4<u32>) -> vec4<u32> {
    return zero ^ ((zero ^ one) & mask);
}

// One of a word's four entries by two bits.
fn quarter(bit0: vec4<u32>, bit1: vec4<u32>, word: u32) -> vec4<u32> {
    let e = ((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu)) * 0x01010101u;
    let low = either(bit0, vec4<u32>(e.x), vec4<u32>(e.y));
    return either(bit1, low, either(bit0, vec4<u32>(e.z), vec4<u32>(e.w)));
}

// The entries for the low nibbles of 16 bytes.
fn looked_up(v: vec4<u32>, table: vec4<u32>) -> vec4<u32> {
    let b0 = mask_of(v);
    let b1 = mask_of(v >> vec4<u32>(1u));
    let b2 = mask_of(v >> vec4<u32>(2u));
    let low = either(b2, quarter(b0, b1, table.x), quarter(b0, b1, table.y));
    let high = either(b2, quarter(b0, b1, table.z), quarter(b0, b1, table.w));
    return either(mask_of(v >> vec4<u32>(3u)), low, high);
}
