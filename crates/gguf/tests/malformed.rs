//! Every row of the table of hostile and damaged files: the right error, in a sentence, with both
//! sets of limits; and the cases that need a special source or a special size.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{File, array, info, rich, v0};
use gguf::{ByteSource, Error, Gguf, Limit, Limits, SourceError, verdict};

fn open(bytes: Vec<u8>) -> Result<Gguf, Error> {
    Gguf::open(Box::new(bytes))
}

#[test]
fn every_row_gets_its_verdict() {
    let rows = common::rows::all();
    let mut wrong = Vec::new();
    for row in &rows {
        for limits in [&Limits::NATIVE, &Limits::WASM32] {
            let got = verdict(&row.bytes, limits);
            let kind = got.split(':').next().unwrap();
            if kind != row.want || !got.contains(row.says) {
                wrong.push(format!("{}: want {} \"{}\", got {got}", row.id, row.want, row.says));
            }
            if got.contains(|c: char| c.is_control()) {
                wrong.push(format!("{}: control characters in the sentence", row.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    println!("{} rows, two sets of limits each", rows.len());
}

#[test]
fn g16_a_file_without_keys_opens_and_has_no_architecture() {
    let file = open(File { kvs: vec![], infos: vec![], data: vec![], ..v0() }.bytes()).unwrap();
    let error = file.metadata.require_str("general.architecture").unwrap_err();
    assert_eq!(error.kind(), "MissingKey");
    assert!(error.to_string().contains("general.architecture"));
}

/// A header, then zeros up to a length.
struct Zeros {
    head: Vec<u8>,
    len: u64,
}

impl ByteSource for Zeros {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        for (i, byte) in buf.iter_mut().enumerate() {
            let at = usize::try_from(offset).unwrap() + i;
            *byte = self.head.get(at).copied().unwrap_or(0);
        }
        Ok(())
    }
}

/// A file of one array of `n` empty strings: zeros behind its header.
fn empty_strings(n: u64) -> Vec<Box<dyn ByteSource>> {
    let file = File { infos: vec![], ..v0() }.kv("k", 9, &array(8, n, &[]));
    let head = file.header();
    let len = head.len() as u64 + 8 * n;
    vec![Box::new(Zeros { head, len })]
}

#[test]
fn g34_empty_strings_are_limited_by_the_memory_they_take() {
    for (limits, n) in [(&Limits::NATIVE, (16 << 20) - 64), (&Limits::WASM32, (4 << 20) - 64)] {
        // Within the limits of count and header, three times as much in memory.
        assert!(n <= limits.array_len && 8 * n < limits.header_bytes);
        let tight = Limits { heap_bytes: 24 * n, ..*limits };
        for limits in [limits, &tight] {
            let got = Gguf::open_with(empty_strings(n), limits);
            let fits = 24 * n + 1000 < limits.heap_bytes;
            match got {
                Err(Error::Limit { limit: Limit::Heap, .. }) => assert!(!fits),
                Ok(_) => assert!(fits),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn the_header_has_a_limit_of_its_own() {
    // Eight strings of 16 MiB are within every other limit.
    let mut head = File { kvs: vec![], infos: vec![], n_kv: Some(9), ..v0() }.header();
    head.extend(common::kv("a", 8, &(16u64 << 20).to_le_bytes()));
    let mut limits = Limits::NATIVE;
    limits.header_bytes = 16 << 20;
    let source = Zeros { head, len: 1 << 30 };
    let error = Gguf::open_with(vec![Box::new(source)], &limits).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: Limit::Header, .. }), "{error:?}");
}

#[test]
fn g42_g72_typed_questions() {
    let file = v0()
        .kv("scores", 9, &array(0, 4, &[1, 2, 3, 4]))
        .kv("negative", 5, &(-1i32).to_le_bytes())
        .kv("count", 8, &common::string(b"12"))
        .kv("layers", 9, &array(5, 2, &[8, 0, 0, 0, 4, 0, 0, 0]));
    let metadata = open(file.bytes()).unwrap().metadata;
    let kind = |error: Error| error.kind();
    assert_eq!(metadata.f32s("scores").map_err(kind), Err("KeyType"));
    assert_eq!(metadata.strings("scores").map_err(kind), Err("KeyType"));
    assert_eq!(metadata.u32("negative").map_err(kind), Err("KeyRange"));
    assert_eq!(metadata.i32("negative").map_err(kind), Ok(Some(-1)));
    assert_eq!(metadata.u32("count").map_err(kind), Err("KeyType"));
    assert_eq!(metadata.u32("general.architecture").map_err(kind), Err("KeyType"));
    assert_eq!(metadata.require_u32("absent").map_err(kind), Err("MissingKey"));
    assert_eq!(metadata.u32s("scores").unwrap().unwrap().as_ref(), [1, 2, 3, 4]);
    assert_eq!(metadata.u32_per_layer("layers", 2).unwrap().unwrap(), [8, 4]);
    assert_eq!(metadata.u32_per_layer("layers", 3).map_err(kind), Err("KeyType"));
}

#[test]
fn every_value_of_a_rich_file_is_read() {
    let gguf = open(rich().bytes()).unwrap();
    let m = &gguf.metadata;
    assert_eq!(m.u32("u8").unwrap(), Some(200));
    assert_eq!(m.i32("i8").unwrap(), Some(-56));
    assert_eq!(m.u64("u64").unwrap(), Some(u64::MAX));
    assert_eq!(m.f32("f32").unwrap(), Some(1.5));
    assert_eq!(m.f32("f64").unwrap(), Some(f32::INFINITY));
    assert_eq!(m.bool("bool").unwrap(), Some(true));
    assert_eq!(m.str("text").unwrap(), Some("two\nlines"));
    assert_eq!(m.strings("strings").unwrap().unwrap(), ["a", "", "\u{1f600}"]);
    assert_eq!(m.strings("nothing").unwrap().unwrap().len(), 0);
    assert!(m.strings("odd.strings").is_err() && m.str("not.utf8").is_err());
    assert_eq!(m.byte_strings("odd.strings").unwrap().unwrap(), [&b"\xff\xfe"[..], b"plain"]);
    assert_eq!(m.i32s("ints").unwrap().unwrap().as_ref(), [1, -1]);
    assert_eq!(m.f32s("floats").unwrap().unwrap()[0], 1.0);
    assert_eq!(m.bools("bools").unwrap().unwrap(), [true, false, true]);
    let keys: Vec<&str> = m.iter().map(|(key, _)| key).collect();
    assert_eq!(keys[..3], ["general.architecture", "u8", "i8"]);
    let k = gguf.tensor("k").unwrap();
    assert_eq!((k.n_bytes, k.n_elements(), k.offset), (432, 768, gguf.data_start + 128));
    assert_eq!(gguf.tensor("scalar").unwrap().n_elements(), 1);
    assert!(gguf.tensor("absent").is_none());
}

#[test]
fn reads_stay_inside_a_tensor() {
    let gguf = open(v0().bytes()).unwrap();
    let t = gguf.tensor("t").unwrap().clone();
    let mut buf = [0; 8];
    gguf.read_tensor(&t, 120, &mut buf).unwrap();
    assert_eq!(buf, [120, 121, 122, 123, 124, 125, 126, 127]);
    for offset in [121, 128, u64::MAX] {
        assert_eq!(gguf.read_tensor(&t, offset, &mut buf).unwrap_err().kind(), "TensorRange");
    }
    gguf.read_tensor(&t, 128, &mut []).unwrap();
    let forged = gguf::TensorInfo { shard: 1, ..t.clone() };
    assert_eq!(gguf.read_tensor(&forged, 0, &mut buf).unwrap_err().kind(), "TensorRange");
    let forged = gguf::TensorInfo { offset: 1 << 40, ..t };
    assert_eq!(gguf.read_tensor(&forged, 0, &mut buf).unwrap_err().kind(), "Io");
}

/// Time this thread has computed (other tests share the machine), or the wall clock's where the
/// system does not say.
fn cpu_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let wall = START.get_or_init(Instant::now).elapsed();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or(wall, Duration::from_nanos)
}

#[test]
fn g65_65536_tensors_with_a_long_common_prefix_within_a_second() {
    let prefix = "blk.".repeat(13);
    let infos = (0..65_536u64).map(|i| info(format!("{prefix}{i}").as_bytes(), &[8], 0, i * 32));
    let bytes = v0().tensors(infos.collect()).data(32 * 65_536).bytes();
    let start = cpu_time();
    let gguf = open(bytes).unwrap();
    let took = cpu_time() - start;
    assert_eq!(gguf.tensors.len(), 65_536);
    assert_eq!(gguf.tensor(&format!("{prefix}65535")).unwrap().n_bytes, 32);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn parsing_takes_at_most_50_ms_for_each_mebibyte_of_header() {
    let header = |n: u64| {
        let strings = common::string(b"token").repeat(usize::try_from(n).unwrap());
        v0().kv("tokens", 9, &array(8, n, &strings)).bytes()
    };
    for n in [100_000, 400_000, 1_600_000] {
        let bytes = header(n);
        let mib = bytes.len() as f64 / f64::from(1 << 20);
        let start = cpu_time();
        open(bytes).unwrap();
        let took = (cpu_time() - start).as_secs_f64() * 1e3 / mib;
        println!("{mib:.1} MiB: {took:.1} ms for each");
        assert!(took < 50.0, "{took:.1} ms for each of {mib:.1} MiB");
    }
}

/// Fails every read that goes past byte `good`.
struct Failing {
    bytes: Vec<u8>,
    good: u64,
    n_reads: Cell<u32>,
}

impl ByteSource for Failing {
    fn len(&self) -> u64 {
        ByteSource::len(&self.bytes)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        self.n_reads.set(self.n_reads.get() + 1);
        if offset + buf.len() as u64 > self.good {
            return Err(SourceError::new("input/output error"));
        }
        self.bytes.read_at(offset, buf)
    }
}

#[test]
fn g83_a_source_that_fails_or_shrinks() {
    // A header over several read-ahead pieces, so that the failure comes in the middle.
    let text = common::string(&vec![b'x'; 3 << 20]);
    let bytes = v0().kv("big", 8, &text).bytes();
    for good in [0, 100, 1 << 20, 2 << 20] {
        let source = Failing { bytes: bytes.clone(), good, n_reads: Cell::new(0) };
        let error = Gguf::open(Box::new(source)).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        assert!(error.to_string().contains("input/output error"), "{error}");
    }
    // The file shrinks after the header was read.
    let header_only = v0().kv("small", 7, &[1]).data(2 << 20);
    let t = info(b"t", &[1 << 19], 0, 0);
    let bytes = header_only.tensors(vec![t]).bytes();
    let source = Failing { good: 1 << 20, bytes, n_reads: Cell::new(0) };
    let gguf = Gguf::open(Box::new(source)).unwrap();
    let t = gguf.tensor("t").unwrap();
    gguf.read_tensor(t, 0, &mut [0; 64]).unwrap();
    assert_eq!(gguf.read_tensor(t, 1 << 20, &mut [0; 64]).unwrap_err().kind(), "Io");
}

#[test]
fn the_source_is_asked_for_pieces_and_not_for_fields() {
    let strings = common::string(b"token").repeat(100_000);
    let bytes = v0().kv("tokens", 9, &array(8, 100_000, &strings)).bytes();
    let n_bytes = bytes.len() as u64;
    let source = std::rc::Rc::new(Failing { good: n_bytes, bytes, n_reads: Cell::new(0) });
    Gguf::open(Box::new(source.clone())).unwrap();
    // 1.3 MB, walked twice, in pieces of 256 KiB.
    assert!(source.n_reads.get() < 20, "{} reads", source.n_reads.get());
}
