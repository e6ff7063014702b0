//! Real files: every fixture opens, and its own bytes come back out of the writer.
//!
//! These are files made by other programs (gguf-py, llama.cpp's quantizer), so they show that the
//! checks refuse nothing that exists. Skipped by name where the fixtures are absent.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::{Path, PathBuf};

use gguf::{ByteSource, Gguf, Writer};

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
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "gguf")
        })
        .collect();
    files.sort();
    assert!(files.len() > 20, "only {} files", files.len());
    files
}

#[test]
fn every_fixture_opens_and_is_written_back_byte_for_byte() {
    for path in gguf_files("every_fixture_opens_and_is_written_back_byte_for_byte") {
        let bytes = std::fs::read(&path).unwrap();
        let gguf = Gguf::open(Box::new(bytes.clone())).expect(&path.display().to_string());
        assert!(
            gguf.metadata.require_str("general.architecture").is_ok(),
            "{}",
            path.display()
        );
        let mut writer = Writer::new(gguf.metadata.clone());
        for tensor in &gguf.tensors {
            writer
                .tensor(&tensor.name, tensor.ty, &tensor.dims)
                .unwrap();
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
