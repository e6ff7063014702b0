// Quants of Q5_0 and Q5_1: four bits in plane 0 of the row, the fifth in plane 1.

// Bits 0..16 of `b`, spread to one byte each.
fn bits16(b: u32) -> vec4<u32> {
    let n = (vec4<u32>(b) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(0xfu);
    return (n * vec4<u32>(0x00204081u)) & ONE_BIT;
}

fn five_bits(row: u32, g: u32) -> vec4<u32> {
    let low = low_nibbles(half_block(row, g));
    let fifth = bits16(word(row + P.n_units, g >> 1u) >> (16u * (g & 1u)));
    return low | (fifth << vec4<u32>(4u));
}
