//! Encoders and any input: bits that are no numbers, lengths that do not fit, values of every size.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::rows::{IMPORTANCES, ROWS, row};
use proptest::prelude::*;
use quant::encode::{MAX_IMPORTANCE, MAX_SCALED};
use quant::{BlockTQ1_0, BlockTQ2_0, EncodeError, TensorType, decode, decode_blocks};
use quant::{encode_row, is_encodable};

/// The largest error, as a part of the block's largest magnitude, and the largest integer that an
/// f16 scale is multiplied with: it cannot be nearer to its number than `2^-25`.
///
/// First formats, MXFP4 and ternary types: half a step, or the value that lies one step outside.
/// Types with a search minimize a sum of squares and let some values go further; their bounds are a
/// fifth to a third above the largest error seen in 60 000 rows of 256 values like [`values`]'.
const BOUNDS: [(TensorType, f32, f32); 18] = [
    (TensorType::F32, 0.0, 0.0),
    (TensorType::F16, 0.0, 1.0),
    (TensorType::BF16, 1.0 / 256.0, 0.0),
    (TensorType::Q4_0, 1.0 / 8.0, 8.0),
    (TensorType::Q4_1, 1.0 / 15.0, 16.0),
    (TensorType::Q5_0, 1.0 / 16.0, 16.0),
    (TensorType::Q5_1, 1.0 / 31.0, 32.0),
    (TensorType::Q8_0, 1.0 / 254.0, 127.0),
    (TensorType::Q2_K, 0.85, 60.0),
    (TensorType::Q3_K, 0.35, 128.0),
    (TensorType::Q4_K, 0.11, 1008.0),
    (TensorType::Q5_K, 0.06, 2016.0),
    (TensorType::Q6_K, 0.03, 4096.0),
    (TensorType::IQ4_NL, 0.18, 127.0),
    (TensorType::IQ4_XS, 0.18, 4064.0),
    (TensorType::MXFP4, 0.25, 0.0),
    (TensorType::TQ1_0, 0.5, 1.0),
    (TensorType::TQ2_0, 0.5, 1.0),
];

fn room(ty: TensorType, n_values: usize) -> Vec<u8> {
    vec![0; n_values / ty.block_len() * ty.block_bytes()]
}

fn decoded(ty: TensorType, bytes: &[u8], n_values: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; n_values];
    match ty {
        TensorType::TQ1_0 => decode_blocks::<BlockTQ1_0>(bytes, &mut out),
        TensorType::TQ2_0 => decode_blocks::<BlockTQ2_0>(bytes, &mut out),
        _ => decode(ty, bytes, &mut out),
    }
    .unwrap();
    out
}

