//! Blocks packed here, from integers and scales, decode to what those stand for.
//!
//! The packers scatter each integer's bits to where ggml's quantizers put them, the opposite
//! direction of the decoder's gathering, and need no fixtures. Random bytes must decode as well: a
//! file may hold anything.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use half::{bf16, f16};
use proptest::prelude::*;
use quant::{DecodeError, KVALUES_IQ4_NL, KVALUES_MXFP4, TensorType, decode, e8m0_half};

fn decoded(ty: TensorType, block: &[u8]) -> Vec<f32> {
    let mut out = vec![f32::NAN; ty.block_len()];
    decode(ty, block, &mut out).unwrap();
    out
}

fn f16_bytes(x: f32) -> [u8; 2] {
    f16::from_f32(x).to_le_bytes()
}

/// `n` integers below `2^bits`.
fn integers(n: usize, bits: u32) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..=u8::try_from((1u32 << bits) - 1).unwrap(), n)
}

/// Low nibbles of 32 integers into 16 bytes.
fn pack_nibbles(q: &[u8]) -> Vec<u8> {
    let (low, high) = q.split_at(16);
    low.iter().zip(high).map(|(low, high)| low % 16 + high % 16 * 16).collect()
}

/// Bit 4 of 32 integers into 4 bytes.
fn pack_fifth(q: &[u8]) -> [u8; 4] {
    let bits = q.iter().enumerate().map(|(i, q)| u32::from(q / 16) << i);
    bits.sum::<u32>().to_le_bytes()
}

/// `bits`-wide fields of 256 integers: 128 at a time, `8 / bits` planes of `width` bytes over them.
fn pack_planes(q: &[u8], bits: usize, width: usize) -> Vec<u8> {
    let n_planes = 8 / bits;
    let mut out = Vec::new();
    for group in q.chunks(width * n_planes) {
        let mut bytes = vec![0u8; width];
        for (plane, values) in group.chunks(width).enumerate() {
            for (byte, q) in bytes.iter_mut().zip(values) {
                *byte += (q % (1 << bits)) << (plane * bits);
            }
        }
        out.extend(bytes);
    }
    out
}

/// Eight 6-bit scales and minimums into twelve bytes.
fn pack_k4(scales: &[u8], mins: &[u8]) -> [u8; 12] {
    let mut out = [0; 12];
    for j in 0..4 {
        out[j] = scales[j] + (scales[j + 4] / 16) * 64;
        out[j + 4] = mins[j] + (mins[j + 4] / 16) * 64;
        out[j + 8] = scales[j + 4] % 16 + (mins[j + 4] % 16) * 16;
    }
    out
}

/// Sixteen 6-bit scales into twelve bytes.
fn pack_q3_scales(scales: &[u8]) -> [u8; 12] {
    let mut out = [0; 12];
    for (j, scale) in scales.iter().enumerate() {
        out[j % 8] += scale % 16 * if j < 8 { 1 } else { 16 };
        out[8 + j % 4] += (scale / 16) << (j / 4 * 2);
    }
    out
}

fn with_minimums(d: f32, dmin: f32, scales: &[u8], mins: &[u8], q: &[u8]) -> Vec<f32> {
    let len = q.len() / scales.len();
    let value = |i: usize| {
        let (scale, min) = (f32::from(scales[i / len]), f32::from(mins[i / len]));
        d * scale * f32::from(q[i]) - dmin * min
    };
    (0..q.len()).map(value).collect()
}

fn signed(d: f32, scales: &[i16], q: &[i16]) -> Vec<f32> {
    let len = q.len() / scales.len();
    let value = |i: usize| d * f32::from(scales[i / len]) * f32::from(q[i]);
    (0..q.len()).map(value).collect()
}

