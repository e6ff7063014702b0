//! Real files: every fixture opens, and its own bytes come back out of the writer.
//!
//! These are files made by other programs (gguf-py, llama.cpp's quantizer), so they show that the
//! checks refuse nothing that exists. Skipped by name where the fixtures are absent.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gguf::{ByteSource, Gguf, SourceError, Writer};

fn fixtures(test: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let found = std::env::var_os("INGLE_FIXTURES")
        .map_or_else(|| root.join("../shared/fixtures"), PathBuf::from);
    if found.is_dir() {
        return Some(found);
    }
    println!("SKIPPED {test}: no fixtures");
    None
}

fn gguf_files(test: &str) -> Vec<PathBuf> {
    let Some(fixtures) = fixtures(test) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = ["models", "tokenizers"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(fixtures.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gguf"))
        .collect();
    files.sort();
    assert!(files.len() > 20, "only {} files", files.len());
    files
}

#[test]
fn every_fixture_opens_and_is_written_back_byte_for_byte() {
    for path in gguf_files("every_fixture_opens_and_is_written_back_byte_for_byte") {
        let bytes = std::fs::read(&path).unwrap();
        let gguf = Gguf::open(Box::new(bytes.clone()))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(gguf.metadata.require_str("general.architecture").is_ok(), "{}", path.display());
        let mut writer = Writer::new(gguf.metadata.clone());
        for tensor in &gguf.tensors {
            writer.tensor(&tensor.name, tensor.ty, &tensor.dims).unwrap();
        }
        let mut data = writer.start(Vec::new()).unwrap();
        for tensor in &gguf.tensors {
            let mut buffer = vec![0; usize::try_from(tensor.n_bytes).unwrap()];
            gguf.read_tensor(tensor, 0, &mut buffer).unwrap();
            data.write_tensor(&tensor.name, &buffer).unwrap();
        }
        let mut written = data.finish().unwrap();
        // gguf-py does not pad a file without tensors.
        let kept = ByteSource::len(&bytes).min(ByteSource::len(&written));
        written.truncate(usize::try_from(kept).unwrap());
        assert!(written == bytes, "{} changed", path.display());
    }
}

#[test]
fn g86_bit_flips_of_a_real_header_are_refused_or_sound() {
    let Some(fixtures) = fixtures("g86_bit_flips_of_a_real_header_are_refused_or_sound") else {
        return;
    };
    let original = std::fs::read(fixtures.join("models/stories260K.gguf")).unwrap();
    let source: Rc<RefCell<Vec<u8>>> = Rc::new(RefCell::new(original));
    let mut state = 86u64;
    let (mut n_accepted, n) = (0, 10_000);
    for _ in 0..n {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let bit = usize::try_from(state >> 33).unwrap() % (65_536 * 8);
        source.borrow_mut()[bit / 8] ^= 1 << (bit % 8);
        if let Ok(gguf) = Gguf::open(Box::new(Shared(source.clone()))) {
            n_accepted += 1;
            let mut end = gguf.data_start;
            for tensor in &gguf.tensors {
                assert!(tensor.offset >= end, "{tensor:?} overlaps");
                end = tensor.offset + tensor.n_bytes;
            }
            assert!(end <= source.borrow().len() as u64, "a tensor is outside");
        }
        source.borrow_mut()[bit / 8] ^= 1 << (bit % 8);
    }
    println!("{n_accepted} of {n} flips accepted");
    assert!(n_accepted > 0 && n_accepted < n);
}

/// Bytes that are changed between two openings.
struct Shared(Rc<RefCell<Vec<u8>>>);

impl ByteSource for Shared {
    fn len(&self) -> u64 {
        ByteSource::len(&*self.0.borrow())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.0.borrow().read_at(offset, buf)
    }
}
