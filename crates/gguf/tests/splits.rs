//! Split models: names, reading over several files, and parts that do not belong together.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use gguf::{ByteSource, Error, Gguf, Metadata, Writer, split_names};
use quant::TensorType;

/// Part `no` (from 0) of `count`, with tensors of one value each.
fn part(no: u16, count: u16, total: i32, tensors: &[(&str, f32)]) -> Box<dyn ByteSource> {
    let mut metadata = Metadata::new();
    if no == 0 {
        metadata.insert("general.architecture", "llama");
    }
    metadata.insert("split.no", no);
    metadata.insert("split.count", count);
    metadata.insert("split.tensors.count", total);
    let mut writer = Writer::new(metadata);
    for (name, _) in tensors {
        writer.tensor(*name, TensorType::F32, &[1]).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    for (name, value) in tensors {
        data.write_tensor(name, &value.to_le_bytes()).unwrap();
    }
    Box::new(data.finish().unwrap())
}

fn reason(error: Error) -> String {
    assert_eq!(error.kind(), "Split", "{error}");
    error.to_string()
}

#[test]
fn three_files_are_one_model() {
    let gguf = Gguf::open_split(vec![
        part(0, 3, 4, &[("a", 1.0), ("b", 2.0)]),
        part(1, 3, 4, &[("c", 3.0)]),
        part(2, 3, 4, &[("d", 4.0)]),
    ])
    .unwrap();
    assert_eq!(gguf.metadata.require_str("general.architecture").unwrap(), "llama");
    assert_eq!(gguf.tensors.len(), 4);
    for (name, shard, value) in [("a", 0, 1.0f32), ("b", 0, 2.0), ("c", 1, 3.0), ("d", 2, 4.0)] {
        let info = gguf.tensor(name).unwrap();
        let mut bytes = [0; 4];
        gguf.read_tensor(info, 0, &mut bytes).unwrap();
        assert_eq!((info.shard, f32::from_le_bytes(bytes)), (shard, value), "{name}");
    }
    assert_eq!(gguf.file_bytes().count(), 3);
}

#[test]
fn g80_parts_that_do_not_fit() {
    let open = |sources| Gguf::open_split(sources).unwrap_err();
    let (a, b) = ([("a", 1.0)], [("b", 2.0)]);
    // A number that cannot be.
    let error = open(vec![part(0, 2, 2, &a), part(2, 2, 2, &b)]);
    assert!(reason(error).contains("part 3 of 2"));
    // One file alone, or one too few.
    let error = Gguf::open(part(0, 3, 3, &a)).unwrap_err();
    assert!(reason(error).contains("one of 3 files and 1 were opened"));
    let error = open(vec![part(0, 3, 3, &a), part(1, 3, 3, &b)]);
    assert!(reason(error).contains("3 files and 2"));
    // Not in order, or one twice.
    let error = open(vec![part(1, 2, 2, &b), part(0, 2, 2, &a)]);
    assert!(reason(error).contains("part 2 was found where part 1"));
    let error = open(vec![part(0, 2, 2, &a), part(0, 2, 2, &a)]);
    assert!(reason(error).contains("part 1 was found where part 2"));
    // Of another model: other counts, or tensors that are there already.
    let error = open(vec![part(0, 2, 5, &a), part(1, 2, 2, &b)]);
    assert!(reason(error).contains("another model"));
    let error = open(vec![part(0, 2, 2, &a), part(1, 4, 2, &b)]);
    assert!(reason(error).contains("one of 4 files"));
    let error = open(vec![part(0, 2, 2, &a), part(1, 2, 2, &a)]);
    assert_eq!(error.kind(), "DuplicateTensor");
    // A file that is no part at all, a damaged one, and none.
    let plain = Writer::new(Metadata::new()).start(Vec::new()).unwrap().finish().unwrap();
    reason(open(vec![part(0, 2, 1, &a), Box::new(plain)]));
    let error = open(vec![part(0, 2, 2, &a), Box::new(b"GGUF".to_vec())]);
    assert_eq!(error.kind(), "Truncated");
    assert!(
        error.to_string().starts_with("in file 2 of the split model: the file ends"),
        "{error}"
    );
    reason(open(vec![]));
    let many = (0..1025).map(|_| Box::new(Vec::new()) as Box<dyn ByteSource>).collect();
    assert_eq!(open(many).kind(), "Limit");
}

#[test]
fn a_merged_file_keeps_a_count_of_zero() {
    let gguf = Gguf::open(part(0, 0, 1, &[("a", 1.0)])).unwrap();
    assert_eq!(gguf.tensors.len(), 1);
}

#[test]
fn file_names() {
    let names = split_names("x-of-y-00002-of-00003.gguf").unwrap();
    let want = [1, 2, 3].map(|i| format!("x-of-y-0000{i}-of-00003.gguf"));
    assert_eq!(names, want);
    for other in [
        "model.gguf",
        "x-00000-of-00003.gguf",
        "x-00004-of-00003.gguf",
        "x-1-of-3.gguf",
        "x-00001-of-99999.gguf",
        "x-00001-of-00003.bin",
        "x-+0001-of-00003.gguf",
        "-00001-of-00003.gguf",
        "",
    ] {
        assert_eq!(split_names(other), None, "{other}");
    }
}
