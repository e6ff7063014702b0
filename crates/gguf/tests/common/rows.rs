//! The table of hostile and damaged files. `id` numbers the kinds of attack, in the order of the
//! file's parts; a row changes [`v0`] in one thing unless it says otherwise.

use super::{File, array, rich, rows_tensors, string, v0};

/// A file and what the reader must say about it.
pub struct Row {
    pub id: String,
    pub bytes: Vec<u8>,
    /// [`gguf::Error::kind`], or "accept".
    pub want: &'static str,
    /// Part of the sentence.
    pub says: &'static str,
}

/// Rows under construction.
pub struct Table(Vec<Row>);

impl Table {
    pub fn bytes(
        &mut self,
        id: impl Into<String>,
        bytes: Vec<u8>,
        want: &'static str,
        says: &'static str,
    ) {
        self.0.push(Row { id: id.into(), bytes, want, says });
    }

    pub fn file(
        &mut self,
        id: impl Into<String>,
        file: File,
        want: &'static str,
        says: &'static str,
    ) {
        self.bytes(id, file.bytes(), want, says);
    }
}

pub fn all() -> Vec<Row> {
    let mut table = Table(Vec::new());
    start(&mut table);
    counts(&mut table);
    keys(&mut table);
    values(&mut table);
    arrays(&mut table);
    rows_tensors::all(&mut table);
    table.0
}

fn start(t: &mut Table) {
    t.file("V0", v0(), "accept", "1 keys, 1 tensors of 128 bytes");
    t.file("rich", rich(), "accept", "21 keys, 5 tensors");
    t.file("version 2", File { version: 2, ..v0() }, "accept", "1 tensors");
    t.bytes("G01", Vec::new(), "Truncated", "offset 0");
    t.bytes("G02", b"GGU".to_vec(), "Truncated", "3 left");
    t.bytes("G03", b"GGUF".to_vec(), "Truncated", "the version at offset 4");
    t.bytes("G04", v0().bytes()[..8].to_vec(), "Truncated", "offset 8");
    let (whole, header) = (v0().bytes(), v0().header().len());
    for cut in 0..whole.len() {
        let want = if cut < header { "Truncated" } else { "OutOfFile" };
        t.bytes(format!("G05 cut at {cut}"), whole[..cut].to_vec(), want, "get it again");
    }
    for (magic, says) in [
        (b"FUGG", "bytes swapped"),
        (b"GGML", "before GGUF"),
        (b"ggjt", "before GGUF"),
        (b"tjgg", "before GGUF"),
        (b"gguf", "lower case"),
        (b"PK\x03\x04", "ZIP"),
        (b"<!DO", "web page"),
        (b"vers", "Git LFS"),
        (b"\x1b[2J", "\\x1b[2J"),
    ] {
        let id = format!("G06 {}", magic.escape_ascii());
        t.file(id, File { magic: *magic, ..v0() }, "BadMagic", says);
    }
    let swapped = 0x4747_5546u32.to_le_bytes();
    t.file("G07", File { magic: swapped, ..v0() }, "BadMagic", "bytes swapped");
    t.file("G08", File { version: 0, ..v0() }, "Version", "version 0");
    t.file("G09", File { version: 1, ..v0() }, "Version", "convert it again");
    t.file("G10 next", File { version: 4, ..v0() }, "Version", "version 4");
    t.file("G10 max", File { version: u32::MAX, ..v0() }, "Version", "4294967295");
    t.file("G11", File { version: 0x0300_0000, ..v0() }, "BigEndian", "big-endian");
}

fn counts(t: &mut Table) {
    for (id, n) in [("G12", u64::MAX), ("G13", (1 << 32) + 1), ("G17", 1 << 63), ("G12 +1", 65_537)]
    {
        t.file(id, File { n_tensors: Some(n), ..v0() }, "Limit", "tensors at offset 8");
    }
    for (id, n) in [("G14", 500_000_000), ("G15", (1 << 32) + 1), ("G15 +1", 65_537)] {
        t.file(id, File { n_kv: Some(n), ..v0() }, "Limit", "metadata keys at offset 16");
    }
    t.file("G14 within", File { n_kv: Some(65_536), ..v0() }, "Truncated", "metadata");
    t.file("G12 within", File { n_tensors: Some(65_536), ..v0() }, "Truncated", "tensor desc");
    let empty = File { kvs: vec![], infos: vec![], data: vec![], ..v0() };
    t.file("G16", empty, "accept", "0 keys, 0 tensors of 0 bytes");
}

/// [`v0`] with a first key of this length and these bytes.
fn with_key(len: u64, bytes: &[u8]) -> File {
    v0().raw_kv([&len.to_le_bytes()[..], bytes, &4u32.to_le_bytes(), &[0; 4]].concat())
}

