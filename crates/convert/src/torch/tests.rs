//! Files of `torch.save`, assembled by hand: instruction by instruction, as Python's pickle writes
//! them at protocol 2.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test should stop")]

use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::tensors;
use crate::bytes::Float;
use crate::error::Error;

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn global(name: &str) -> Vec<u8> {
    let (module, name) = name.rsplit_once('.').unwrap();
    format!("c{module}\n{name}\n").into_bytes()
}

fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(", &items.concat()[..], b"t"].concat()
}

fn numbers(numbers: &[u8]) -> Vec<u8> {
    tuple(&numbers.iter().map(|n| vec![b'K', *n]).collect::<Vec<_>>())
}

/// A storage of `n` elements by its key.
fn storage(kind: &str, key: &str, n: u8) -> Vec<u8> {
    let id = [text("storage"), global(kind), text(key), text("cpu"), vec![b'K', n]];
    [tuple(&id), b"Q".to_vec()].concat()
}

fn tensor(storage: &[u8], first: u8, size: &[u8], stride: &[u8]) -> Vec<u8> {
    let hooks = [global("collections.OrderedDict"), b")R".to_vec()].concat();
    let first = vec![b'K', first];
    let items = [storage.to_vec(), first, numbers(size), numbers(stride), vec![0x89], hooks];
    [global("torch._utils._rebuild_tensor_v2"), tuple(&items), b"R".to_vec()].concat()
}

/// A dictionary with these entries; the first one is put into the memo and read again.
fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = [&[0x80, 2][..], &global("collections.OrderedDict"), b")Rq\x00("].concat();
    for (name, value) in entries {
        out.extend([text(name), value.clone()].concat());
    }
    // Attributes, as a state dict has them: a dictionary that is not needed.
    out.extend(b"u}q\x01X\x09\x00\x00\x00_metadatah\x00sb.");
    out
}

fn archive(program: &[u8], storages: &[(&str, &[u8])], order: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut add = |name: String, bytes: &[u8]| {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    };
    add("model/data.pkl".into(), program);
    add("model/byteorder".into(), order.as_bytes());
    for (key, bytes) in storages {
        add(format!("model/data/{key}"), bytes);
    }
    zip.finish().unwrap().into_inner()
}

fn good() -> Vec<u8> {
    let (w, b) = (storage("torch.HalfStorage", "0", 8), storage("torch.FloatStorage", "1", 4));
    let index = storage("torch.LongStorage", "2", 1);
    dict(&[
        ("w", tensor(&w, 2, &[3, 2], &[2, 1])),
        ("b", tensor(&b, 0, &[4], &[1])),
        ("index", tensor(&index, 0, &[1], &[1])),
        ("epoch", vec![b'K', 3]),
    ])
}

const STORAGES: [(&str, &[u8]); 3] = [("0", &[7; 16]), ("1", &[8; 16]), ("2", &[9; 8])];

/// The form before 2020.
fn stream(program: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.";
    let machine = [&b"\x80\x02}("[..], &text("little_endian"), b"\x88u."].concat();
    let keys = [&b"\x80\x02]("[..], &text("0"), &text("1"), &text("2"), b"e."].concat();
    let mut out = [&magic[..], &machine, program, &keys].concat();
    for (n, (_, bytes)) in [8u64, 4, 1].into_iter().zip(STORAGES) {
        out.extend(n.to_le_bytes());
        out.extend(bytes);
    }
    out
}

#[test]
fn tensors_lie_where_the_file_says() {
    for bytes in [archive(&good(), &STORAGES, "little"), stream(&good())] {
        let all = tensors("m.bin", &bytes).unwrap();
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["w", "b", "index"]);
        let (w, b) = (&all[0].1, &all[1].1);
        assert_eq!((&w.dtype, w.shape.as_slice()), (&Ok(Float::F16), &[3, 2][..]));
        assert_eq!((&b.dtype, b.shape.as_slice()), (&Ok(Float::F32), &[4][..]));
        assert_eq!(all[2].1.dtype, Err("I64".to_owned()));
        for (stored, value, n) in [(w, 7, 12), (b, 8, 16)] {
            let at = stored.offset as usize;
            assert_eq!(bytes[at..at + n], vec![value; n]);
        }
    }
}

#[test]
fn weights_may_lie_within_what_a_trainer_saves() {
    let inner = tensor(&storage("torch.FloatStorage", "1", 4), 0, &[2, 2], &[2, 1]);
    let inner = [&b"}("[..], &text("w"), &inner, b"u"].concat();
    let outer = [&b"\x80\x02}("[..], &text("epoch"), b"K\x03", &text("state_dict"), &inner, b"u."];
    let all = tensors("m.pt", &archive(&outer.concat(), &STORAGES, "little")).unwrap();
    assert_eq!(all.len(), 1);
}

/// The error for a program in an archive.
fn refused(program: &[u8]) -> Error {
    tensors("m.bin", &archive(program, &STORAGES, "little")).expect_err("it must be refused")
}

