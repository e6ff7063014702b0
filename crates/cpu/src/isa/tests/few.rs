//! Rows that share a walk over a strip have, bit for bit, what they have alone: every format, every
//! instruction set, one to four rows, in every place among the others.

use super::{CORNERS, activations, case, types, widths};
use crate::acts::{FewActs, Needs, ThreadActs};
use crate::isa::{FEW_ROWS, available};
use crate::linear::{matvec, matvec_few};

#[test]
fn a_row_among_a_few_has_the_bits_it_has_alone() {
    for ty in types() {
        for (i, &n_cols) in widths(ty).iter().enumerate() {
            let case = case(ty, 33, n_cols, CORNERS[i % CORNERS.len()], 7 + n_cols as u64);
            let n_rows = FEW_ROWS + 2;
            let x = activations(n_rows, n_cols, 99);
            let mut needs = Needs::default();
            needs.add(&case.matrix);
            for isa in available() {
                let few = FewActs::new(n_rows, n_cols, needs, isa).unwrap();
                let own = ThreadActs::new(n_cols, needs, isa).unwrap();
                let row = |r: usize| &x[r * n_cols..(r + 1) * n_cols];
                // SAFETY: one thread; rows and strips are inside of what was made for them.
                unsafe {
                    (0..n_rows).for_each(|r| few.quantize(isa, needs, r, row(r)));
                    for (strip, rows) in [(0, 0..1), (1, 1..3), (2, 2..5), (1, 2..6)] {
                        let mut got = [[f32::NAN; 16]; FEW_ROWS];
                        let at = (&case.matrix, strip);
                        matvec_few(isa, at, &few, x.as_ptr(), rows.clone(), &mut got);
                        for (r, got) in rows.zip(got) {
                            own.quantize(isa, needs, 0, row(r));
                            let mut want = [0.0; 16];
                            let x = row(r).as_ptr();
                            matvec(isa, &case.matrix, strip, &own, x, &mut want);
                            let bits = |y: [f32; 16]| y.map(f32::to_bits);
                            assert_eq!(bits(got), bits(want), "{ty} on {}, row {r}", isa.name);
                        }
                    }
                }
            }
        }
    }
}
