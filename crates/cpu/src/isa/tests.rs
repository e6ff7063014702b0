//! Every kernel of every instruction set against plain f64 sums over `quant::decode`.
//!
//! Integer parts are exact, so only the float sums over blocks may differ: 4e-7 of the sum of
//! magnitudes. Shapes have odd rows, odd numbers of 32-blocks, and chunks that are no whole tiles.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod few;

use quant::TensorType;

use super::{Isa, available};
use crate::acts::{Needs, ThreadActs, Tiles};
use crate::format::{FormatId, STRIP};
use crate::linear::{Chunk, PanelScratch, matmul, matvec};
use crate::pack::{Matrix, Packing};

const TOLERANCE: f64 = 4e-7;

/// A small generator (xorshift), so that tests need no dependency and repeat exactly.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// Which corner of the format a test visits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Corner {
    Random,
    /// Every byte of codes and scales 0.
    Zeros,
    /// Every byte of codes and scales 255.
    Ones,
    /// f16 scales below 2^-14.
    Subnormal,
}

const CORNERS: [Corner; 4] = [Corner::Random, Corner::Zeros, Corner::Ones, Corner::Subnormal];

/// Where the f16 numbers of a block are.
fn f16_offsets(ty: TensorType) -> &'static [usize] {
    match ty {
        TensorType::Q4_0 | TensorType::Q5_0 | TensorType::Q8_0 => &[0],
        TensorType::IQ4_NL | TensorType::IQ4_XS => &[0],
        TensorType::Q4_1 | TensorType::Q5_1 | TensorType::Q4_K | TensorType::Q5_K => &[0, 2],
        TensorType::Q2_K => &[80, 82],
        TensorType::Q3_K => &[108],
        TensorType::Q6_K => &[208],
        _ => &[],
    }
}

fn file_bytes(ty: TensorType, n: usize, corner: Corner, random: &mut Random) -> Vec<u8> {
    let n_bytes = n / ty.block_len() * ty.block_bytes();
    let mut bytes: Vec<u8> = (0..n_bytes)
        .map(|_| match corner {
            Corner::Zeros => 0,
            Corner::Ones => 255,
            _ => random.next() as u8,
        })
        .collect();
    let numbers: Vec<f32> = (0..n).map(|_| random.float()).collect();
    match ty {
        TensorType::F32 => return numbers.iter().flat_map(|v| v.to_le_bytes()).collect(),
        TensorType::F16 => {
            return numbers.iter().flat_map(|v| half::f16::from_f32(*v).to_le_bytes()).collect();
        }
        TensorType::BF16 => {
            return numbers.iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect();
        }
        _ => {}
    }
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        for &at in f16_offsets(ty) {
            let bits = match corner {
                Corner::Subnormal => {
                    (random.next() % 0x400) as u16 | (random.next() as u16 & 0x8000)
                }
                _ => half::f16::from_f32(random.float() * 0.1).to_bits(),
            };
            block[at..at + 2].copy_from_slice(&bits.to_le_bytes());
        }
        if ty == TensorType::MXFP4 {
            block[0] =
                if corner == Corner::Subnormal { 0 } else { 120 + (random.next() % 8) as u8 };
        }
    }
    bytes
}

struct Case {
    ty: TensorType,
    matrix: Matrix,
    /// Decoded, `[n_rows, n_cols]`.
    values: Vec<f32>,
}

fn case(ty: TensorType, n_rows: usize, n_cols: usize, corner: Corner, seed: u64) -> Case {
    let mut random = Random(seed);
    let bytes = file_bytes(ty, n_rows * n_cols, corner, &mut random);
    let mut values = vec![0.0; n_rows * n_cols];
    quant::decode(ty, &bytes, &mut values).unwrap();
    let mut arena = crate::memory::Arena::new(0);
    let matrix = Matrix::new(&mut arena, Packing::of(ty).unwrap(), n_rows, n_cols, "test").unwrap();
    let row_bytes = bytes.len() / n_rows;
    for strip in 0..matrix.n_strips() {
        let to = bytes.len().min((strip + 1) * STRIP * row_bytes);
        // SAFETY: one thread.
        unsafe { matrix.write_strip(strip, &bytes[strip * STRIP * row_bytes..to], row_bytes) };
    }
    Case { ty, matrix, values }
}

