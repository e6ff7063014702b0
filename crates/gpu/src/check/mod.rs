//! Every kernel family against its scalar twin, on the adapter at hand.
//!
//! A part of the library and not of the tests, because the same table has to run where tests cannot
//! go: in a browser's WebGPU, and on a user's machine whose driver is suspected. Shapes are small
//! and odd: one row, tails that fill no tile, more rows than one dimension of workgroups holds.
//! Expectations are computed here with plain loops from `quant` and `kernels::twin`; nothing is
//! shared with the shaders.

mod attention;
mod cache;
mod data;
mod form;
mod probe;
mod products;
mod rows;
mod run;
mod sampler;
mod tiles;

pub(crate) use form::{Form, of_plan, usual};
use kernels::PlayerError;
use kernels::shader::{Tile, VecForm};
pub(crate) use probe::reduction_works;
use quant::TensorType;
pub(crate) use tiles::has_units;

use crate::adapter::Gpu;
pub(crate) use run::Checker;

/// One comparison.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// Kernel and shape.
    pub name: String,
    /// Normalized mean squared error, or the share of wrong values where they must be equal.
    pub error: f64,
    /// Largest error allowed.
    pub tolerance: f64,
}

impl CheckResult {
    /// True if the error is within the tolerance (NaN is not).
    pub fn passed(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// Results that differ only by the order and rounding of f32 sums: the relative error of one sum of
/// n products is about 2^-24·√n, its square 4e-15·n; n is below 10^4 here.
const F32_SUMS: f64 = 4e-11;
/// As above after each weight, and in matrix units each input, was rounded to f16: relative
/// 2^-11/√3, its square 8e-8; a sum of few results may be ten times smaller than its terms.
const F16_TILE: f64 = 2e-6;
/// Sums of integers are exact, but an input near the middle of two steps may go to the other one: a
/// quotient on a GPU is off by up to 2.5 units in the last place. One step of one input in a row of
/// 32 is (1 / 127 / 0.58)² / 32.
const INT_INPUTS: f64 = 6e-6;
/// `exp` of WGSL may err by 3 + 2·|x| units in the last place: 1e-6 relative at the scores here.
const WITH_EXP: f64 = 1e-10;
/// Equal values.
const EQUAL: f64 = 0.0;

/// Runs all checks whose name contains `only`.
///
/// # Errors
/// If the device fails; a wrong result is no error but a [`CheckResult`] that has not passed.
pub async fn check_kernels(gpu: &Gpu, only: &str) -> Result<Vec<CheckResult>, PlayerError> {
    let mut checker = Checker::new(gpu, only);
    products::check(&mut checker).await?;
    tiles::check(&mut checker).await?;
    rows::check(&mut checker).await?;
    attention::check(&mut checker).await?;
    sampler::check(&mut checker).await?;
    Ok(checker.results)
}

/// One form of a product with one row against its twin, on rows of `n_cols`.
pub(crate) async fn check_vec(
    gpu: &Gpu,
    ty: TensorType,
    n_cols: usize,
    form: VecForm,
) -> Result<Vec<CheckResult>, PlayerError> {
    let mut checker = Checker::new(gpu, "");
    let VecForm { dot, wg, rows } = form;
    let shape = products::Shape { ty, n_rows: 70, n_cols, dot, wg, rows };
    products::vector(&mut checker, shape).await?;
    Ok(checker.results)
}

/// One tile of a product with many rows against its twin.
pub(crate) async fn check_tile(
    gpu: &Gpu,
    ty: TensorType,
    tile: Tile,
) -> Result<Vec<CheckResult>, PlayerError> {
    let mut checker = Checker::new(gpu, "");
    tiles::one(&mut checker, ty, tiles::Form::Tile(tile), (150, 2, 140)).await?;
    Ok(checker.results)
}
