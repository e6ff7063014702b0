//! Files built byte by byte, right or wrong: the writer refuses to make most of these.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(dead_code, reason = "each test uses a part of this")]

pub mod rows;
pub mod rows_tensors;

/// A file before it is put together; every part can be replaced by something wrong.
#[derive(Clone)]
pub struct File {
    pub magic: [u8; 4],
    pub version: u32,
    pub n_tensors: Option<u64>,
    pub n_kv: Option<u64>,
    pub kvs: Vec<Vec<u8>>,
    pub infos: Vec<Vec<u8>>,
    pub alignment: usize,
    /// Bytes after the padded header; the padding is left out without any.
    pub data: Vec<u8>,
}

/// The base of all cases: one key, one F32 tensor `t` of 32 elements.
pub fn v0() -> File {
    File {
        magic: *b"GGUF",
        version: 3,
        n_tensors: None,
        n_kv: None,
        kvs: vec![kv("general.architecture", 8, &string(b"llama"))],
        infos: vec![info(b"t", &[32], 0, 0)],
        alignment: 32,
        data: (0..128).collect(),
    }
}

impl File {
    pub fn kv(mut self, key: &str, ty: u32, value: &[u8]) -> File {
        self.kvs.push(kv(key, ty, value));
        self
    }

    pub fn raw_kv(mut self, bytes: Vec<u8>) -> File {
        self.kvs.push(bytes);
        self
    }

    /// These tensors and no others.
    pub fn tensors(mut self, infos: Vec<Vec<u8>>) -> File {
        self.infos = infos;
        self
    }

    pub fn data(mut self, n: usize) -> File {
        self.data = vec![0x5a; n];
        self
    }

    pub fn header(&self) -> Vec<u8> {
        let mut out = Vec::from(self.magic);
        out.extend(self.version.to_le_bytes());
        out.extend(self.n_tensors.unwrap_or(self.infos.len() as u64).to_le_bytes());
        out.extend(self.n_kv.unwrap_or(self.kvs.len() as u64).to_le_bytes());
        out.extend(self.kvs.concat());
        out.extend(self.infos.concat());
        out
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        if !self.data.is_empty() {
            out.resize(out.len().next_multiple_of(self.alignment), 0);
            out.extend(&self.data);
        }
        out
    }
}

/// Length and bytes.
pub fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

pub fn kv(key: &str, ty: u32, value: &[u8]) -> Vec<u8> {
    [&string(key.as_bytes())[..], &ty.to_le_bytes(), value].concat()
}

/// Element type, count and elements.
pub fn array(ty: u32, n: u64, elements: &[u8]) -> Vec<u8> {
    [&ty.to_le_bytes()[..], &n.to_le_bytes(), elements].concat()
}

pub fn info(name: &[u8], dims: &[u64], ty: u32, offset: u64) -> Vec<u8> {
    let n_dims = u32::try_from(dims.len()).unwrap();
    let mut out = string(name);
    out.extend(n_dims.to_le_bytes());
    out.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
    out.extend(ty.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out
}

/// A file with every value type, some of them odd, and tensors of several types.
pub fn rich() -> File {
    let strings = [string(b"a"), string(b""), string("\u{1f600}".as_bytes())].concat();
    let odd = [string(b"\xff\xfe"), string(b"plain")].concat();
    let mut file = v0()
        .kv("u8", 0, &[200])
        .kv("i8", 1, &[200])
        .kv("u16", 2, &60_000u16.to_le_bytes())
        .kv("i16", 3, &(-2i16).to_le_bytes())
        .kv("general.alignment", 4, &64u32.to_le_bytes())
        .kv("i32", 5, &(-3i32).to_le_bytes())
        .kv("f32", 6, &1.5f32.to_le_bytes())
        .kv("bool", 7, &[1])
        .kv("text", 8, &string(b"two\nlines"))
        .kv("not.utf8", 8, &string(b"\x80"))
        .kv("u64", 10, &u64::MAX.to_le_bytes())
        .kv("i64", 11, &i64::MIN.to_le_bytes())
        .kv("f64", 12, &1e300f64.to_le_bytes())
        .kv("bytes", 9, &array(0, 5, &[1, 2, 3, 4, 5]))
        .kv("floats", 9, &array(6, 2, &[0, 0, 128, 63, 0, 0, 192, 127]))
        .kv("bools", 9, &array(7, 3, &[1, 0, 1]))
        .kv("strings", 9, &array(8, 3, &strings))
        .kv("odd.strings", 9, &array(8, 2, &odd))
        .kv("nothing", 9, &array(8, 0, &[]))
        .kv("ints", 9, &array(5, 2, &[1, 0, 0, 0, 255, 255, 255, 255]))
        .tensors(vec![
            info(b"first.weight", &[32, 2], 2, 0),
            info(b"scalar", &[], 0, 64),
            info(b"empty", &[0, 3], 0, 128),
            info(b"k", &[256, 3], 12, 128),
            info(b"last", &[3, 1, 2, 1], 1, 576),
        ])
        .data(576 + 64);
    file.alignment = 64;
    file
}