fn types() -> Vec<TensorType> {
    let floats = [TensorType::F32, TensorType::F16, TensorType::BF16];
    FormatId::ALL.iter().map(|f| f.tensor_type()).chain(floats).collect()
}

/// 64-column units and super-blocks each once, in odd numbers, and with a half-empty unit.
fn widths(ty: TensorType) -> &'static [usize] {
    match ty.block_len() {
        256 => &[256, 768],
        32 => &[32, 96, 320, 544],
        _ => &[1, 37, 64, 300],
    }
}

/// Rows of activations: random, with the largest code of both signs in every lane.
fn activations(n_rows: usize, n_cols: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    (0..n_rows * n_cols)
        .map(|i| match i / n_cols % 4 {
            0 => random.float(),
            1 => 1.0,
            2 => -1.0,
            _ => {
                if random.next().is_multiple_of(2) {
                    1.0
                } else {
                    -1.0
                }
            }
        })
        .collect()
}

/// What the kernels see of a row: codes times scale where quantized.
fn seen(case: &Case, isa: &Isa, x: &[f32]) -> (ThreadActs, Vec<f64>) {
    let mut needs = Needs::default();
    needs.add(&case.matrix);
    let acts = ThreadActs::new(x.len(), needs, isa).unwrap();
    // SAFETY: one thread.
    unsafe { acts.quantize(isa, needs, 0, x) };
    let kind = crate::acts::kind_of(case.matrix.packing);
    let seen = match kind {
        None => x.iter().map(|&v| f64::from(v)).collect(),
        Some(kind) => {
            let act = acts.rows[kind][0].view();
            // SAFETY: one thread; the row has x.len() codes.
            let at = |k: usize| unsafe { f64::from(*act.q.add(k)) * f64::from(*act.d.add(k / 32)) };
            (0..x.len()).map(at).collect()
        }
    };
    (acts, seen)
}

/// The truth and the sum of magnitudes of one output.
fn truth(case: &Case, row: usize, x: &[f64]) -> (f64, f64) {
    let w = &case.values[row * x.len()..(row + 1) * x.len()];
    let products = w.iter().zip(x).map(|(&w, x)| f64::from(w) * x);
    products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()))
}

/// Minimums are taken off a product that may be much larger than what remains, and products of
/// several rows sum one float per scale instead of one per super-block.
fn slack(case: &Case) -> f64 {
    match case.matrix.packing {
        Packing::Quantized(format) if format.layout().has_min => 4.0,
        Packing::Quantized(format) if format.layout().is_super => 2.5,
        _ => 1.0,
    }
}

fn assert_close(case: &Case, isa: &Isa, what: &str, got: f32, (want, size): (f64, f64)) {
    let limit = TOLERANCE * slack(case) * size + 1e-30;
    assert!(
        (f64::from(got) - want).abs() <= limit,
        "{} on {}, {} columns, {what}: {got} and not {want} (limit {limit:.1e})",
        case.ty,
        isa.name,
        case.matrix.n_cols
    );
}

/// Under an emulator the runner knows which sets the emulated processor has, best first.
#[test]
fn the_sets_of_this_machine_are_found() {
    let names: Vec<&str> = available().iter().map(|isa| isa.name).collect();
    println!("instruction sets: {}", names.join(", "));
    assert_eq!(names.last(), Some(&"portable"));
    if let Ok(expected) = std::env::var("INGLE_EXPECT_SETS") {
        assert_eq!(names.join(", "), expected);
    }
    for name in &names {
        let is_it = |(_, of_set): &(&str, &str)| name.starts_with(of_set);
        assert!(super::NAMES.iter().any(is_it), "{name} has no short name");
    }
}