fn less(q: &[u8], by: i16) -> Vec<i16> {
    q.iter().map(|q| i16::from(*q) - by).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn legacy(q in integers(32, 5), d in -2.0f32..2.0, m in -2.0f32..2.0) {
        let (db, mb) = (f16_bytes(d), f16_bytes(m));
        let (d, m) = (f16::from_f32(d).to_f32(), f16::from_f32(m).to_f32());
        let q4: Vec<u8> = q.iter().map(|q| q % 16).collect();
        let (nibbles, fifth) = (pack_nibbles(&q), pack_fifth(&q));
        let plus_m = |q: &[u8]| q.iter().map(|q| d * f32::from(*q) + m).collect::<Vec<_>>();
        let block = [&db[..], &nibbles].concat();
        prop_assert_eq!(decoded(TensorType::Q4_0, &block), signed(d, &[1], &less(&q4, 8)));
        let block = [&db[..], &mb, &nibbles].concat();
        prop_assert_eq!(decoded(TensorType::Q4_1, &block), plus_m(&q4));
        let block = [&db[..], &fifth, &nibbles].concat();
        prop_assert_eq!(decoded(TensorType::Q5_0, &block), signed(d, &[1], &less(&q, 16)));
        let block = [&db[..], &mb, &fifth, &nibbles].concat();
        prop_assert_eq!(decoded(TensorType::Q5_1, &block), plus_m(&q));
    }

    #[test]
    fn q8_0(q in proptest::collection::vec(any::<i8>(), 32), d in -2.0f32..2.0) {
        let bytes: Vec<u8> = q.iter().flat_map(|q| q.to_le_bytes()).collect();
        let want: Vec<i16> = q.iter().map(|q| i16::from(*q)).collect();
        let d16 = f16::from_f32(d).to_f32();
        let got = decoded(TensorType::Q8_0, &[&f16_bytes(d)[..], &bytes].concat());
        prop_assert_eq!(got, signed(d16, &[1], &want));
    }

    #[test]
    fn k_quants_with_minimums(
        q in integers(256, 5),
        (scales, mins) in (integers(16, 6), integers(16, 6)),
        (d, dmin) in (-2.0f32..2.0, -2.0f32..2.0),
    ) {
        let (db, mb) = (f16_bytes(d), f16_bytes(dmin));
        let (d, dmin) = (f16::from_f32(d).to_f32(), f16::from_f32(dmin).to_f32());
        let below = |n: u8, v: &[u8]| v.iter().map(|x| x % n).collect::<Vec<u8>>();
        // Q2_K: nibbles for scales.
        let (s4, m4, q2) = (below(16, &scales), below(16, &mins), below(4, &q));
        let packed: Vec<u8> = s4.iter().zip(&m4).map(|(s, m)| s + m * 16).collect();
        let block = [&packed[..], &pack_planes(&q2, 2, 32), &db, &mb].concat();
        prop_assert_eq!(decoded(TensorType::Q2_K, &block), with_minimums(d, dmin, &s4, &m4, &q2));
        // Q4_K and Q5_K: twelve bytes of scales, nibbles, fifth bits.
        let (s6, m6, q4) = (&scales[..8], &mins[..8], below(16, &q));
        let (head, low) = (pack_k4(s6, m6), pack_planes(&q4, 4, 32));
        let block = [&db[..], &mb, &head, &low].concat();
        prop_assert_eq!(decoded(TensorType::Q4_K, &block), with_minimums(d, dmin, s6, m6, &q4));
        let fifth: Vec<u8> = q.iter().map(|q| q / 16).collect();
        let block = [&db[..], &mb, &head, &pack_planes(&fifth, 1, 32), &low].concat();
        prop_assert_eq!(decoded(TensorType::Q5_K, &block), with_minimums(d, dmin, s6, m6, &q));
    }

    #[test]
    fn k_quants_without(
        q in integers(256, 6),
        scales in integers(16, 6),
        bytes in proptest::collection::vec(any::<i8>(), 16),
        d in -2.0f32..2.0,
    ) {
        let (db, d) = (f16_bytes(d), f16::from_f32(d).to_f32());
        let q3: Vec<u8> = q.iter().map(|q| q % 8).collect();
        let high: Vec<u8> = q3.iter().map(|q| q / 4).collect();
        let low = pack_planes(&q3, 2, 32);
        let head = pack_q3_scales(&scales);
        let block = [&pack_planes(&high, 1, 32)[..], &low, &head, &db].concat();
        let want = signed(d, &less(&scales, 32), &less(&q3, 4));
        prop_assert_eq!(decoded(TensorType::Q3_K, &block), want);
        let high: Vec<u8> = q.iter().map(|q| q / 16).collect();
        let raw: Vec<u8> = bytes.iter().flat_map(|b| b.to_le_bytes()).collect();
        let (low, high) = (pack_planes(&q, 4, 64), pack_planes(&high, 2, 32));
        let block = [&low[..], &high, &raw, &db].concat();
        let wide: Vec<i16> = bytes.iter().map(|b| i16::from(*b)).collect();
        prop_assert_eq!(decoded(TensorType::Q6_K, &block), signed(d, &wide, &less(&q, 32)));
    }

    #[test]
    fn tables(
        k in integers(256, 4),
        scales in integers(8, 6),
        d in -2.0f32..2.0,
        e in any::<u8>(),
    ) {
        let (db, d) = (f16_bytes(d), f16::from_f32(d).to_f32());
        let look = |table: &[i8; 16], k: &[u8]| {
            k.iter().map(|k| i16::from(table[usize::from(*k)])).collect::<Vec<_>>()
        };
        let nl = look(&KVALUES_IQ4_NL, &k);
        let block = [&db[..], &pack_nibbles(&k[..32])].concat();
        prop_assert_eq!(decoded(TensorType::IQ4_NL, &block), signed(d, &[1], &nl[..32]));
        let high: u16 = scales.iter().enumerate().map(|(b, s)| u16::from(s / 16) << (2 * b)).sum();
        let low: Vec<u8> = scales.chunks(2).map(|s| s[0] % 16 + s[1] % 16 * 16).collect();
        let qs: Vec<u8> = k.chunks(32).flat_map(pack_nibbles).collect();
        let block = [&db[..], &high.to_le_bytes(), &low, &qs].concat();
        let want = signed(d, &less(&scales, 32), &nl);
        prop_assert_eq!(decoded(TensorType::IQ4_XS, &block), want);
        let block = [&[e][..], &pack_nibbles(&k[..32])].concat();
        let scale = 2f64.powi(i32::from(e) - 128);
        let values = look(&KVALUES_MXFP4, &k[..32]);
        let want: Vec<f32> = values.iter().map(|v| (f64::from(*v) * scale) as f32).collect();
        prop_assert_eq!(decoded(TensorType::MXFP4, &block), want);
    }

    #[test]
    fn any_bytes_of_any_length(
        bytes in proptest::collection::vec(any::<u8>(), 0..700),
        n in 0usize..900,
    ) {
        for ty in TensorType::ALL {
            let mut out = vec![0.0; n];
            let whole = bytes.len() % ty.block_bytes() == 0
                && bytes.len() / ty.block_bytes() * ty.block_len() == n;
            match decode(*ty, &bytes, &mut out) {
                Ok(()) => prop_assert!(whole && ty.is_supported()),
                Err(DecodeError::Unsupported(named)) => {
                    prop_assert!(named == *ty && !ty.is_supported());
                }
                Err(DecodeError::Size { .. }) => prop_assert!(!whole),
            }
        }
    }

    #[test]
    fn any_bytes_of_whole_blocks(bytes in proptest::collection::vec(any::<u8>(), 292 * 2)) {
        for ty in TensorType::ALL.iter().filter(|ty| ty.is_supported()) {
            let mut out = vec![0.0; 2 * ty.block_len()];
            // The odd start makes the bytes unaligned for every field wider than one.
            let start = 1;
            let blocks = &bytes[start..start + 2 * ty.block_bytes()];
            prop_assert!(decode(*ty, blocks, &mut out).is_ok());
        }
    }
}

