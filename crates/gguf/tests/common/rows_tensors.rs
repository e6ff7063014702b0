//! The second half of the table: alignment, tensor descriptions, sizes and places.

use super::rows::Table;
use super::{File, array, info, kv, string, v0};

pub fn all(table: &mut Table) {
    alignment(table);
    names_and_shapes(table);
    sizes(table);
    places(table);
}

fn alignment(t: &mut Table) {
    let with = |ty, value: &[u8]| v0().kv("general.alignment", ty, value);
    let number = |n: u32| with(4, &n.to_le_bytes());
    t.file("G37", number(0), "Alignment", "is 0");
    for n in [13, 24, 33, 1 << 21, 1 << 30, 1 << 31] {
        t.file(format!("G38 {n}"), number(n), "Alignment", "power of two from 1 to 1048576");
    }
    for n in [1u16, 2, 4, 8, 16, 64, 4096] {
        let file = File { alignment: n.into(), ..number(n.into()) };
        t.file(format!("G38 good {n}"), file, "accept", "1 tensors");
    }
    t.file("G39 good", File { alignment: 1 << 20, ..number(1 << 20) }, "accept", "1 tensors");
    t.file("G40 i32", with(5, &32i32.to_le_bytes()), "KeyType", "int32");
    t.file("G40 u64", with(10, &32u64.to_le_bytes()), "KeyType", "uint64");
    t.file("G40 string", with(8, &string(b"32")), "KeyType", "string");
    t.file("G40 array", with(9, &array(4, 1, &[32, 0, 0, 0])), "KeyType", "array of uint32 (1)");
    let twice = number(32).raw_kv(kv("general.alignment", 4, &32u32.to_le_bytes()));
    t.file("G41", twice, "DuplicateKey", "general.alignment");
}

/// [`v0`] with this tensor alone.
fn with_tensor(info: Vec<u8>) -> File {
    v0().tensors(vec![info])
}

fn names_and_shapes(t: &mut Table) {
    t.file("G43 64", with_tensor(info(&[b'n'; 64], &[32], 0, 0)), "Limit", "bytes of tensor name");
    t.file("G43 63", with_tensor(info(&[b'n'; 63], &[32], 0, 0)), "accept", "1 tensors");
    let mut long = info(b"t", &[32], 0, 0);
    long[..8].fill(0xff);
    t.file("G43 max", with_tensor(long), "Limit", "bytes of tensor name");
    let twins = vec![info(b"t", &[32], 0, 0), info(b"t", &[32], 0, 128)];
    t.file("G44", v0().tensors(twins).data(256), "DuplicateTensor", "\"t\" appears twice");
    t.file("G45 empty", with_tensor(info(b"", &[32], 0, 0)), "BadName", "empty");
    let zeros = vec![info(b"a\0b", &[32], 0, 0), info(b"a\0c", &[32], 0, 128)];
    t.file("G45 NUL", v0().tensors(zeros).data(256), "BadName", "a\\0b");
    t.file("G45 UTF-8", with_tensor(info(b"\xff", &[32], 0, 0)), "Utf8", "tensor name");
    t.file("G46 0", with_tensor(info(b"t", &[], 0, 0)), "accept", "1 tensors of 4 bytes");
    t.file("G46 5", with_tensor(info(b"t", &[1; 5], 0, 0)), "Dims", "5 dimensions");
    let mut many = info(b"t", &[32], 0, 0);
    many[9..13].fill(0xff);
    t.file("G46 max", with_tensor(many), "Dims", "4294967295 dimensions");
    t.file("G47", with_tensor(info(b"t", &[0], 0, 0)), "accept", "1 tensors of 0 bytes");
    t.file("G47 blocks", with_tensor(info(b"t", &[0, 5], 12, 0)), "accept", "of 0 bytes");
    for id in [4, 5, 31, 32, 33, 36, 37, 38, 1000, u32::MAX] {
        let file = with_tensor(info(b"t", &[32], id, 0));
        t.file(format!("G54 {id}"), file, "TensorType", "unknown type");
    }
    t.file("G55", with_tensor(info(b"t", &[33], 2, 0)), "BlockSize", "rows of 33 elements");
    t.file("G55 scalar", with_tensor(info(b"t", &[], 2, 0)), "BlockSize", "rows of 1 elements");
    let rows = with_tensor(info(b"t", &[16, 2], 2, 0));
    t.file("G55 rows", rows, "BlockSize", "no whole Q4_0 blocks of 32");
}

