// Floats as integers of the same order, so that NaN and ties behave alike on every GPU.
//
//   key(a) < key(b)  ⇔  a < b, with −0 < +0; NaN is 0, below −inf

const KEY_NEGATIVE_INF: u32 = 0x007fffffu;
const KEY_ZERO: u32 = 0x80000000u;

fn sort_key(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return 0u;
    }
    return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn from_key(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u));
}

// (key, index) pairs: the larger key first, then the lower index.
fn is_before(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.x > b.x || (a.x == b.x && a.y < b.y);
}
