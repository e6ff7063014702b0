//! Embedding and products with one row for every tensor type.

use bytemuck::cast_slice;
use kernels::shader::choice::vec_forms;
use kernels::shader::layout::{UNIT, WORD_BYTES};
use kernels::shader::params::{self, Step};
use kernels::shader::{Dot, Input, Kernel, Output, VecForm};
use kernels::{Activation, PlayerError, twin};
use quant::TensorType;

use super::data::{Random, Weights, nmse, padded, quantized};
use super::run::{Checker, Run, floats};
use super::{F32_SUMS, INT_INPUTS};

pub async fn check(checker: &mut Checker<'_>) -> Result<(), PlayerError> {
    for ty in TensorType::ALL.iter().copied().filter(|ty| ty.is_supported()) {
        // Columns: one block; several; for plain numbers also tails that fill no unit.
        let block = ty.block_len().max(UNIT);
        embed(checker, ty, 3 * block).await?;
        let mut shapes = vec![(1, block, 32, 1), (13, 3 * block, 32, 8), (70, 5 * block, 64, 4)];
        if ty.block_len() == 1 {
            shapes.extend([(3, 172, 128, 2), (5, 36, 32, 4)]);
        }
        for dot in [Dot::Float, Dot::Int].into_iter().filter(|dot| dot.suits(ty)) {
            for &(n_rows, n_cols, wg, rows) in &shapes {
                vector(checker, Shape { ty, n_rows, n_cols, dot, wg, rows }).await?;
            }
        }
    }
    let ty = TensorType::Q4_K;
    for VecForm { dot, wg, rows } in vec_forms(ty) {
        vector(checker, Shape { ty, n_rows: 21, n_cols: 512, dot, wg, rows }).await?;
    }
    for dot in [Dot::Float, Dot::Int] {
        two_types(checker, dot).await?;
        fused(checker, dot).await?;
    }
    for ty in [TensorType::F16, TensorType::Q4_0] {
        for n_rows in [151_936, 151_936 * 2] {
            let (dot, wg, rows) = (Dot::Float, 32, 2);
            vector(checker, Shape { ty, n_rows, n_cols: UNIT, dot, wg, rows }).await?;
        }
    }
    Ok(())
}

/// What the twin multiplies and how near the kernel must come. A twin of integer products has the
/// quantized inputs, not their values before: so a wrong scale or offset still shows.
pub(super) fn twin_input(dot: Dot, x: Vec<f32>) -> (Vec<f32>, f64) {
    match dot {
        Dot::Float => (x, F32_SUMS),
        Dot::Int => (quantized(&x), INT_INPUTS),
    }
}

pub(super) async fn embed(
    checker: &mut Checker<'_>,
    ty: TensorType,
    n_cols: usize,
) -> Result<(), PlayerError> {
    let name = format!("embed {ty} 5x{n_cols}");
    let Some(table) = Weights::new(ty, 5, n_cols, 1).filter(|_| checker.wants(&name)) else {
        return Ok(());
    };
    let ids = [4u32, 0, 2];
    let width = table.layout.n_units * UNIT;
    let x = vec![0.0f32; 3 * width];
    let scale = 1.5;
    let params = params::Embed {
        n_units: table.layout.n_units as u32,
        stride: (table.layout.row_bytes / WORD_BYTES) as u32,
        first: 0,
        n_rows: 5,
        x_stride: (width / 4) as u32,
        scale,
        ..Default::default()
    };
    let weights = table.on_gpu();
    let run = Run {
        kernel: Kernel::Embed { table: ty },
        params,
        step: Step { n_rows: 3, ..Step::default() },
        buffers: vec![(2, &weights), (4, cast_slice(&ids)), (5, cast_slice(&x))],
        outputs: vec![5],
        grid: [((2 * table.layout.n_units) as u32).div_ceil(64), 3],
    };
    let outputs = checker.run(run).await?;
    let rows = ids.iter().flat_map(|&id| &table.values[id as usize * n_cols..][..n_cols]);
    let want: Vec<f32> = rows.map(|v| v * scale).collect();
    let error = nmse(&floats(&outputs, 5), &padded(&want, n_cols));
    checker.record(name, error, F32_SUMS);
    Ok(())
}

