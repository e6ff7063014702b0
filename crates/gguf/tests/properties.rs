//! What must hold for any file: written and read back it is equal, and an accepted one is sound.
//!
//! "Sound" is the oracle for damaged files, where the right verdict is not known beforehand: every
//! tensor lies inside the file and behind the one before it, all of them can be read, and writing
//! and reading the content again changes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::rich;
use gguf::{Array, ByteSource, Gguf, Metadata, Value, Writer, tensor_bytes};
use proptest::prelude::*;
use quant::TensorType;

/// The same content as a new file.
fn rewrite(gguf: &Gguf) -> Vec<u8> {
    let mut writer = Writer::new(gguf.metadata.clone());
    for tensor in &gguf.tensors {
        writer.tensor(&tensor.name, tensor.ty, &tensor.dims).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    for tensor in &gguf.tensors {
        let mut bytes = vec![0; usize::try_from(tensor.n_bytes).unwrap()];
        gguf.read_tensor(tensor, 0, &mut bytes).unwrap();
        data.write_tensor(&tensor.name, &bytes).unwrap();
    }
    data.finish().unwrap()
}

/// True if the bytes are accepted; panics if they should not have been.
fn is_sound(bytes: &[u8]) -> bool {
    let Ok(gguf) = Gguf::open(Box::new(bytes.to_vec())) else {
        return false;
    };
    let mut end = gguf.data_start;
    for tensor in &gguf.tensors {
        assert!(tensor.offset >= end, "{tensor:?} overlaps");
        assert_eq!(tensor_bytes(tensor.ty, &tensor.dims), Some(tensor.n_bytes));
        end = tensor.offset + tensor.n_bytes;
        assert!(end <= bytes.len() as u64, "{tensor:?} is outside");
        assert_eq!(gguf.tensor(&tensor.name), Some(tensor));
    }
    assert!(end + gguf.trailing_bytes <= bytes.len() as u64);
    for (key, value) in gguf.metadata.iter() {
        assert!(std::ptr::eq(gguf.metadata.get(key).unwrap(), value), "{key:?}");
        assert!(!value.to_string().contains('\u{1b}'));
    }
    let once = rewrite(&gguf);
    let twice = rewrite(&Gguf::open(Box::new(once.clone())).unwrap());
    assert_eq!(once, twice);
    true
}

#[test]
fn g86_every_single_bit_flip_of_a_rich_header() {
    let base = rich();
    let (bytes, header) = (base.bytes(), base.header().len());
    assert!(is_sound(&bytes));
    let (mut n_accepted, mut n_refused) = (0, 0);
    for at in 0..header {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            if is_sound(&flipped) {
                n_accepted += 1;
            } else {
                n_refused += 1;
            }
        }
    }
    println!("{n_accepted} flips accepted, {n_refused} refused");
    assert!(n_accepted > 1000 && n_refused > 1000);
}

fn value() -> impl Strategy<Value = Value> {
    let scalars = prop_oneof![
        any::<u8>().prop_map(Value::U8),
        any::<i8>().prop_map(Value::I8),
        any::<u16>().prop_map(Value::U16),
        any::<i16>().prop_map(Value::I16),
        any::<u32>().prop_map(Value::U32),
        any::<i32>().prop_map(Value::I32),
        any::<u64>().prop_map(Value::U64),
        any::<i64>().prop_map(Value::I64),
        (-1e30f32..1e30).prop_map(Value::F32),
        (-1e300f64..1e300).prop_map(Value::F64),
        any::<bool>().prop_map(Value::Bool),
        ".{0,20}".prop_map(Value::String),
    ];
    let arrays = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Array::U8),
        proptest::collection::vec(any::<i8>(), 0..20).prop_map(Array::I8),
        proptest::collection::vec(any::<u16>(), 0..20).prop_map(Array::U16),
        proptest::collection::vec(any::<i16>(), 0..20).prop_map(Array::I16),
        proptest::collection::vec(any::<u32>(), 0..20).prop_map(Array::U32),
        proptest::collection::vec(any::<i32>(), 0..20).prop_map(Array::I32),
        proptest::collection::vec(any::<u64>(), 0..20).prop_map(Array::U64),
        proptest::collection::vec(any::<i64>(), 0..20).prop_map(Array::I64),
        proptest::collection::vec(-1e30f32..1e30, 0..20).prop_map(Array::F32),
        proptest::collection::vec(-1e300f64..1e300, 0..20).prop_map(Array::F64),
        proptest::collection::vec(any::<bool>(), 0..20).prop_map(Array::Bool),
        proptest::collection::vec(".{0,9}", 0..20).prop_map(Array::String),
    ];
    prop_oneof![scalars, arrays.prop_map(Value::Array)]
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let pairs = proptest::collection::vec(("[a-z][a-z.]{0,12}", value()), 0..12);
    (pairs, proptest::option::of(0u32..=12)).prop_map(|(pairs, alignment)| {
        let mut metadata = Metadata::new();
        pairs.into_iter().for_each(|(key, value)| metadata.insert(key, value));
        if let Some(bits) = alignment {
            metadata.insert("general.alignment", 1u32 << bits);
        }
        metadata
    })
}

