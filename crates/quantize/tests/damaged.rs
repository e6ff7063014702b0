//! Damaged inputs: a bit flipped anywhere leads to a typed refusal or to a file that is whole.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{imatrix_bytes, llama, weights};
use gguf::{Gguf, Writer};
use quant::{TensorType, encode_row};
use quantize::{FileType, GgufSource, Imatrix, Options, Plan, Resources, Source, verify, write};

/// Flips, spread over the whole file by a multiplication.
const N_FLIPS: usize = 1000;

fn model() -> Vec<u8> {
    let tensors = [
        ("token_embd.weight", TensorType::F32),
        ("blk.0.attn_v.weight", TensorType::F16),
        ("blk.0.ffn_down.weight", TensorType::BF16),
        ("blk.0.ffn_up.weight", TensorType::Q8_0),
    ];
    let mut writer = Writer::new(llama(1));
    for (name, ty) in tensors {
        writer.tensor(name, ty, &[256, 2]).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    for (name, ty) in tensors {
        let mut bytes = vec![0; 512 / ty.block_len() * ty.block_bytes()];
        encode_row(ty, &weights(512, 3), None, &mut bytes).unwrap();
        data.write_tensor(name, &bytes).unwrap();
    }
    data.finish().unwrap()
}

/// The bit to flip of `n` bytes, and every byte of the first ones, where the lengths are.
fn flips(n: usize) -> impl Iterator<Item = (usize, u8)> {
    let near = n.min(N_FLIPS / 2);
    (0..N_FLIPS).map(move |i| match i.checked_sub(near) {
        None => (i, 1 << (i * 5 % 8)),
        Some(i) => (i.wrapping_mul(2_654_435_761) % n, 1 << (i % 8)),
    })
}

#[test]
fn a_thousand_flipped_bits_in_a_model() {
    let good = model();
    let mut options = Options::new(FileType::Q4_K_M);
    options.allow_requantize = true;
    let (mut n_refused, mut n_done) = (0, 0);
    for (at, bit) in flips(good.len()) {
        let mut bytes = good.clone();
        bytes[at] ^= bit;
        let Ok(gguf) = Gguf::open(Box::new(bytes)) else {
            n_refused += 1;
            continue;
        };
        let source = GgufSource::new(gguf);
        let resources = Resources { n_threads: 1 + at % 2, max_memory: 1 << 26 };
        let done =
            Plan::new(source.metadata(), source.tensors(), &options, None).and_then(|plan| {
                let (bytes, written) =
                    write(&source, &plan, None, resources, Vec::new(), &mut |_| true)?;
                let file = Gguf::open(Box::new(bytes)).unwrap();
                verify(&file, &plan, &written, &mut |_| true)
            });
        match done {
            Ok(()) => n_done += 1,
            Err(error) => {
                let said = error.to_string();
                assert!(said.len() > 20 && !said.contains('\n'), "{at}: {said}");
                n_refused += 1;
            }
        }
    }
    // Most of a file are numbers, and most of their bits make other numbers.
    assert!(n_refused > 50 && n_done > 300, "{n_refused} refused, {n_done} done");
}

#[test]
fn a_thousand_flipped_bits_in_importances_of_both_forms() {
    let entries: Vec<(String, Vec<f32>)> =
        (0..3).map(|i| (format!("blk.{i}.x.weight"), vec![0.5 + i as f32; 64])).collect();
    let mut metadata = gguf::Metadata::new();
    metadata.insert("general.type", "imatrix");
    metadata.insert("imatrix.chunk_count", 2u32);
    metadata.insert("imatrix.datasets", vec!["text".to_owned()]);
    let mut writer = Writer::new(metadata);
    for (name, values) in &entries {
        let n = values.len() as u64 / 2;
        writer.tensor(format!("{name}.in_sum2"), TensorType::F32, &[n, 2]).unwrap();
        writer.tensor(format!("{name}.counts"), TensorType::F32, &[1, 2]).unwrap();
    }
    let mut data = writer.start(Vec::new()).unwrap();
    for (name, values) in &entries {
        let sums: Vec<u8> = values.iter().flat_map(|x| (x * 4.0).to_le_bytes()).collect();
        data.write_tensor(&format!("{name}.in_sum2"), &sums).unwrap();
        let counts: Vec<u8> = [4.0f32, 4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        data.write_tensor(&format!("{name}.counts"), &counts).unwrap();
    }
    let (first, second) = (imatrix_bytes(&entries), data.finish().unwrap());
    let open = |bytes: &[u8]| Imatrix::open(Box::new(bytes.to_vec()), "i");
    assert_eq!(open(&first).unwrap(), open(&second).unwrap());
    assert_eq!(open(&first).unwrap().get("blk.1.x.weight"), Some(&[1.5; 64][..]));
    // The first form may end before the name of its text, the second within its last padding.
    for (good, may_lack) in [(first, 12..=12), (second, 1..=24)] {
        for (at, bit) in flips(good.len()) {
            let mut bytes = good.clone();
            bytes[at] ^= bit;
            if let Err(error) = open(&bytes) {
                assert!(error.to_string().starts_with("this is no importance matrix"), "{error}");
            }
        }
        for n in 0..good.len() {
            let is_short = open(&good[..n]).is_err();
            assert!(is_short || may_lack.contains(&(good.len() - n)), "{n} of {}", good.len());
        }
    }
}