#[test]
fn a_program_that_wants_more_is_refused_by_name() {
    for name in [
        "os.system",
        "posix.system",
        "builtins.eval",
        "builtins.getattr",
        "subprocess.Popen",
        "torch.load",
        "torch._utils._rebuild_device_tensor_from_numpy",
        "collections.OrderedDict.fromkeys",
    ] {
        let called = [&[0x80, 2][..], &global(name), &text("id"), b"\x85R."].concat();
        let error = refused(&called);
        assert!(matches!(&error, Error::Global { global, .. } if global == name), "{error}");
        // By the way of protocol 4, too.
        let (module, name) = name.rsplit_once('.').unwrap();
        let stacked = [&[0x80, 4][..], &text(module), &text(name), b"\x93)R."].concat();
        assert!(matches!(refused(&stacked), Error::Global { .. }));
    }
    // Instances, extensions, objects that are made and states that are called.
    for opcode in *b"ioPIFLSVBCpgd2101" {
        let error = refused(&[0x80, 2, b')', opcode, b'.']);
        assert!(matches!(error, Error::Opcode { opcode: o, .. } if o == opcode), "{error}");
    }
    for opcode in [0x81, 0x82, 0x83, 0x84, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x96] {
        assert!(matches!(refused(&[0x80, 4, opcode, b'.']), Error::Opcode { .. }));
    }
}

#[test]
fn what_is_wrong_is_said() {
    let float = |n| storage("torch.FloatStorage", "1", n);
    let one = |value: Vec<u8>| dict(&[("w", value)]);
    let reduce =
        |name: &str, items: &[Vec<u8>]| [global(name), tuple(items), b"R".to_vec()].concat();
    for (program, want) in [
        (vec![], "it ends too early"),
        (b"\x80\x02".to_vec(), "it ends too early"),
        (b"\x80\x02.".to_vec(), "a value is missing"),
        (b"\x80\x02K\x01.".to_vec(), "no tensors with names"),
        (b"\x80\x02X\xff\xff\xff\xffabc.".to_vec(), "it ends too early"),
        (b"\x80\x02h\x05.".to_vec(), "was not kept"),
        (b"\x80\x02t.".to_vec(), "a mark is missing"),
        (b"\x80\x02((K\x01t0.".to_vec(), "instruction 0x30"),
        (b"\x80\x02K\x01K\x02a.".to_vec(), "to no list"),
        (b"\x80\x02}(K\x01u.".to_vec(), "entries are set"),
        (b"\x80\x02K\x01}b.".to_vec(), "attributes are set"),
        (b"\x80\x02K\x01Q.".to_vec(), "not described as one"),
        (b"\x80\x02K\x01)R.".to_vec(), "made of nothing"),
        (one(tensor(&float(4), 0, &[2, 2], &[1, 2])), "are not one behind the other"),
        (one(tensor(&float(4), 1, &[4], &[1])), "w ends at byte 20 of a storage of 16"),
        (one(tensor(&float(4), 0, &[255; 8], &[1; 8])), "one behind the other"),
        (one(tensor(&float(4), 0, &[1; 9], &[1; 9])), "made of nothing"),
        (one(tensor(&storage("torch.FloatStorage", "9", 1), 0, &[1], &[1])), "no zip archive"),
        (one(reduce("torch._utils._rebuild_tensor_v2", &[vec![b'N']])), "made of nothing"),
        (one(global("torch.FloatStorage")), "no tensors with names"),
    ] {
        let error = refused(&program).to_string();
        assert!(error.contains(want), "{want}: {error}");
    }
    let big = archive(&good(), &STORAGES, "big");
    assert!(tensors("m.bin", &big).unwrap_err().to_string().contains("big-endian"));
    let missing = archive(&good(), &STORAGES[..1], "little");
    assert!(tensors("m.bin", &missing).is_err());
    for bytes in [&b""[..], b"PK", b"PK\x03\x04", b"\x80\x02.", b"GGUF....", b"PK\x05\x06"] {
        assert!(!tensors("m.bin", &bytes.to_vec()).unwrap_err().to_string().is_empty());
    }
}

#[test]
fn a_chain_of_any_length_is_no_depth() {
    let mut program = vec![0x80, 2, b')'];
    program.extend(vec![0x85; 1_000_000]);
    program.push(b'.');
    assert!(refused(&program).to_string().contains("no tensors with names"));
}

#[test]
fn values_are_counted() {
    let mut program = vec![0x80, 2];
    program.extend(vec![b'N'; (1 << 22) + 1]);
    assert!(refused(&program).to_string().contains("more values than any model has"));
    // The same value again and again.
    let mut program = b"\x80\x02Nq\x00".to_vec();
    program.extend(b"h\x00".repeat((1 << 22) + 1));
    assert!(refused(&program).to_string().contains("more values than any model has"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever bytes: an answer.
    #[test]
    fn any_program_ends(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = super::pickle::read("m.bin", &bytes);
        let _ = tensors("m.bin", &[&b"PK\x03\x04"[..], &bytes].concat());
        let _ = tensors("m.bin", &[&b"\x80\x02"[..], &bytes].concat());
    }

    /// A good file with some bytes changed: an answer, and tensors that lie in the file.
    #[test]
    fn any_damage_ends(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        is_stream in any::<bool>(),
    ) {
        let mut bytes = match is_stream {
            true => stream(&good()),
            false => archive(&good(), &STORAGES, "little"),
        };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = tensors("m.bin", &bytes);
    }
}