fn sizes(t: &mut Table) {
    let with = |dims: &[u64], ty| with_tensor(info(b"t", dims, ty, 0));
    t.file("G48", with(&[u64::MAX], 0), "Overflow", "dimension");
    t.file("G48 second", with(&[1, u64::MAX], 0), "Overflow", "dimension");
    t.file("G49 2^66", with(&[1 << 33, 1 << 33], 0), "Overflow", "element count");
    let near = 4 * (u64::from(u32::MAX) / 2);
    t.file("G49 4 int max", with(&[near, near], 0), "Overflow", "element count");
    t.file("G49 2^80", with(&[1 << 40, 1 << 40], 0), "Overflow", "element count");
    t.file("G49 four", with(&[1 << 16; 4], 0), "Overflow", "element count");
    // Q8_0 has 34 bytes for 32 elements: fewer than 2^63 of them are more than 2^63 bytes.
    t.file("G50", with(&[(1 << 63) - 32], 8), "Overflow", "byte count");
    t.file("G50 F64", with(&[1 << 61], 28), "Overflow", "byte count");
    t.file("G51", with(&[(1 << 62) - 1], 0), "Overflow", "byte count");
    t.file("G51 pads", with(&[(1 << 63) - 1], 24), "Overflow", "padded size");
    let half = 0x7fff_ffff_ffff_ffc0;
    let two = vec![info(b"a", &[half], 24, 0), info(b"b", &[half], 24, half)];
    t.file("G52", v0().tensors(two), "Overflow", "the end of tensor");
    t.file("G53", with(&[(1 << 32) + 32], 24), "OutOfFile", "4294967");
}

fn places(t: &mut Table) {
    let at = |offset| with_tensor(info(b"t", &[32], 0, offset));
    t.file("G56", at(u64::MAX), "Overflow", "offset");
    t.file("G57", at(1), "Offset", "lie at 1, it must lie at 0");
    let pair = |second| v0().tensors(vec![info(b"a", &[32], 0, 0), info(b"b", &[32], 0, second)]);
    t.file("G58", pair(64).data(256), "Offset", "\"b\"");
    t.file("G58 same", pair(0).data(256), "Offset", "\"b\"");
    let many = (0..10_000).map(|i| info(format!("t{i}").as_bytes(), &[32], 0, 0)).collect();
    t.file("G58 10000", v0().tensors(many), "Offset", "\"t1\"");
    t.file("G59", pair(160).data(512), "Offset", "lie at 160, it must lie at 128");
    t.file("G59 first", at(32).data(256), "Offset", "it must lie at 0");
    t.file("G60", with_tensor(info(b"t", &[129], 24, 0)), "OutOfFile", "get it again");
    t.file("G61", at(u64::MAX - 31), "Overflow", "offset");
    t.file("G61 signed", at((1 << 63) - 32), "Overflow", "offset");
    t.file("G62", v0().data(127), "OutOfFile", "ends at byte 256, the file has 255");
    t.file("G63 1 byte", v0().data(129), "accept", "1 trailing");
    let zip = [&v0().bytes()[..], b"PK\x03\x04 and the rest of an archive"].concat();
    t.bytes("G63 archive", zip, "accept", "31 trailing");
    t.file("G64", File { data: vec![], ..v0() }, "OutOfFile", "\"t\"");
    let empty = File { data: vec![], ..with_tensor(info(b"t", &[0], 0, 0)) };
    t.file("G64 empty", empty, "OutOfFile", "\"t\"");
    let swapped = vec![info(b"b", &[32], 0, 128), info(b"a", &[32], 0, 0)];
    t.file("G66", v0().tensors(swapped).data(256), "Offset", "\"b\"");
    let nan = [0xff; 144];
    let file = File { data: nan.to_vec(), ..with_tensor(info(b"t", &[256], 12, 0)) };
    t.file("G79", file, "accept", "144 bytes");
}
