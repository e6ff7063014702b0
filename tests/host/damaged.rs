//! `ingle quantize` on inputs with a flipped bit: a sentence and no file, or a file that is whole;
//! and inputs that are what they were.
//!
//! What each reader says of each flip is tested where it stands (`crates/quantize`,
//! `crates/convert`, `crates/gguf`); here it is the program, with its names and its clean-up.

use std::path::{Path, PathBuf};

use gguf::Gguf;
use quant::TensorType;
use tests::models::Spec;
use tests::rng::Stream;
use tests::scratch::Scratch;

use crate::hf;
use crate::program::{Run, ingle};

/// Flips over all kinds of inputs, each of which is a run of the program.
const FLIPS: u64 = 50;
/// The same with `INGLE_LONG`.
const FLIPS_LONG: u64 = 1000;

/// Bytes at a file's start that every second flip falls into: lengths and names are there.
const HEAD: u64 = 3000;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A command, and the files of it that may be damaged.
struct Case {
    args: Vec<String>,
    inputs: Vec<(PathBuf, Vec<u8>)>,
}

impl Case {
    fn new(args: &[&str], inputs: Vec<PathBuf>) -> Case {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
        Case { args, inputs: inputs.into_iter().map(read).collect() }
    }

    fn run(&self) -> Run {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        ingle(&args)
    }
}

/// A model, a folder in the `transformers` library's form, and importances of the model.
fn cases(scratch: &Scratch, out: &Path) -> [Case; 3] {
    let spec = Spec { ty: TensorType::F16, ..Spec::quantized("llama", TensorType::Q4_K) };
    let bytes = spec.bytes();
    let model = scratch.write("m.gguf", &bytes);
    std::fs::create_dir(scratch.path("folder")).unwrap();
    let folder = hf::folder(&Gguf::open(Box::new(bytes)).unwrap());
    let write = |(name, bytes): &(String, Vec<u8>)| scratch.write(&format!("folder/{name}"), bytes);
    let files: Vec<PathBuf> = folder.iter().map(write).collect();
    let text = scratch.write("text.txt", &measure::validate::TEXT.as_bytes()[..4000]);
    let imatrix = scratch.path("im.gguf");
    let small = ["-c", "64", "--chunks", "2", "--no-ppl", "-f", path(&text)];
    let made = ingle(&[&["imatrix", path(&model), "-o", path(&imatrix)], &small[..]].concat());
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let (m, f, out) = (path(&model), scratch.path("folder"), path(out));
    let with = ["quantize", m, out, "Q4_K_M", "--imatrix", path(&imatrix), "--threads", "1"];
    [
        Case::new(&["quantize", m, out, "Q4_K_M", "--threads", "1"], vec![model.clone()]),
        Case::new(&["quantize", path(&f), out, "Q4_K_M", "--threads", "1"], files),
        Case::new(&with, vec![imatrix.clone()]),
    ]
}

/// Everything in a folder and below it, with its bytes' number.
fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        match entry.file_type().unwrap().is_dir() {
            true => all.extend(listing(&entry.path())),
            false => all.push((entry.path(), entry.metadata().unwrap().len())),
        }
    }
    all.sort();
    all
}

/// All of a file is there and can be read.
fn is_whole(file: &Path) -> bool {
    let Ok(gguf) = Gguf::open(Box::new(std::fs::read(file).unwrap())) else { return false };
    gguf.tensors.iter().all(|info| {
        let mut bytes = vec![0; usize::try_from(info.n_bytes).unwrap()];
        gguf.read_tensor(info, 0, &mut bytes).is_ok()
    })
}

#[test]
fn a_flipped_bit_leaves_a_whole_file_or_none() {
    let scratch = Scratch::new();
    let out = scratch.path("out.gguf");
    let cases = cases(&scratch, &out);
    for case in &cases {
        assert_eq!(case.run().code, Some(0), "{:?}", case.args);
        std::fs::remove_file(&out).unwrap();
    }
    let before = listing(scratch.folder());
    let n = if std::env::var_os("INGLE_LONG").is_some() { FLIPS_LONG } else { FLIPS };
    let stream = Stream::new(11, "flips");
    let (mut n_made, mut n_refused) = (0, 0);
    for i in 0..n {
        let case = &cases[(i % 3) as usize];
        let (file, good) = &case.inputs[(i / 3) as usize % case.inputs.len()];
        let len = good.len() as u64;
        let at = stream.bits(2 * i) % if i % 2 == 0 { len.min(HEAD) } else { len };
        let bit = stream.bits(2 * i + 1) % 8;
        let mut bad = good.clone();
        bad[at as usize] ^= 1 << bit;
        std::fs::write(file, &bad).unwrap();
        let run = case.run();
        let what = format!("bit {bit} of byte {at} of {}: {}", file.display(), run.stderr);
        assert!(std::fs::read(file).unwrap() == bad, "{what}");
        std::fs::write(file, good).unwrap();
        match run.code {
            Some(0) => {
                assert!(is_whole(&out), "{what}");
                std::fs::remove_file(&out).unwrap();
                n_made += 1;
            }
            // 101 is a panic, and no code is a signal or a run that did not end.
            Some(1..=10) => {
                let last = run.stderr.lines().last().unwrap_or_default();
                assert!(last.len() > 20 && run.stdout.is_empty(), "{what}");
                n_refused += 1;
            }
            other => panic!("{other:?}: {what}"),
        }
        assert_eq!(listing(scratch.folder()), before, "{what}");
    }
    println!("{n} flips: {n_refused} refused, {n_made} files made and whole");
    assert!(n_refused > 0 && n_made > 0);
}
