//! Every encoder, byte for byte, against ggml: the fixtures' blocks, and hashes of more rows.
//!
//! The hashes are of what `ggml_quantize_chunk` of ggml 0.25.3 wrote (x86-64, no fused
//! multiplications) for the rows of `common/rows.rs`, one after the other, without and with
//! importances.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::rows;
use quant::{Block, BlockTQ1_0, BlockTQ2_0, TensorType, decode_blocks, encode_row, is_encodable};

const HASHES: [(TensorType, u64, u64); 18] = [
    (TensorType::F32, 0xaad4_04b8_6c51_665d, 0x0e88_522c_190b_0d35),
    (TensorType::F16, 0xf3e3_95c9_4fba_1219, 0x9163_7ac3_96fd_657d),
    (TensorType::Q4_0, 0xc021_83c2_594f_eb39, 0xae33_eeb9_987b_ec91),
    (TensorType::Q4_1, 0x2e6a_599e_c046_5f30, 0x549f_9479_02de_eb07),
    (TensorType::Q5_0, 0xf348_3810_09fc_2343, 0x4a4b_5828_4c21_eecc),
    (TensorType::Q5_1, 0xeaa6_0b43_bd10_dd83, 0x9808_e1e3_d947_31b9),
    (TensorType::Q8_0, 0xf4bb_7b0c_1a72_eb4a, 0x1445_b0c0_0d8e_8615),
    (TensorType::Q2_K, 0xceae_9e44_5e76_f535, 0x33c2_dcd7_799b_0f2d),
    (TensorType::Q3_K, 0x2f4f_b6b5_0794_4f06, 0xe9c4_3a95_0825_d899),
    (TensorType::Q4_K, 0xd255_98a5_babd_8181, 0xd325_3e05_2d6c_4fd2),
    (TensorType::Q5_K, 0x8c7d_3efd_c239_3c23, 0x44c8_5d3a_6433_9a9c),
    (TensorType::Q6_K, 0x3f1f_0b8d_04b6_d2c1, 0xa7b2_b02c_7781_e655),
    (TensorType::IQ4_NL, 0x0cac_c77c_d8aa_4863, 0xc369_eb3a_54c8_3dd7),
    (TensorType::IQ4_XS, 0xa529_13e6_b8db_8316, 0x5d92_f747_37b1_479c),
    (TensorType::BF16, 0x7cb1_acdb_5387_9c39, 0xcf6f_e97b_ea4d_e5d5),
    (TensorType::TQ1_0, 0x68fa_137b_f1a0_5ec3, 0x7503_1b60_f80b_38bd),
    (TensorType::TQ2_0, 0x1a91_916a_5035_d75b, 0x500f_d834_48a2_e2fd),
    (TensorType::MXFP4, 0xd3ec_d49c_96db_c259, 0x8302_74e0_102e_d5ed),
];

fn encoded(ty: TensorType, x: &[f32], importance: Option<&[f32]>) -> Vec<u8> {
    let mut out = vec![0; x.len() / ty.block_len() * ty.block_bytes()];
    encode_row(ty, x, importance, &mut out).unwrap();
    out
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn rows_of_many_kinds() {
    let listed: Vec<TensorType> = HASHES.iter().map(|(ty, ..)| *ty).collect();
    let encodable: Vec<TensorType> =
        TensorType::ALL.iter().copied().filter(|ty| is_encodable(*ty)).collect();
    assert_eq!(listed, encodable, "each type with an encoder has its hashes");
    for (ty, plain, weighted) in HASHES {
        let mut hashes = [rows::HASH_START; 2];
        for (_, x, importance) in rows::all() {
            let bytes = encoded(ty, &x, importance.as_deref());
            let hash = &mut hashes[usize::from(importance.is_some())];
            *hash = rows::hash(&bytes, *hash);
        }
        assert_eq!(hashes, [plain, weighted], "{ty}: {hashes:x?}");
    }
}

#[test]
fn blocks_of_the_fixtures() {
    let Some(arrays) = common::block_fixtures("blocks_of_the_fixtures") else {
        return;
    };
    let (x, w) = (floats(&arrays["x"]), floats(&arrays["w"]));
    let mut n_compared = 0;
    for (ty, ..) in HASHES {
        for (tag, importance) in [("q", None), ("qw", Some(&w[..]))] {
            let Some(want) = arrays.get(&format!("{tag}.{ty}")) else {
                let plain = [TensorType::F32, TensorType::F16, TensorType::BF16].contains(&ty);
                assert!(plain, "no {tag}.{ty} in the fixtures");
                continue;
            };
            let got: Vec<u8> =
                x.chunks_exact(w.len()).flat_map(|x| encoded(ty, x, importance)).collect();
            assert_eq!(got.len(), want.len(), "{ty}");
            let blocks = got.chunks(ty.block_bytes()).zip(want.chunks(ty.block_bytes()));
            for (i, (got, want)) in blocks.enumerate() {
                assert_eq!(got, want, "{tag}.{ty} block {i}");
                n_compared += 1;
            }
        }
    }
    assert_eq!(n_compared, 2 * (7 * 384 + 8 * 48));
    println!("{n_compared} blocks equal");
}

/// The ternary types have structs and no entry in `decode`.
#[test]
fn values_of_ternary_blocks() {
    fn check<B: Block>(blocks: &[u8], want: &[f32]) {
        let mut got = vec![f32::NAN; want.len()];
        decode_blocks::<B>(blocks, &mut got).unwrap();
        assert!(got.iter().zip(want).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", B::TYPE);
    }
    let Some(arrays) = common::block_fixtures("values_of_ternary_blocks") else {
        return;
    };
    check::<BlockTQ1_0>(&arrays["q.TQ1_0"], &floats(&arrays["d.TQ1_0"]));
    check::<BlockTQ2_0>(&arrays["q.TQ2_0"], &floats(&arrays["d.TQ2_0"]));
}
