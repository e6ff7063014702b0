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
    (TensorType::F32, 0x17ee_abf4_b0ac_51dd, 0x8d4f_6b44_bbd7_2e65),
    (TensorType::F16, 0x3431_b50b_df72_fdd1, 0x71b1_bce4_1dd6_6c9d),
    (TensorType::Q4_0, 0x8de6_128c_88a0_d780, 0xfaa1_d5fb_ac4c_f28e),
    (TensorType::Q4_1, 0xa989_6058_80cf_64ff, 0x9496_8c44_5301_81e4),
    (TensorType::Q5_0, 0x3d8f_7b01_4ec0_838c, 0xd7a1_8367_c31c_afd7),
    (TensorType::Q5_1, 0x185d_8f05_e9a4_4b94, 0x8487_cb42_c7c4_7c57),
    (TensorType::Q8_0, 0x8bce_94f6_9ccc_b84c, 0xd793_4965_ad9f_fbbd),
    (TensorType::Q2_K, 0xbfa0_155a_2e47_169c, 0xbb7d_05c1_46d3_0b50),
    (TensorType::Q3_K, 0x6f6e_62b1_a314_6b28, 0x656f_4dcc_f8a9_5c99),
    (TensorType::Q4_K, 0x22f6_b3f3_ba1b_b4f1, 0x44ea_c516_07fe_4588),
    (TensorType::Q5_K, 0x6b75_5f6b_87cb_f742, 0xb01e_ee9c_3dd0_5c96),
    (TensorType::Q6_K, 0x0879_5aed_3406_0974, 0xfa03_eb9a_769e_a851),
    (TensorType::IQ4_NL, 0xea51_6f01_f337_e721, 0xc4b7_8690_5c28_63c4),
    (TensorType::IQ4_XS, 0x9549_2823_03bb_5b13, 0x0750_a01c_383b_b850),
    (TensorType::BF16, 0x0a77_c2a6_6455_86cb, 0xbce3_37cc_3671_d70d),
    (TensorType::TQ1_0, 0xf77d_bd3b_ac8f_cfcf, 0x61b5_57bb_b87b_a65d),
    (TensorType::TQ2_0, 0x578f_64a0_224a_4352, 0x12e3_2437_ff78_368d),
    (TensorType::MXFP4, 0x0803_403f_586f_b9b6, 0x601c_d57d_408f_d285),
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
