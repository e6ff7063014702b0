//! Products with many rows in every form, for every tensor type.

use bytemuck::cast_slice;
use kernels::shader::choice::{FEW, FEW_ROWS, FLOAT_TILES, INT_TILES, QUANTIZE_WG, coop_tiles};
use kernels::shader::layout::{UNIT, WORD_BYTES};
use kernels::shader::params::{self, NONE, Step};
use kernels::shader::{Dot, Kernel, Put, Tile};
use kernels::{Activation, PlayerError, twin};
use quant::TensorType;

use super::data::{Random, Weights, nmse, padded};
use super::products::{groups, twin_input};
use super::run::{Checker, Run, floats};
use super::{F16_TILE, F32_SUMS};
use crate::adapter::Gpu;

/// The form under test.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Tile(Tile),
    Few { dot: Dot, n: u32 },
}

impl Form {
    fn dot(self) -> Dot {
        match self {
            Form::Tile(tile) => tile.dot(),
            Form::Few { dot, .. } => dot,
        }
    }
}

/// Sizes of a product: rows of the matrix, its blocks per row, tokens.
type Size = (usize, usize, usize);

pub async fn check(checker: &mut Checker<'_>) -> Result<(), PlayerError> {
    use TensorType as T;
    let gpu = checker.gpu;
    for ty in TensorType::ALL.iter().copied().filter(|ty| ty.is_supported()) {
        // The default tiles and one integer tile for every type; sizes below, at and above a tile.
        for (tile, sizes) in [
            (FLOAT_TILES[0], [(1, 2, 5), (70, 2, 17)]),
            (FLOAT_TILES[1], [(65, 2, 9), (130, 2, 70)]),
            (INT_TILES[1], [(1, 1, 5), (130, 3, 37)]),
        ] {
            for size in sizes {
                one(checker, ty, Form::Tile(tile), size).await?;
            }
        }
        for dot in [Dot::Float, Dot::Int] {
            one(checker, ty, Form::Few { dot, n: FEW[0] }, (5, 3, 3)).await?;
        }
        for tile in coop_tiles(ty).into_iter().filter(|&tile| has_units(gpu, tile)) {
            one(checker, ty, Form::Tile(tile), (150, 2, 140)).await?;
        }
    }
    // How a tile is cut does not depend on the type: one of floats, one with offsets for each 32
    // weights, one with scales for each 16.
    for ty in [T::F16, T::Q4_K, T::Q6_K] {
        for &tile in FLOAT_TILES[2..].iter().chain(&[INT_TILES[0], INT_TILES[2]]) {
            one(checker, ty, Form::Tile(tile), (67, 2, 35)).await?;
        }
        for (dot, n_tokens) in [(Dot::Float, 8), (Dot::Int, 5)] {
            one(checker, ty, Form::Few { dot, n: FEW[1] }, (70, 5, n_tokens)).await?;
        }
    }
    Ok(())
}

/// True if the device has matrix units and subgroups of the tile's sizes. A device that is to run
/// such tiles is first asked for these checks, by the tile's name.
pub(crate) fn has_units(gpu: &Gpu, tile: Tile) -> bool {
    let Tile::Coop { size, subgroup } = tile else {
        return false;
    };
    let summary = gpu.summary();
    let (least, most) = summary.subgroup_size;
    gpu.device.features().contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX)
        && size == if summary.backend == "metal" { 8 } else { 16 }
        && (least..=most).contains(&subgroup)
}

pub(super) async fn one(
    checker: &mut Checker<'_>,
    ty: TensorType,
    form: Form,
    (n_rows, n_blocks, n_tokens): Size,
) -> Result<(), PlayerError> {
    let n_cols = n_blocks * ty.block_len().max(UNIT);
    let name = format!("matmul {ty} {n_tokens}x{n_rows}x{n_cols} {form:?}");
    if !form.dot().suits(ty) || !checker.wants(&name) {
        return Ok(());
    }
    let Some(w) = Weights::new(ty, n_rows, n_cols, 4) else {
        return Ok(());
    };
    let mut random = Random::new(5);
    let x = random.floats(n_tokens * n_cols);
    let out = random.floats(n_tokens * n_rows);
    let params = params::MatMul {
        base: 0,
        stride: (w.layout.row_bytes / WORD_BYTES) as u32,
        n_rows: n_rows as u32,
        n_units: w.layout.n_units as u32,
        x_stride: (w.layout.n_units * UNIT / 4) as u32,
        out_stride: n_rows as u32,
        out: 0,
        bias: NONE,
    };
    let step = Step { n_rows: n_tokens as u32, ..Step::default() };
    let mut inputs = cast_slice(&padded(&x, n_cols)).to_vec();
    if form.dot() == Dot::Int {
        inputs = quantize(checker, params, step, &inputs).await?;
    }
    let put = Put::Glu(0);
    let (kernel, grid) = match form {
        Form::Few { dot, n } => {
            (Kernel::MatFew { w: ty, put, dot, n }, groups((n_rows as u32).div_ceil(FEW_ROWS)))
        }
        Form::Tile(tile) => (
            Kernel::MatMul { w: ty, put, tile },
            [(n_rows as u32).div_ceil(tile.rows()), (n_tokens as u32).div_ceil(tile.tokens())],
        ),
    };
    let weights = w.on_gpu();
    let buffers =
        vec![(2, weights.as_slice()), (3, &[0; 16]), (4, inputs.as_slice()), (5, cast_slice(&out))];
    let outputs =
        checker.run(Run { kernel, params, step, buffers, outputs: vec![5], grid }).await?;
    let (x, mut tolerance) = twin_input(form.dot(), x);
    let rounds = match form {
        Form::Tile(Tile::Float { .. }) => checker.gpu.forms.f16,
        Form::Tile(Tile::Coop { .. }) => true,
        _ => false,
    };
    if rounds {
        tolerance = F16_TILE;
    }
    let products = x.chunks_exact(n_cols).flat_map(|x| w.times(x));
    let gates = out.iter().map(|&g| twin::activate(Activation::Silu, g));
    let want: Vec<f32> = products.zip(gates).map(|(y, g)| y * g).collect();
    checker.record(name, nmse(&floats(&outputs, 5), &want), tolerance.max(F32_SUMS));
    Ok(())
}

/// The rows as the integer forms read them.
async fn quantize(
    checker: &mut Checker<'_>,
    p: params::MatMul,
    step: Step,
    rows: &[u8],
) -> Result<Vec<u8>, PlayerError> {
    let params =
        params::Quantize { n_units: p.n_units, x_stride: p.x_stride, ..Default::default() };
    // Four bytes per input become one, and 16 bytes of scales follow each 32.
    let zeros = vec![0; rows.len() / (4 * UNIT) * (UNIT + WORD_BYTES)];
    let run = Run {
        kernel: Kernel::Quantize,
        params,
        step,
        buffers: vec![(4, rows), (5, &zeros)],
        outputs: vec![5],
        grid: [p.n_units.div_ceil(QUANTIZE_WG), step.n_rows],
    };
    Ok(checker.run(run).await?.remove(&5).unwrap_or_default())
}
