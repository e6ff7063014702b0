//! Rows on their way: the same bytes whatever the threads and the memory, and typed refusals.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::{self, Write};

use common::{imatrix_bytes, llama, weights};
use gguf::{Gguf, Metadata, Writer};
use quant::{EncodeError, TensorType, encode_row};
use quantize::{
    Error, FileType, GgufSource, Imatrix, Options, Plan, Resources, Source, Written, verify, write,
};

const PLENTY: Resources = Resources { n_threads: 2, max_memory: 1 << 30 };

/// Tensors of a small model with two layers and experts: name, type, shape.
const TENSORS: [(&str, TensorType, &[u64]); 8] = [
    ("token_embd.weight", TensorType::F32, &[256, 40]),
    ("blk.1.attn_v.weight", TensorType::BF16, &[256, 9]),
    ("blk.0.attn_v.weight", TensorType::F16, &[256, 9]),
    ("blk.0.attn_norm.weight", TensorType::F32, &[256]),
    ("blk.0.ffn_down_exps.weight", TensorType::F16, &[512, 3, 4]),
    ("blk.1.ffn_up.weight", TensorType::F32, &[288, 5]),
    ("blk.1.ffn_gate.bias", TensorType::F32, &[7]),
    ("blk.1.empty.weight", TensorType::F32, &[256, 0]),
];

/// Numbers of a tensor, by its place.
fn numbers(i: usize) -> Vec<f32> {
    weights(usize::try_from(TENSORS[i].2.iter().product::<u64>()).unwrap(), i as u64 + 1)
}