#[test]
fn every_f16_and_every_bf16() {
    for bits in 0..=u16::MAX {
        let half = decoded(TensorType::F16, &bits.to_le_bytes())[0];
        let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 31, f64::from(bits & 1023));
        let magnitude = match exponent {
            0 => fraction * 2f64.powi(-24),
            31 => f64::INFINITY,
            _ => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
        };
        let want = if sign == 1 { -magnitude } else { magnitude } as f32;
        let is_nan = exponent == 31 && fraction != 0.0;
        assert!(
            if is_nan { half.is_nan() } else { half.to_bits() == want.to_bits() },
            "{bits:04x}"
        );
        let brain = decoded(TensorType::BF16, &bits.to_le_bytes())[0];
        let want = f32::from_bits(u32::from(bits) << 16);
        assert!(brain.to_bits() == want.to_bits() || want.is_nan() && brain.is_nan(), "{bits:04x}");
        assert_eq!(bf16::from_bits(bits).is_nan(), brain.is_nan());
    }
}

#[test]
fn every_exponent_of_mxfp4() {
    for e in 0..=255u8 {
        let want = 2f64.powi(i32::from(e) - 128);
        assert_eq!(f64::from(e8m0_half(e)), want, "{e}");
    }
}

#[test]
fn f32_is_copied() {
    for x in [0.0, -0.0, 1.5, f32::MIN_POSITIVE / 2.0, f32::MAX, f32::INFINITY] {
        assert_eq!(decoded(TensorType::F32, &x.to_le_bytes())[0].to_bits(), x.to_bits());
    }
}

#[test]
fn a_scale_that_is_not_a_number_shows_in_the_values() {
    let mut block = vec![0x11u8; TensorType::Q4_K.block_bytes()];
    block[..2].copy_from_slice(&f16::NAN.to_le_bytes());
    assert!(decoded(TensorType::Q4_K, &block).iter().all(|x| x.is_nan()));
    block[..2].copy_from_slice(&f16::INFINITY.to_le_bytes());
    assert!(decoded(TensorType::Q4_K, &block).iter().all(|x| !x.is_finite()));
}

#[test]
fn ids_and_names() {
    for ty in TensorType::ALL {
        assert_eq!(TensorType::from_id(ty.id()), Some(*ty));
    }
    for removed in [4, 5, 31, 32, 33, 36, 37, 38, u32::MAX] {
        assert_eq!(TensorType::from_id(removed), None);
    }
}
