//! Every quantized type, bit for bit, against blocks made by ggml and values made by gguf-py.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use quant::{TensorType, decode};

/// Types the fixtures have values for; the plain numbers are in `values.rs`.
const TYPES: [TensorType; 13] = [
    TensorType::Q4_0,
    TensorType::Q4_1,
    TensorType::Q5_0,
    TensorType::Q5_1,
    TensorType::Q8_0,
    TensorType::Q2_K,
    TensorType::Q3_K,
    TensorType::Q4_K,
    TensorType::Q5_K,
    TensorType::Q6_K,
    TensorType::IQ4_NL,
    TensorType::IQ4_XS,
    TensorType::MXFP4,
];

#[test]
fn values_of_blocks_made_by_ggml() {
    let Some(arrays) = common::block_fixtures("values_of_blocks_made_by_ggml") else {
        return;
    };
    for ty in TYPES {
        let key = |tag: &str| format!("{tag}.{ty}");
        let blocks = arrays.get(&key("q")).or_else(|| arrays.get(&key("qw"))).expect("blocks");
        let want: Vec<f32> = arrays[&key("d")]
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(want.len(), 12 * 1024, "{ty}");
        let mut got = vec![f32::NAN; want.len()];
        decode(ty, blocks, &mut got).unwrap();
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got.to_bits(), want.to_bits(), "{ty} value {i}: {got} is not {want}");
        }
        println!("{ty}: {} values equal", want.len());
    }
}

#[test]
fn types_with_a_value_in_the_fixtures_and_no_decoder_are_refused_by_name() {
    for ty in TensorType::ALL.iter().filter(|ty| !ty.is_supported()) {
        let error = decode(*ty, &[], &mut []).unwrap_err();
        assert!(error.to_string().contains(ty.name()), "{error}");
    }
}
