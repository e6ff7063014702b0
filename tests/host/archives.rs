//! `save`, `load` and `verify` on a real store: what goes out comes back byte for byte, and what is
//! damaged is found.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;
use store::{FsIo, ManualClock, Store};
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::program::{Run, ingle_env};

/// A store with one model.
fn store_with(root: &Path, name: &str) {
    let store = Store::new(FsIo::new(root), ManualClock::default());
    let file: Rc<dyn gguf::ByteSource> = Rc::new(Spec::tiny("llama").bytes());
    // Not by the clock's own executor: a file system wakes from a thread of its own.
    pollster::block_on(store.import(&name.parse().unwrap(), vec![file])).unwrap();
}

fn ingle_in(root: &Path, args: &[&str], input: &[u8]) -> Run {
    ingle_env(args, &[("OLLAMA_MODELS", root.to_str().unwrap())], input)
}

/// Names and bytes of the blobs.
fn blobs(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(root.join("blobs")).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| PathBuf::from(path.file_name().unwrap());
    let mut blobs: Vec<_> =
        entries.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect();
    blobs.sort();
    blobs
}

#[test]
fn a_model_travels_as_one_file() {
    let scratch = Scratch::new();
    let (here, there, piped) = (scratch.path("a"), scratch.path("b"), scratch.path("c"));
    store_with(&here, "tiny:1b");
    let tar = scratch.path("tiny.tar").to_str().unwrap().to_owned();
    assert_eq!(ingle_in(&here, &["save", "tiny:1b", "-o", &tar], b"").text(), "");
    let loaded = ingle_in(&there, &["load", &tar], b"");
    assert_eq!(loaded.text(), "loaded 'tiny:1b'\n");
    assert_eq!(blobs(&there), blobs(&here));
    let archive = ingle_in(&here, &["save", "tiny:1b"], b"").stdout;
    assert_eq!(archive, std::fs::read(&tar).unwrap());
    let loaded = ingle_in(&piped, &["load", "-", "--name", "mine"], &archive);
    assert_eq!(loaded.text(), "loaded 'mine:latest'\n");
    for root in [&here, &there, &piped] {
        let text = ingle_in(root, &["verify"], b"").text().to_owned();
        assert!(text.starts_with("2 of 2 blobs are good, "), "{text}");
    }
    let half = ingle_in(&scratch.path("d"), &["load", "-"], &archive[..archive.len() / 2]);
    assert_eq!((half.code, half.stdout.as_slice()), (Some(7), b"".as_slice()), "{}", half.stderr);
    assert!(half.stderr.contains("nothing was stored"), "{}", half.stderr);
}

#[test]
fn a_changed_byte_is_found() {
    let scratch = Scratch::new();
    let root = scratch.path("store");
    store_with(&root, "tiny");
    let (name, mut bytes) = blobs(&root).into_iter().max_by_key(|blob| blob.1.len()).unwrap();
    let last = bytes.last_mut().unwrap();
    *last ^= 1;
    std::fs::write(root.join("blobs").join(&name), bytes).unwrap();
    let digest = name.to_str().unwrap().replace('-', ":");
    let text = ingle_in(&root, &["verify", "tiny"], b"");
    let stdout = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.code, Some(7), "{}", text.stderr);
    assert!(stdout.starts_with(&format!("{digest} tiny:latest: changed")), "{stdout}");
    assert!(text.stderr.lines().last().unwrap().starts_with("error: some models are damaged"));
    let json = ingle_in(&root, &["verify", "--format", "json"], b"");
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json.code, &report["good"]), (Some(7), &Value::Bool(false)));
    let of_blob = |blob: &&Value| blob["digest"] == digest.as_str();
    let blob = report["blobs"].as_array().unwrap().iter().find(of_blob).unwrap();
    assert_eq!(blob["models"], serde_json::json!(["tiny:latest"]));
}