/// Where the processor lacks it, the same code still ran above in AVX-512's encoding.
#[test]
#[cfg(target_arch = "x86_64")]
fn avx_vnni_in_its_own_encoding() {
    use super::avx2::vnni::vex;
    if !vex::is_available() {
        println!("SKIPPED avx_vnni_in_its_own_encoding: this processor has no AVX-VNNI");
        return;
    }
    for ty in types() {
        let n_cols = widths(ty)[1];
        let case = case(ty, 37, n_cols, Corner::Ones, 3);
        check_matmul(&case, &vex::ISA, &activations(9, n_cols, 4), 9);
    }
}

#[test]
fn packed_rows_read_back_as_the_file_says() {
    for ty in types() {
        for &n_cols in widths(ty) {
            for corner in CORNERS {
                let case = case(ty, 21, n_cols, corner, 7 + n_cols as u64);
                for (row, want) in case.values.chunks_exact(n_cols).enumerate() {
                    let mut got = vec![0.0; n_cols];
                    // SAFETY: one thread.
                    unsafe { case.matrix.read_row(row, &mut got) };
                    assert_eq!(got, want, "{ty}, row {row}, {corner:?}");
                }
            }
        }
    }
}

#[test]
fn matvec_equals_the_scalar_sum() {
    for ty in types() {
        for &n_cols in widths(ty) {
            for corner in CORNERS {
                let case = case(ty, 37, n_cols, corner, 99 + n_cols as u64);
                let x = activations(4, n_cols, 5);
                for (isa, x) in available()
                    .into_iter()
                    .flat_map(|isa| x.chunks_exact(n_cols).map(move |x| (isa, x)))
                {
                    let (acts, seen) = seen(&case, isa, x);
                    for strip in 0..case.matrix.n_strips() {
                        let mut y = [f32::NAN; STRIP];
                        // SAFETY: one thread, prepared above.
                        unsafe { matvec(isa, &case.matrix, strip, &acts, x.as_ptr(), &mut y) };
                        for (r, &y) in y.iter().enumerate().take(37 - strip * STRIP) {
                            let row = strip * STRIP + r;
                            let what = format!("row {row}, {corner:?}");
                            assert_close(&case, isa, &what, y, truth(&case, row, &seen));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn matmul_equals_the_scalar_sum() {
    for ty in types() {
        for (&n_cols, n_rows) in widths(ty).iter().zip([5, 8, 3, 9]) {
            for corner in CORNERS {
                let case = case(ty, 37, n_cols, corner, 31 + n_cols as u64);
                let x = activations(n_rows, n_cols, 11);
                for isa in available() {
                    check_matmul(&case, isa, &x, n_rows);
                }
            }
        }
    }
}

fn check_matmul(case: &Case, isa: &Isa, x: &[f32], n_rows: usize) {
    let n_cols = case.matrix.n_cols;
    let mut needs = Needs::default();
    needs.add(&case.matrix);
    let acts = ThreadActs::new(n_cols, needs, isa).unwrap();
    let tiles = [0, 1].map(|_| Tiles::new(n_rows, n_cols, isa).unwrap());
    for (tile, rows) in x.chunks(4 * n_cols).enumerate() {
        let n = rows.len() / n_cols;
        for (t, row) in rows.chunks_exact(n_cols).enumerate() {
            // SAFETY: one thread.
            unsafe { acts.quantize(isa, needs, t, row) };
        }
        if let Some(kind) = crate::acts::kind_of(case.matrix.packing) {
            // SAFETY: one thread.
            unsafe { tiles[kind].pack(isa, tile, &acts.rows[kind][..n], n_cols) };
        }
    }
    let chunk = Chunk { n_rows, first_row: 0, tiles: &tiles, x: x.as_ptr() };
    let scratch = PanelScratch::new(n_rows).unwrap();
    let w = &case.matrix;
    for sides in [[Some((w, 0)), Some((w, 1))], [Some((w, 2)), None], [None, Some((w, 1))]] {
        // SAFETY: one thread, prepared above.
        let c = unsafe {
            matmul(isa, sides, &chunk, &scratch);
            scratch.c.slice(0..n_rows * 32)
        };
        for (t, (c, x)) in c.chunks_exact(32).zip(x.chunks_exact(n_cols)).enumerate() {
            let (_, seen) = seen(case, isa, x);
            for (side, c) in c.chunks_exact(STRIP).enumerate() {
                let Some((_, strip)) = sides[side] else {
                    continue;
                };
                for (r, &y) in c.iter().enumerate().take(37 - strip * STRIP) {
                    let row = strip * STRIP + r;
                    assert_close(
                        case,
                        isa,
                        &format!("token {t}, row {row}"),
                        y,
                        truth(case, row, &seen),
                    );
                }
            }
        }
    }
}

#[test]
fn activation_codes_stay_within_127_and_carry_nan() {
    for isa in available() {
        for group in [32, 256] {
            let mut x = activations(1, 256, 3);
            x[40] = -3.5;
            for poison in [0.5, f32::NAN, f32::INFINITY] {
                x[77] = poison;
                let mut needs = Needs::default();
                needs.quantized[usize::from(group == 256)] = true;
                let acts = ThreadActs::new(256, needs, isa).unwrap();
                // SAFETY: one thread.
                unsafe { acts.quantize(isa, needs, 0, &x) };
                let act = acts.rows[usize::from(group == 256)][0].view();
                // SAFETY: the row has 256 codes, 8 scales and 16 sums.
                let (codes, d, sums) = unsafe {
                    (
                        std::slice::from_raw_parts(act.q, 256),
                        std::slice::from_raw_parts(act.d, 8),
                        std::slice::from_raw_parts(act.sums, 16),
                    )
                };
                assert!(codes.iter().all(|&c| c > -128), "{}", isa.name);
                assert_eq!(d[2].is_finite(), poison.is_finite(), "{}", isa.name);
                for (sum, codes) in sums.iter().zip(codes.chunks_exact(16)) {
                    assert_eq!(*sum, codes.iter().map(|&c| i32::from(c)).sum::<i32>());
                }
                if poison == 0.5 {
                    assert_eq!(codes[40], -127);
                }
            }
        }
    }
}

#[test]
fn element_wise_kernels_equal_f64() {
    let mut random = Random(17);
    let gate: Vec<f32> = (0..77).map(|_| random.float() * 12.0).collect();
    let up: Vec<f32> = (0..77).map(|_| random.float()).collect();
    // 16 is what products call with; 77 is no whole number of anything.
    for (isa, n) in available().into_iter().flat_map(|isa| [(isa, 16), (isa, 77)]) {
        let (gate, up) = (&gate[..n], &up[..n]);
        let mut out = vec![0.0; n];
        let check = |out: &[f32], want: &dyn Fn(f64) -> f64, what: &str| {
            for ((&got, &g), &u) in out.iter().zip(gate).zip(up) {
                let want = want(f64::from(g)) * f64::from(u);
                let limit = 3e-6 * want.abs() + 1e-7;
                assert!((f64::from(got) - want).abs() <= limit, "{what} on {}: {g}", isa.name);
            }
        };
        // SAFETY: slices of one length.
        unsafe { (isa.silu_mul)(gate, up, &mut out) };
        check(&out, &|g| g / (1.0 + (-g).exp()), "silu");
        // SAFETY: slices of one length.
        unsafe { (isa.gelu_mul)(gate, up, &mut out) };
        let y = |g: f64| (2.0 / std::f64::consts::PI).sqrt() * (g + 0.044715 * g.powi(3));
        check(&out, &|g| 0.5 * g * (1.0 + y(g).tanh()), "gelu");
        let mut weights = gate.to_vec();
        // SAFETY: any slice.
        let sum = unsafe { (isa.exp_sum)(&mut weights, 12.0) };
        let want: f64 = gate.iter().map(|&g| (f64::from(g) - 12.0).exp()).sum();
        assert!((f64::from(sum) - want).abs() < 1e-6 * want, "exp on {}", isa.name);
    }
}