fn keys(t: &mut Table) {
    t.file("G18", with_key(u64::MAX, b"k"), "Limit", "bytes of metadata key");
    t.file("G19", with_key(0, b""), "EmptyKey", "is empty");
    t.file("G20", with_key((1 << 32) + 5, b"abcde"), "Limit", "4294967301");
    t.file("G21", with_key(65_536, &[b'k'; 65_536]), "Limit", "65536 bytes of metadata key");
    t.file("G21 within", with_key(65_535, &[b'k'; 65_535]), "accept", "2 keys");
    t.file("G22", with_key(3, b"a\xffb"), "Utf8", "metadata key");
    for bytes in [&b"a\0b"[..], b"a\nb", b"\x1b[2J", "a\u{85}".as_bytes()] {
        let id = format!("G23 {}", bytes.escape_ascii());
        t.file(id, with_key(bytes.len() as u64, bytes), "BadKey", "control characters");
    }
    let same = v0().kv("k", 4, &[0; 4]).kv("k", 4, &[0; 4]);
    t.file("G24 type", same, "DuplicateKey", "\"k\" appears again at offset 86");
    let other = v0().kv("k", 4, &[0; 4]).kv("k", 7, &[1]);
    t.file("G24 other", other, "DuplicateKey", "\"k\"");
}

fn values(t: &mut Table) {
    for ty in [13, 255, u32::MAX] {
        t.file(format!("G25 {ty}"), v0().kv("k", ty, &[0; 8]), "ValueType", "unknown metadata");
    }
    t.file("G26 2", v0().kv("k", 7, &[2]), "BadBool", "is 2,");
    t.file("G26 255", v0().kv("k", 7, &[255]), "BadBool", "is 255,");
    t.file("G26 in array", v0().kv("k", 9, &array(7, 2, &[1, 2])), "BadBool", "is 2,");
    let no_tensor = || File { infos: vec![], data: vec![], ..v0() };
    let long = no_tensor().kv("k", 8, &[&6u64.to_le_bytes()[..], b"short"].concat());
    t.file("G27", long, "Truncated", "needs 6 bytes, the file has 5");
    t.file("G28", v0().kv("k", 8, &(1u64 << 30).to_le_bytes()), "Limit", "metadata string");
    t.file("G28 wraps", v0().kv("k", 8, &((1u64 << 32) + 4).to_le_bytes()), "Limit", "4294967300");
    for ty in 0..=12u32 {
        // Each type with one byte less than its shortest value.
        let n = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8][ty as usize] - 1;
        let cut = no_tensor().kv("k", ty, &vec![0; n]);
        t.file(format!("G36 type {ty}"), cut, "Truncated", "get it again");
    }
    t.file("G76 not UTF-8", v0().kv("k", 8, &string(b"\xff")), "accept", "2 keys");
    t.file("G76 1 MiB", v0().kv("k", 8, &string(&vec![b'x'; 1 << 20])), "accept", "2 keys");
    let vocab = [string(b"a"), string(b"a"), string(b""), string(b"\xf0\x9f")].concat();
    t.file("G76 array", v0().kv("k", 9, &array(8, 4, &vocab)), "accept", "2 keys");
}

fn arrays(t: &mut Table) {
    let with = |value: Vec<u8>| v0().kv("k", 9, &value);
    t.file("G29", with(array(9, 1, &array(4, 1, &[0; 4]))), "NestedArray", "array of arrays");
    let deep = array(9, 1, &[]).repeat(100_000);
    t.file("G30", with(deep), "NestedArray", "array of arrays");
    t.file("G31", with(array(0, u64::MAX, &[])), "Limit", "array elements");
    t.file("G32", with(array(10, 1 << 61, &[])), "Limit", "array elements");
    t.file("G33", with(array(8, 1 << 40, &[])), "Limit", "array elements");
    t.file("G33 within", with(array(8, 1 << 22, &[])), "Truncated", "a metadata array");
    t.file("G33 wraps", with(array(4, (1 << 32) + 1, &[0; 4])), "Limit", "4294967297");
    t.file("G35 type", with(array(13, 0, &[])), "ValueType", "type 13");
    for ty in (0..=12).filter(|ty| *ty != 9) {
        t.file(format!("G35 empty {ty}"), with(array(ty, 0, &[])), "accept", "2 keys");
    }
    let no_tensor = File { infos: vec![], data: vec![], ..v0() };
    let seven = no_tensor.clone().kv("k", 9, &array(10, 10, &[1; 8 * 7 + 3]));
    t.file("G36 element 7", seven, "Truncated", "needs 80 bytes, the file has 59");
    let text = [string(b"one"), 9u64.to_le_bytes().to_vec(), b"cut".to_vec()].concat();
    let cut = no_tensor.kv("k", 9, &array(8, 2, &text));
    t.file("G36 string", cut, "Truncated", "needs 9 bytes, the file has 3");
}