/// The model as a file; `change` may spoil the numbers of each tensor.
fn file(change: impl Fn(&str, &mut Vec<f32>)) -> Vec<u8> {
    let mut writer = Writer::new(llama(2));
    for (name, ty, dims) in TENSORS {
        writer.tensor(name, ty, dims).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    for (i, (name, ty, _)) in TENSORS.iter().enumerate() {
        let mut values = numbers(i);
        change(name, &mut values);
        data.write_tensor(name, &plain(*ty, &values)).unwrap();
    }
    data.finish().unwrap()
}

/// Without a check: also what is no number.
fn plain(ty: TensorType, values: &[f32]) -> Vec<u8> {
    let half = |x: &f32| half::f16::from_f32(*x).to_le_bytes();
    let brain = |x: &f32| half::bf16::from_f32(*x).to_le_bytes();
    match ty {
        TensorType::F16 => values.iter().flat_map(half).collect(),
        TensorType::BF16 => values.iter().flat_map(brain).collect(),
        _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

fn good() -> GgufSource {
    source(file(|_, _| {}))
}

fn source(bytes: Vec<u8>) -> GgufSource {
    GgufSource::new(Gguf::open(Box::new(bytes)).unwrap())
}

fn plan(source: &GgufSource, options: &Options, imatrix: Option<&Imatrix>) -> Result<Plan, Error> {
    Plan::new(source.metadata(), source.tensors(), options, imatrix)
}

fn q4(source: &GgufSource) -> Plan {
    plan(source, &Options::new(FileType::Q4_K_M), None).unwrap()
}

fn run(
    source: &GgufSource,
    plan: &Plan,
    imatrix: Option<&Imatrix>,
    resources: Resources,
) -> Result<(Vec<u8>, Written), Error> {
    write(source, plan, imatrix, resources, Vec::new(), &mut |_| true)
}

#[test]
fn the_same_bytes_with_any_threads_and_memory() {
    let source = good();
    let plan = q4(&source);
    let (alone, sums) = run(&source, &plan, None, Resources { n_threads: 1, ..PLENTY }).unwrap();
    // A row of 512 with both of its forms, for each of the five pieces on their way.
    let least = 5 * (512 * 4 + 512 * 2 + 512 / 32 * 34);
    for (n_threads, max_memory) in [(1, 1 << 20), (2, 1 << 30), (2, least), (7, 1 << 16)] {
        let resources = Resources { n_threads, max_memory };
        let (bytes, written) = run(&source, &plan, None, resources).unwrap();
        assert!(bytes == alone && written == sums, "{resources:?}");
    }
    let file = Gguf::open(Box::new(alone)).unwrap();
    verify(&file, &plan, &sums, &mut |_| true).unwrap();
    assert_eq!(file.metadata.u32("general.file_type"), Ok(Some(15)));
    let n_kept = file.tensors.iter().filter(|info| info.ty == TensorType::F32).count();
    assert_eq!((file.tensors.len(), n_kept), (8, 3), "{:?}", file.tensors);
}

#[test]
fn every_row_is_encoded_as_it_is_alone() {
    let source = good();
    let entries: Vec<(String, Vec<f32>)> = TENSORS
        .iter()
        .filter(|(.., dims)| dims.len() > 1)
        .map(|(name, _, dims)| {
            let n = dims[0] * dims.get(2).copied().unwrap_or(1);
            let squares = weights(usize::try_from(n).unwrap(), n).into_iter().map(|x| x * x);
            ((*name).to_owned(), squares.collect())
        })
        .collect();
    let imatrix = Imatrix::open(Box::new(imatrix_bytes(&entries)), "m.dat").unwrap();
    for file_type in [FileType::Q2_K_S, FileType::IQ4_NL, FileType::Q8_0, FileType::F16] {
        let plan = plan(&source, &Options::new(file_type), Some(&imatrix)).unwrap();
        let (bytes, _) = run(&source, &plan, Some(&imatrix), PLENTY).unwrap();
        let file = Gguf::open(Box::new(bytes)).unwrap();
        for (i, (name, from, dims)) in TENSORS.iter().enumerate().filter(|(_, t)| t.2.len() > 1) {
            let info = file.tensor(name).unwrap();
            let mut got = vec![0; usize::try_from(info.n_bytes).unwrap()];
            file.read_tensor(info, 0, &mut got).unwrap();
            let (columns, rows) = (usize::try_from(dims[0]).unwrap(), dims[1]);
            let mut values = vec![0.0; numbers(i).len()];
            quant::decode(*from, &plain(*from, &numbers(i)), &mut values).unwrap();
            let mut want = Vec::new();
            for (row, at) in values.chunks_exact(columns).zip(0..) {
                let expert = usize::try_from(at / rows.max(1)).unwrap() * columns;
                let importance = &imatrix.get(name).unwrap()[expert..expert + columns];
                let mut out = vec![0; columns / info.ty.block_len() * info.ty.block_bytes()];
                encode_row(info.ty, row, Some(importance), &mut out).unwrap();
                want.extend(out);
            }
            assert!(got == want, "{file_type} {name}");
        }
    }
}

#[test]
fn numbers_that_are_none_are_named_with_tensor_and_row() {
    for (tensor, at, value) in [
        ("blk.0.attn_v.weight", 256 * 4 + 3, f32::NAN),
        ("blk.0.ffn_down_exps.weight", 512 * 4, f32::INFINITY),
        ("token_embd.weight", 256 * 4 + 255, f32::NEG_INFINITY),
    ] {
        let spoil = |name: &str, values: &mut Vec<f32>| {
            if name == tensor {
                values[at] = value;
            }
        };
        let source = source(file(spoil));
        match run(&source, &q4(&source), None, PLENTY).map(drop) {
            Err(Error::Row { tensor: name, row: 4, source: EncodeError::NotFinite { .. } }) => {
                assert_eq!(name, tensor);
            }
            other => panic!("{tensor}: {other:?}"),
        }
        // What is only copied is looked at as well.
        let same = plan(&source, &Options::new(FileType::F16), None).unwrap();
        let error = run(&source, &same, None, PLENTY).map(drop).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(tensor) && said.contains("row 4"), "{said}");
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    let source = good();
    let refused = |options: &Options, imatrix: Option<&Imatrix>| {
        plan(&source, options, imatrix).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let with = |change: &dyn Fn(&mut Options)| {
        let mut options = Options::new(FileType::Q4_K_M);
        change(&mut options);
        options
    };
    let other = vec![("blk.0.attn_v.weight".to_owned(), vec![1.0; 128])];
    let other = Imatrix::open(Box::new(imatrix_bytes(&other)), "o.dat").unwrap();
    for (want, said) in [
        ("Q2_K_S needs to know", refused(&Options::new(FileType::Q2_K_S), None)),
        ("128 numbers for tensor", refused(&with(&|_| {}), Some(&other))),
        ("layer 2 cannot be left out", refused(&with(&|o| o.prune = [0, 2].into()), None)),
        ("all 2 layers would be", refused(&with(&|o| o.prune = [0, 1].into()), None)),
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    let nothing = Plan::new(&Metadata::new(), &[], &Options::new(FileType::Q8_0), None);
    assert!(matches!(nothing, Err(Error::NoTensors)));
    let small = Resources { n_threads: 2, max_memory: 4096 };
    let error = run(&source, &q4(&source), None, small).map(drop).unwrap_err();
    assert!(matches!(error, Error::Memory { need: 11_290, max: 4096, .. }), "{error}");
}

#[test]
fn quantizing_twice_must_be_allowed() {
    let first = good();
    let (bytes, _) = run(&first, &q4(&first), None, PLENTY).unwrap();
    let source = source(bytes);
    let mut options = Options::new(FileType::Q8_0);
    let error = plan(&source, &options, None).unwrap_err();
    assert!(matches!(error, Error::Requantize { .. }), "{error}");
    options.allow_requantize = true;
    let plan = plan(&source, &options, None).unwrap();
    let (bytes, _) = run(&source, &plan, None, PLENTY).unwrap();
    let again = Gguf::open(Box::new(bytes)).unwrap();
    assert_eq!(again.tensor("token_embd.weight").unwrap().ty, TensorType::Q8_0);
}

#[test]
fn it_stops_when_told_and_when_the_disk_is_full() {
    /// Room for some bytes.
    struct Disk(usize);
    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() > self.0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let source = good();
    let plan = q4(&source);
    let resources = Resources { n_threads: 3, max_memory: 1 << 16 };
    for room in (0..plan.new_bytes()).step_by(997) {
        let disk = Disk(usize::try_from(room).unwrap());
        let result = write(&source, &plan, None, resources, disk, &mut |_| true);
        assert!(matches!(result.map(drop), Err(Error::Write(_))), "{room}");
    }
    let mut n_told = 0;
    let mut last = 0;
    let mut watch = |progress: quantize::Progress| {
        assert!(progress.done >= last && progress.done <= progress.total);
        last = progress.done;
        n_told += 1;
        n_told < 3
    };
    let result = write(&source, &plan, None, resources, Vec::new(), &mut watch);
    assert!(matches!(result.map(drop), Err(Error::Cancelled)));
    assert_eq!(n_told, 3);
}

#[test]
fn a_file_that_was_changed_is_found_out() {
    let source = good();
    let plan = q4(&source);
    let (bytes, written) = run(&source, &plan, None, PLENTY).unwrap();
    let start = usize::try_from(Gguf::open(Box::new(bytes.clone())).unwrap().data_start).unwrap();
    for at in (start..bytes.len()).step_by(211) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let file = Gguf::open(Box::new(bytes)).unwrap();
        let is_padding = !file
            .tensors
            .iter()
            .any(|info| (info.offset..info.offset + info.n_bytes).contains(&(at as u64)));
        let found = verify(&file, &plan, &written, &mut |_| true);
        assert_eq!(found.is_ok(), is_padding, "{at}: {found:?}");
    }
    let other = self::plan(&source, &Options::new(FileType::Q4_K_S), None).unwrap();
    let file = Gguf::open(Box::new(bytes)).unwrap();
    let found = verify(&file, &other, &written, &mut |_| true).unwrap_err();
    assert!(found.to_string().contains("its metadata are others"), "{found}");
}