fn matrix(w: &Weights, rows: u32) -> (params::Matrix, u32) {
    let n_rows = w.n_rows() as u32;
    let stride = (w.layout.row_bytes / WORD_BYTES) as u32;
    let m = params::Matrix { stride, n_rows, first: 0, ..params::Matrix::ABSENT };
    (m, n_rows.div_ceil(rows))
}

/// A grid of `n` workgroups in two dimensions.
pub(super) fn groups(n: u32) -> [u32; 2] {
    let y = n.div_ceil(65535);
    [n.div_ceil(y), y]
}

/// One matrix–vector product.
pub(super) struct Shape {
    pub ty: TensorType,
    pub n_rows: usize,
    pub n_cols: usize,
    pub dot: Dot,
    pub wg: u32,
    pub rows: u32,
}

pub(super) async fn vector(checker: &mut Checker<'_>, shape: Shape) -> Result<(), PlayerError> {
    let Shape { ty, n_rows, n_cols, dot, wg, rows } = shape;
    let name = format!("matvec {dot:?} {ty} {n_rows}x{n_cols}, {rows} rows of {wg} threads");
    let Some(w) = Weights::new(ty, n_rows, n_cols, 2).filter(|_| checker.wants(&name)) else {
        return Ok(());
    };
    let mut random = Random::new(3);
    let x = random.floats(n_cols);
    let bias = random.floats(n_rows.next_multiple_of(UNIT));
    let before = random.floats(n_rows);
    let (mut m, n_groups) = matrix(&w, rows);
    m.bias = 0;
    let mut p = params::MatVec { n_groups, ..Default::default() };
    p.m = [m, params::Matrix::ABSENT, params::Matrix::ABSENT];
    p.n_units = w.layout.n_units as u32;
    p.n_cols = n_cols as u32;
    let (weights, x_padded) = (w.on_gpu(), padded(&x, n_cols));
    let (input, output) = (Input::Plain, Output::Add);
    let kernel = Kernel::MatVec { a: ty, b: None, input, output, dot, wg, rows };
    let buffers = vec![
        (2, weights.as_slice()),
        (3, cast_slice(&bias)),
        (4, cast_slice(&x_padded)),
        (5, cast_slice(&before)),
    ];
    let (step, grid) = (Step { n_rows: 1, ..Step::default() }, groups(n_groups));
    let run = Run { kernel, params: p, step, buffers, outputs: vec![5], grid };
    let outputs = checker.run(run).await?;
    let (x, tolerance) = twin_input(dot, x);
    let sums = w.times(&x).into_iter().zip(&bias).zip(&before);
    let want: Vec<f32> = sums.map(|((y, b), x)| y + b + x).collect();
    checker.record(name, nmse(&floats(&outputs, 5), &want), tolerance);
    Ok(())
}

/// Three matrices of two types in one dispatch, with the deferred norm.
pub(super) async fn two_types(checker: &mut Checker<'_>, dot: Dot) -> Result<(), PlayerError> {
    use TensorType as T;
    let pairs = [(T::Q4_K, T::Q6_K), (T::Q8_0, T::Q5_0), (T::F16, T::F32)];
    for (a, b) in pairs.into_iter().filter(|&(a, b)| dot.suits(a) && dot.suits(b)) {
        let name = format!("qkv {dot:?} {a} {a} {b}");
        let n_cols = 512;
        let parts =
            [(a, 9, 6), (a, 4, 7), (b, 3, 8)].map(|(ty, n, s)| Weights::new(ty, n, n_cols, s));
        let [Some(q), Some(k), Some(v)] = parts else {
            continue;
        };
        if !checker.wants(&name) {
            continue;
        }
        let mut random = Random::new(9);
        let (x, gain) = (random.floats(n_cols), random.floats(n_cols));
        let (wg, rows) = (32, 4);
        let mut p = params::MatVec { eps: 1e-5, n_cols: n_cols as u32, ..Default::default() };
        p.n_units = q.layout.n_units as u32;
        let (mut weights, mut out_at) = (Vec::new(), 0);
        for (i, (w, slot)) in [(&q, 0), (&k, 0), (&v, 1)].into_iter().enumerate() {
            let (m, groups) = matrix(w, rows);
            let base = (weights.len() / WORD_BYTES) as u32;
            p.m[i] = params::Matrix { base, out: out_at, first: p.n_groups, slot, ..m };
            p.n_groups += groups;
            out_at += m.n_rows;
            weights.extend(w.on_gpu());
        }
        let out = vec![0.0f32; out_at as usize];
        let (input, output) = (Input::Norm, Output::Store);
        let run = Run {
            kernel: Kernel::MatVec { a, b: Some(b), input, output, dot, wg, rows },
            params: p,
            step: Step { n_rows: 1, ..Step::default() },
            buffers: vec![
                (2, &weights),
                (3, cast_slice(&gain)),
                (4, cast_slice(&x)),
                (5, cast_slice(&out)),
            ],
            outputs: vec![5],
            grid: [p.n_groups, 1],
        };
        let outputs = checker.run(run).await?;
        let mut normed = vec![0.0; n_cols];
        twin::rms_norm(&x, &gain, 1e-5, &mut normed);
        let (normed, tolerance) = twin_input(dot, normed);
        let want: Vec<f32> = [&q, &k, &v].iter().flat_map(|w| w.times(&normed)).collect();
        checker.record(name, nmse(&floats(&outputs, 5), &want), tolerance);
    }
    Ok(())
}

