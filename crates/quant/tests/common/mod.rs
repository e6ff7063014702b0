//! Reads NumPy's `.npz`: a ZIP of `.npy` arrays. As much of both as the block fixtures use, because
//! a few lines of reader are easier to trust than a library for two formats.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(dead_code, reason = "not every test uses all of it")]

pub mod rows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The bytes of each array, without its header, by name ("q.Q4_0").
pub type Arrays = BTreeMap<String, Vec<u8>>;

/// The block fixtures, or a line that says the test was skipped.
pub fn block_fixtures(test: &str) -> Option<Arrays> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("INGLE_FIXTURES")
        .map_or_else(|| root.join("../shared/fixtures"), PathBuf::from);
    let Ok(bytes) = std::fs::read(folder.join("blocks/ggml-blocks.npz")) else {
        println!("SKIPPED {test}: no fixtures");
        return None;
    };
    Some(npz(&bytes))
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()).into()
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Every member, found through the central directory at the end.
fn npz(bytes: &[u8]) -> Arrays {
    let end = bytes.windows(4).rposition(|w| w == b"PK\x05\x06").expect("a ZIP");
    let (n_members, mut at) = (u16_at(bytes, end + 10), u32_at(bytes, end + 16));
    let mut out = Arrays::new();
    for _ in 0..n_members {
        assert_eq!(&bytes[at..at + 4], b"PK\x01\x02");
        let (method, n_packed) = (u16_at(bytes, at + 10), u32_at(bytes, at + 20));
        let (n_name, local) = (u16_at(bytes, at + 28), u32_at(bytes, at + 42));
        let name = std::str::from_utf8(&bytes[at + 46..at + 46 + n_name]).unwrap();
        let start = local + 30 + u16_at(bytes, local + 26) + u16_at(bytes, local + 28);
        let packed = &bytes[start..start + n_packed];
        let array = match method {
            0 => packed.to_vec(),
            8 => miniz_oxide::inflate::decompress_to_vec(packed).expect("deflate data"),
            other => panic!("compression method {other}"),
        };
        out.insert(name.trim_end_matches(".npy").to_owned(), npy(&array));
        at += 46 + n_name + u16_at(bytes, at + 30) + u16_at(bytes, at + 32);
    }
    out
}

/// The data of an array in C order, little-endian.
fn npy(bytes: &[u8]) -> Vec<u8> {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let start = 10 + u16_at(bytes, 8);
    let header = std::str::from_utf8(&bytes[10..start]).unwrap();
    assert!(header.contains("'fortran_order': False"), "{header}");
    assert!(header.contains("'<f4'") || header.contains("'|u1'"), "{header}");
    bytes[start..].to_vec()
}