/// Values of one size, some of them larger, some zero, some all of one sign, on an offset.
fn values() -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![
        8 => -1.0f32..1.0,
        1 => Just(0.0f32),
        1 => prop_oneof![Just(1.0f32), Just(-1.0), Just(0.5)],
        1 => -8.0f32..8.0,
    ];
    let shape = (-40i32..12, prop_oneof![Just(0.0f32), -9.0f32..9.0], any::<bool>());
    (proptest::collection::vec(value, 256), shape).prop_map(|(values, (exponent, offset, one))| {
        let size = 2f32.powi(exponent);
        let sign = |x: f32| if one { x.abs() } else { x };
        values.into_iter().map(|x| (sign(x) + offset) * size).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn decoded_values_are_near(x in values()) {
        for (ty, part, levels) in BOUNDS {
            let mut bytes = room(ty, x.len());
            encode_row(ty, &x, None, &mut bytes).unwrap();
            let y = decoded(ty, &bytes, x.len());
            for (x, y) in x.chunks(ty.block_len()).zip(y.chunks(ty.block_len())) {
                let largest = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
                // The rounding of an f16 scale (and minimum), and of an f32 product.
                let rounding = if levels > 0.0 { largest / 1024.0 } else { largest / 1e6 };
                let bound = part * largest + rounding + levels * 2f32.powi(-25);
                for (x, y) in x.iter().zip(y) {
                    prop_assert!((x - y).abs() <= bound, "{ty}: {x} became {y}, bound {bound}");
                }
            }
        }
    }

    #[test]
    fn any_bits(
        x in proptest::collection::vec(any::<u32>(), 256),
        masks in (any::<u32>(), any::<u32>()),
        w in proptest::collection::vec(0.0f32..MAX_IMPORTANCE, 256),
        weighted in any::<bool>(),
    ) {
        let x: Vec<f32> = x.iter().map(|x| f32::from_bits(x & masks.0 | masks.1)).collect();
        for ty in TensorType::ALL {
            let mut bytes = room(*ty, x.len());
            let result = encode_row(*ty, &x, weighted.then_some(&w[..]), &mut bytes);
            match result {
                Ok(()) => {
                    let y = decoded(*ty, &bytes, x.len());
                    prop_assert!(y.iter().all(|y| y.is_finite()), "{ty}");
                }
                Err(EncodeError::Unsupported(_)) => prop_assert!(!is_encodable(*ty)),
                Err(EncodeError::NotFinite { index, .. }) => prop_assert!(!x[index].is_finite()),
                Err(EncodeError::TooLarge { index, value, .. }) => {
                    prop_assert!(x[index] == value && value.abs() > 65504.0, "{ty}: {value}");
                }
                Err(other) => prop_assert!(false, "{ty}: {other}"),
            }
        }
    }

    #[test]
    fn any_lengths(n_values in 0usize..600, n_bytes in 0usize..700, n_importances in 0usize..600) {
        let (x, w) = (vec![1.0; n_values], vec![1.0; n_importances]);
        for ty in TensorType::ALL.iter().filter(|ty| is_encodable(**ty)) {
            let fits = n_values % ty.block_len() == 0
                && n_values / ty.block_len() * ty.block_bytes() == n_bytes;
            let want = match (fits, n_values == n_importances) {
                (false, _) => Err(EncodeError::Size { ty: *ty, n_values, n_bytes }),
                (true, false) => Err(EncodeError::ImportanceSize { n_values, n_importances }),
                (true, true) => Ok(()),
            };
            prop_assert_eq!(encode_row(*ty, &x, Some(&w), &mut vec![0; n_bytes]), want);
        }
    }
}

/// A search for each block may miss, so this is about sums over 64 blocks.
#[test]
fn importance_lowers_the_error_it_counts() {
    let searched = BOUNDS.iter().map(|(ty, ..)| *ty).filter(|ty| {
        ty.block_len() > 1
            && ![TensorType::Q8_0, TensorType::MXFP4].contains(ty)
            && ![TensorType::TQ1_0, TensorType::TQ2_0].contains(ty)
    });
    for ty in searched {
        let mut errors = [0.0f64; 2];
        for seed in 0..16 {
            let (x, w) = (row(ROWS[0].1, seed), row(IMPORTANCES[1].1, 100 + seed));
            for (sum, importance) in errors.iter_mut().zip([None, Some(&w[..])]) {
                let mut bytes = room(ty, x.len());
                encode_row(ty, &x, importance, &mut bytes).unwrap();
                let y = decoded(ty, &bytes, x.len());
                let weighted = x.iter().zip(y).zip(&w).map(|((x, y), w)| w * (x - y) * (x - y));
                *sum += f64::from(weighted.sum::<f32>());
            }
        }
        let ratio = errors[1] / errors[0];
        println!("{ty}: {ratio:.3} of the error without importance");
        assert!(ratio < 0.97, "{ty}: {ratio}");
    }
}

#[test]
fn what_is_no_number_is_named_with_its_place() {
    for ty in TensorType::ALL.iter().filter(|ty| is_encodable(**ty)) {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = vec![0.5; 512];
            x[300] = bad;
            let error = encode_row(*ty, &x, None, &mut room(*ty, 512)).unwrap_err();
            assert!(matches!(error, EncodeError::NotFinite { index: 300, .. }), "{ty}: {error}");
        }
        for bad in [f32::NAN, f32::INFINITY, -1.0, 2.0 * MAX_IMPORTANCE] {
            let mut w = vec![1.0; 512];
            w[7] = bad;
            let error = encode_row(*ty, &[0.5; 512], Some(&w), &mut room(*ty, 512)).unwrap_err();
            assert!(matches!(error, EncodeError::Importance { index: 7, .. }), "{ty}: {error}");
        }
    }
}

#[test]
fn what_is_too_large_is_named_and_what_is_not_passes() {
    use TensorType as T;
    // The largest value of each type with an f16 scale, within its rounding.
    let largest = [
        (T::F16, 65504.0),
        (T::Q4_0, 65504.0 * 8.0),
        (T::Q5_0, 65504.0 * 16.0),
        (T::Q8_0, 65504.0 * 127.0),
        (T::Q3_K, 65504.0 * 32.0 * 4.0),
        (T::Q6_K, MAX_SCALED),
        (T::TQ1_0, 65504.0),
        (T::TQ2_0, 65504.0),
    ];
    for (ty, value) in largest {
        let mut x = vec![0.0f32; 512];
        x[300] = value;
        assert_eq!(encode_row(ty, &x, None, &mut room(ty, 512)), Ok(()), "{ty}");
        x[300] = value * 1.01;
        let error = encode_row(ty, &x, None, &mut room(ty, 512)).unwrap_err();
        assert_eq!(error, EncodeError::TooLarge { ty, index: 300, value: x[300] });
        assert!(error.to_string().contains(ty.name()), "{error}");
    }
}