/// A pending normed residual, norm, gate and up and activation in one dispatch; and the products
/// that leave such a residual.
pub(super) async fn fused(checker: &mut Checker<'_>, dot: Dot) -> Result<(), PlayerError> {
    let (ty, n_cols, n_rows, rows) = (TensorType::Q8_0, 160, 11, 2);
    let name = format!("gate·up {dot:?} with post-norm {ty} {n_rows}x{n_cols}");
    let (gate, up) = (Weights::new(ty, n_rows, n_cols, 10), Weights::new(ty, n_rows, n_cols, 11));
    let (Some(gate), Some(up)) = (gate, up) else {
        return Ok(());
    };
    if !checker.wants(&name) {
        return Ok(());
    }
    let mut random = Random::new(12);
    let (x, y) = (random.floats(n_cols), random.floats(n_cols));
    let gains = random.floats(2 * n_cols);
    let squares: Vec<f32> = y.chunks(4).map(|c| c.iter().map(|v| v * v).sum()).collect();
    let mut weights = gate.on_gpu();
    let base = (weights.len() / WORD_BYTES) as u32;
    weights.extend(up.on_gpu());
    let (m, n_groups) = matrix(&gate, rows);
    let params = params::MatVec {
        m: [m, params::Matrix { base, ..m }, params::Matrix::ABSENT],
        n_units: gate.layout.n_units as u32,
        n_groups,
        n_cols: n_cols as u32,
        gain: 0,
        eps: 1e-6,
        post_gain: (n_cols / 4) as u32,
        post_eps: 1e-5,
        n_squares: squares.len() as u32,
        ..Default::default()
    };
    let (zeros, next) = (vec![0.0f32; n_rows + 1], vec![0.0f32; n_cols]);
    let (input, output) = (Input::Post, Output::Glu(1));
    let run = Run {
        kernel: Kernel::MatVec { a: ty, b: None, input, output, dot, wg: 32, rows },
        params,
        step: Step { n_rows: 1, ..Step::default() },
        buffers: vec![
            (2, &weights),
            (3, cast_slice(&gains)),
            (4, cast_slice(&x)),
            (5, cast_slice(&zeros)),
            (6, cast_slice(&y)),
            (7, cast_slice(&squares)),
            (8, cast_slice(&next)),
        ],
        outputs: vec![5, 8],
        grid: [n_groups, 1],
    };
    let outputs = checker.run(run).await?;
    let mut post = vec![0.0; n_cols];
    twin::rms_norm(&y, &gains[n_cols..], 1e-5, &mut post);
    let sum: Vec<f32> = x.iter().zip(&post).map(|(a, b)| a + b).collect();
    let mut normed = vec![0.0; n_cols];
    twin::rms_norm(&sum, &gains[..n_cols], 1e-6, &mut normed);
    let (normed, tolerance) = twin_input(dot, normed);
    let pairs = gate.times(&normed).into_iter().zip(up.times(&normed));
    let want: Vec<f32> = pairs.map(|(g, u)| twin::activate(Activation::GeluTanh, g) * u).collect();
    checker.record(name.clone(), nmse(&floats(&outputs, 5)[..n_rows], &want), tolerance);
    checker.record(format!("{name}: residual"), nmse(&floats(&outputs, 8), &sum), F32_SUMS);
    Ok(())
}