fn tensors() -> impl Strategy<Value = Vec<(TensorType, Vec<u64>)>> {
    let tensor = (0..TensorType::ALL.len(), proptest::collection::vec(0u64..4, 0..=4));
    proptest::collection::vec(tensor, 0..6).prop_map(|tensors| {
        let whole_blocks = |(ty, mut dims): (usize, Vec<u64>)| {
            let ty = TensorType::ALL[ty];
            match dims.first_mut() {
                Some(ne0) => *ne0 *= ty.block_len() as u64,
                None if ty.block_len() > 1 => dims = vec![ty.block_len() as u64],
                None => {}
            }
            (ty, dims)
        };
        tensors.into_iter().map(whole_blocks).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_written_is_read(metadata in metadata(), tensors in tensors()) {
        let mut writer = Writer::new(metadata.clone());
        let mut contents = Vec::new();
        for (i, (ty, dims)) in tensors.iter().enumerate() {
            let name = format!("tensor.{i}");
            writer.tensor(&name, *ty, dims).unwrap();
            let n_bytes = usize::try_from(tensor_bytes(*ty, dims).unwrap()).unwrap();
            contents.push((name, vec![u8::try_from(i).unwrap() + 1; n_bytes]));
        }
        let mut data = writer.start(Vec::new()).unwrap();
        for (_, bytes) in &contents {
            // In two pieces, as a quantizer writes.
            let (first, second) = bytes.split_at(bytes.len() / 3);
            data.write(first).unwrap();
            data.write(second).unwrap();
        }
        let file = data.finish().unwrap();
        let gguf = Gguf::open(Box::new(file.clone())).unwrap();
        prop_assert_eq!(&gguf.metadata, &metadata);
        prop_assert_eq!(gguf.tensors.len(), tensors.len());
        prop_assert_eq!(gguf.trailing_bytes, 0);
        for ((name, bytes), (ty, dims)) in contents.iter().zip(&tensors) {
            let info = gguf.tensor(name).unwrap();
            prop_assert_eq!((info.ty, &info.dims), (*ty, dims));
            let mut read = vec![0; bytes.len()];
            gguf.read_tensor(info, 0, &mut read).unwrap();
            prop_assert_eq!(&read, bytes);
        }
        prop_assert!(is_sound(&file));
    }

    #[test]
    fn any_damage_is_refused_or_sound(
        places in proptest::collection::vec((0usize..1200, any::<u8>(), 1usize..9), 1..6),
        cut in proptest::option::of(0usize..1300),
    ) {
        let mut bytes = rich().bytes();
        for (at, with, n) in places {
            let end = (at + n).min(bytes.len());
            if let Some(range) = bytes.get_mut(at..end) {
                range.fill(with);
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut);
        }
        is_sound(&bytes);
    }

    #[test]
    fn any_bytes_after_the_magic(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
        is_sound(&[b"GGUF\x03\0\0\0", &tail[..]].concat());
    }
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let kind = |metadata: Metadata| Writer::new(metadata).start(Vec::new()).is_err();
    for alignment in [Value::U32(0), Value::U32(24), Value::U32(1 << 21), Value::U64(32)] {
        let mut metadata = Metadata::new();
        metadata.insert("general.alignment", alignment);
        assert!(kind(metadata));
    }
    for key in ["", "a\nb", &"k".repeat(65_536)] {
        let mut metadata = Metadata::new();
        metadata.insert(key, 1u32);
        assert!(kind(metadata), "{key}");
    }
    let mut writer = Writer::new(Metadata::new());
    assert!(writer.tensor("", TensorType::F32, &[1]).is_err());
    assert!(writer.tensor("n".repeat(64), TensorType::F32, &[1]).is_err());
    assert!(writer.tensor("t", TensorType::F32, &[1; 5]).is_err());
    assert!(writer.tensor("t", TensorType::Q4_K, &[32]).is_err());
    assert!(writer.tensor("t", TensorType::F32, &[1 << 62]).is_err());
    writer.tensor("t", TensorType::F32, &[1]).unwrap();
    writer.tensor("t", TensorType::F32, &[1]).unwrap();
    assert!(writer.start(Vec::new()).is_err(), "two tensors of one name");
}

#[test]
fn the_writer_wants_exactly_the_declared_bytes() {
    let start = || {
        let mut writer = Writer::new(Metadata::new());
        writer.tensor("a", TensorType::F32, &[2]).unwrap();
        writer.tensor("b", TensorType::F32, &[1]).unwrap();
        writer.start(Vec::new()).unwrap()
    };
    assert!(start().finish().is_err(), "nothing written");
    assert!(start().write_tensor("b", &[0; 4]).is_err(), "not its turn");
    assert!(start().write_tensor("a", &[0; 4]).is_err(), "too short");
    assert!(start().write(&[0; 9]).is_err(), "too long");
    let mut data = start();
    data.write(&[1; 8]).unwrap();
    assert_eq!(data.next_tensor(), Some("b"));
    data.write_tensor("b", &[2; 4]).unwrap();
    assert_eq!(data.next_tensor(), None);
    assert!(data.write(&[3]).is_err(), "nothing is left");
    let file = data.finish().unwrap();
    assert_eq!(ByteSource::len(&file) % 32, 0);
}

#[test]
fn inserting_replaces_and_keeps_the_order() {
    let mut metadata = Metadata::new();
    for key in ["b", "a", "c", "b"] {
        metadata.insert(key, format!("{key}{}", metadata.len()));
    }
    let pairs: Vec<String> = metadata.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(pairs, ["b=\"b3\"", "a=\"a1\"", "c=\"c2\""]);
    assert_eq!(metadata.str("c").unwrap(), Some("c2"));
}
