//! The two copies of the searches against each other: a machine's vectors may not show in a file.

#![allow(dead_code, reason = "not all of the rows' tools are used here")]

use super::*;

#[path = "../../tests/common/rows.rs"]
mod rows;

fn compare<B: Encode>() {
    for (name, x, importance) in rows::all() {
        let mut wide = vec![0; x.len() / B::TYPE.block_len() * B::TYPE.block_bytes()];
        let mut narrow = wide.clone();
        assert_eq!(encode_checked::<B>(&x, importance.as_deref(), &mut narrow), Ok(()));
        // SAFETY: the test below asked for AVX2.
        let result = unsafe { encode_checked_avx2::<B>(&x, importance.as_deref(), &mut wide) };
        assert_eq!(result, Ok(()));
        assert!(wide == narrow, "{}: {name}", B::TYPE);
    }
}

#[test]
fn vectors_of_any_width_give_the_same_bytes() {
    if !std::arch::is_x86_feature_detected!("avx2") {
        println!("SKIPPED vectors_of_any_width_give_the_same_bytes: no AVX2");
        return;
    }
    compare::<k_quants::BlockQ2_K>();
    compare::<k_quants::BlockQ3_K>();
    compare::<k_quants::BlockQ4_K>();
    compare::<k_quants::BlockQ5_K>();
    compare::<k_quants::BlockQ6_K>();
}
