//! The fastest form of each product on this device, found by trying.
//!
//! Once per adapter and shape: every listed form is timed for some milliseconds, and the fastest
//! that is clearly faster than the default is compared with its scalar twin on this very device
//! before it may win. A form that fails or is wrong is refused, with the reason kept; the default
//! is always there. What was found is text (see [`text`]) that a host stores and gives back.
//!
//! On an adapter that computes on the CPU the times say nothing about GPUs, so hosts do not tune
//! there unless they are told to; tests do.

mod peaks;
mod text;
mod timer;

use std::sync::PoisonError;

use kernels::shader::choice::{self, Shape};
use kernels::shader::layout::{RowLayout, UNIT, WORD_BYTES};
use kernels::shader::params::{self, NONE, Step};
use kernels::shader::{Choices, Dot, Input, Kernel, Output, Put, Tile, VecForm};
use kernels::{Plan, PlayerError};
use quant::TensorType;

pub use peaks::measure_peaks;
pub use text::{Tuning, Winner};

use crate::adapter::Gpu;
use crate::check::{CheckResult, check_tile, check_vec, has_units};
use crate::doctor::Part;
use crate::loader::plays;
use peaks::buffer;
use timer::{Timer, Work};

/// Milliseconds of the measurement of one form.
const TARGET_MS: f64 = 4.0;
/// A form has to need at most this share of the default's time: less is noise.
const GAIN: f64 = 0.95;
/// Bytes of weights that are walked through, so that no cache holds them; and where the CPU
/// computes.
const WEIGHT_BYTES: u64 = 256 << 20;
const WEIGHT_BYTES_SOFTWARE: u64 = 1 << 20;
/// Tokens of a prompt's chunk.
const TOKENS: u32 = 256;
const TOKENS_SOFTWARE: u32 = 32;

/// A matrix of the plan, as far as times depend on it.
#[derive(Clone, Copy, Debug)]
struct Sample {
    ty: TensorType,
    n_rows: usize,
    n_cols: usize,
    layout: RowLayout,
}

impl Sample {
    fn shape(&self) -> Shape {
        (self.ty, self.layout.n_units)
    }

    fn bytes(&self) -> u64 {
        (self.n_rows * self.layout.row_bytes) as u64
    }
}

/// Each shape once, with as many rows as the largest matrix of that shape has.
fn samples(plan: &Plan, max_bytes: u64) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    for weight in plan.weights.iter().filter(|weight| weight.n_rows > 1) {
        let Some(layout) = RowLayout::new(weight.ty, weight.n_cols) else {
            continue;
        };
        let fit = usize::try_from(max_bytes).unwrap_or(usize::MAX) / layout.row_bytes.max(1);
        let n_rows = weight.n_rows.min(fit.max(1));
        let sample = Sample { ty: weight.ty, n_rows, n_cols: weight.n_cols, layout };
        match samples.iter_mut().find(|other| other.shape() == sample.shape()) {
            Some(other) if other.n_rows < n_rows => *other = sample,
            Some(_) => {}
            None => samples.push(sample),
        }
    }
    samples
}

impl Gpu {
    /// True for an adapter that computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.summary().kind == "cpu"
    }

    /// Tries the forms of the products of `plan` that are not yet known, until `budget_ms` are
    /// over; the rest keeps its default until the next time. True if something new was found.
    ///
    /// # Errors
    /// If the device goes away. A form that fails is refused and no error.
    pub async fn tune(&self, plan: &Plan, budget_ms: f64) -> Result<bool, PlayerError> {
        self.health.check()?;
        match self.trusted() {
            Ok(trusted) if plays(plan) => trusted.tune_trusted(plan, budget_ms).await,
            _ => Ok(false),
        }
    }

    async fn tune_trusted(&self, plan: &Plan, budget_ms: f64) -> Result<bool, PlayerError> {
        let Some(timer) = Timer::new(self) else {
            return Ok(false);
        };
        let software = self.is_software();
        let limit = if software { WEIGHT_BYTES_SOFTWARE } else { WEIGHT_BYTES };
        let max =
            limit.min(self.limits.max_storage_buffer_binding_size).min(self.limits.max_buffer_size);
        let known = self.with_tuning(|tuning| tuning.clone());
        let new: Vec<_> =
            samples(plan, max).into_iter().filter(|s| !known.has(s.shape())).collect();
        let Some(weights) = (if new.is_empty() { None } else { buffer(self, max).await }) else {
            return self.health.check().map(|()| false);
        };
        let end_ms = timer.now_ms() + budget_ms;
        let n_tokens = if software { TOKENS_SOFTWARE } else { TOKENS };
        let mut tuner = Tuner { gpu: self, timer, weights, n_tokens };
        let mut changed = false;
        for sample in new {
            if tuner.timer.now_ms() > end_ms {
                break;
            }
            changed |= tuner.sample(sample).await?;
        }
        Ok(changed)
    }

    pub(crate) fn with_tuning<T>(&self, f: impl FnOnce(&mut Tuning) -> T) -> T {
        f(&mut self.tuning.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The forms for the products of a model.
    pub(crate) fn choices(&self) -> Choices {
        let choices = self.with_tuning(|tuning| tuning.choices(self.choices.clone()));
        if self.trusts(Part::Integers) { choices } else { choices.floats() }
    }

    /// True if a prompt's products are integer products.
    pub(crate) fn has_int_tiles(&self) -> bool {
        self.trusts(Part::Integers) && self.with_tuning(|tuning| tuning.has_int_tiles())
    }

    /// Tiles that this device may run.
    pub(crate) fn tiles(&self, ty: TensorType) -> Vec<Tile> {
        let coop = choice::coop_tiles(ty).into_iter().filter(|&tile| has_units(self, tile));
        let mut tiles: Vec<Tile> = choice::tiles(ty).into_iter().chain(coop).collect();
        tiles.retain(|tile| self.trusts(Part::Integers) || !is_int(tile.dot()));
        tiles
    }

    /// Products with one row that this device may run.
    fn vec_forms(&self, ty: TensorType) -> Vec<VecForm> {
        let mut forms = choice::vec_forms(ty);
        forms.retain(|form| self.trusts(Part::Integers) || !is_int(form.dot));
        forms
    }
}

struct Tuner<'a> {
    gpu: &'a Gpu,
    timer: Timer<'a>,
    /// Zeros: times do not depend on the values.
    weights: wgpu::Buffer,
    n_tokens: u32,
}

impl Tuner<'_> {
    /// Both products of one shape; false if there was no memory to try them.
    async fn sample(&mut self, sample: Sample) -> Result<bool, PlayerError> {
        let n_tokens = self.n_tokens as usize;
        let x_bytes = 4 * n_tokens * sample.layout.n_units * UNIT;
        let x = buffer(self.gpu, x_bytes as u64).await;
        let out = buffer(self.gpu, (4 * n_tokens * sample.n_rows) as u64).await;
        let vectors = buffer(self.gpu, (4 * sample.n_rows) as u64).await;
        let (Some(x), Some(out), Some(vectors)) = (x, out, vectors) else {
            return Ok(false);
        };
        let buffers = [(2, &self.weights.clone()), (3, &vectors), (4, &x), (5, &out)];
        let shape = sample.shape();

        let mut times = Vec::new();
        for form in self.gpu.vec_forms(sample.ty) {
            let work = self.vec_work(sample, form, &buffers);
            times.push((form, self.try_form(&work, &format!("vec {form:?}"), shape).await?));
        }
        let base = Choices::default().vec(shape);
        let gpu = self.gpu;
        let check = async |form| check_vec(gpu, sample.ty, sample.n_cols, form).await;
        if let Some(winner) = self.best(shape, base, times, check).await? {
            gpu.with_tuning(|tuning| tuning.set_vec(shape, winner));
        }

        let mut times = Vec::new();
        for tile in gpu.tiles(sample.ty) {
            let work = self.tile_work(sample, tile, &buffers);
            times.push((tile, self.try_form(&work, &format!("tile {tile:?}"), shape).await?));
        }
        let base = Choices::default().tile(shape);
        let check = async |tile| check_tile(gpu, sample.ty, tile).await;
        if let Some(winner) = self.best(shape, base, times, check).await? {
            gpu.with_tuning(|tuning| tuning.set_tile(shape, winner));
        }
        Ok(true)
    }

    /// Seconds of a form; `None` (and a note why) if it does not run here.
    async fn try_form(
        &mut self,
        work: &Work<'_>,
        name: &str,
        shape: Shape,
    ) -> Result<Option<f64>, PlayerError> {
        let scope = self.gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.gpu.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let seconds = self.timer.seconds(work, TARGET_MS).await;
        let errors = [internal.pop().await, scope.pop().await];
        self.gpu.health.check()?;
        let reason = match (errors.into_iter().flatten().next(), seconds) {
            (Some(error), _) => error.to_string(),
            (None, Err(error @ PlayerError::DeviceLost { .. })) => return Err(error),
            (None, Err(error)) => error.to_string(),
            (None, Ok(seconds)) => return Ok(Some(seconds)),
        };
        self.gpu.with_tuning(|tuning| tuning.refuse(shape, name, &reason));
        Ok(None)
    }

    /// The fastest form that is right, the default unless another is clearly faster. `None` if even
    /// the default does not run.
    async fn best<F: Copy + PartialEq + std::fmt::Debug>(
        &self,
        shape: Shape,
        base: F,
        times: Vec<(F, Option<f64>)>,
        check: impl AsyncFn(F) -> Result<Vec<CheckResult>, PlayerError>,
    ) -> Result<Option<Winner<F>>, PlayerError> {
        let seconds_of = |form| times.iter().find(|(f, _)| *f == form).and_then(|(_, s)| *s);
        let Some(base_seconds) = seconds_of(base) else {
            return Ok(None);
        };
        let mut faster: Vec<(F, f64)> =
            times.iter().filter_map(|&(form, seconds)| Some((form, seconds?))).collect();
        faster.retain(|&(form, seconds)| form != base && seconds < GAIN * base_seconds);
        faster.sort_by(|a, b| a.1.total_cmp(&b.1));
        for (form, seconds) in faster {
            let results = check(form).await?;
            match results.iter().find(|result| !result.passed()) {
                None if !results.is_empty() => {
                    return Ok(Some(Winner { form, seconds, base_seconds }));
                }
                None => {}
                Some(wrong) => {
                    let (error, allowed) = (wrong.error, wrong.tolerance);
                    let reason = format!("error {error:.1e}, allowed {allowed:.1e}");
                    let name = format!("{form:?}");
                    self.gpu.with_tuning(|tuning| tuning.refuse(shape, &name, &reason));
                }
            }
        }
        Ok(Some(Winner { form: base, seconds: base_seconds, base_seconds }))
    }

    /// First 16-byte words of copies of the matrix that follow each other in memory.
    fn bases(&self, sample: Sample) -> impl Iterator<Item = u32> + use<> {
        let n = (self.weights.size() / sample.bytes().max(1)).clamp(1, 64);
        let words = sample.bytes() / WORD_BYTES as u64;
        (0..n).map(move |i| u32::try_from(i * words).unwrap_or(0))
    }

    fn vec_work<'b>(
        &self,
        sample: Sample,
        form: VecForm,
        buffers: &[(u32, &'b wgpu::Buffer)],
    ) -> Work<'b> {
        let VecForm { dot, wg, rows } = form;
        let n_rows = sample.n_rows as u32;
        let n_groups = n_rows.div_ceil(rows);
        let stride = (sample.layout.row_bytes / WORD_BYTES) as u32;
        let params = self.bases(sample).map(|base| {
            let m = params::Matrix { base, stride, n_rows, first: 0, ..params::Matrix::ABSENT };
            let p = params::MatVec {
                m: [m, params::Matrix::ABSENT, params::Matrix::ABSENT],
                n_units: sample.layout.n_units as u32,
                n_groups,
                n_cols: sample.n_cols as u32,
                ..Default::default()
            };
            bytemuck::bytes_of(&p).to_vec()
        });
        let (a, input, output) = (sample.ty, Input::Plain, Output::Add);
        let y = n_groups.div_ceil(65535);
        Work {
            kernel: Kernel::MatVec { a, b: None, input, output, dot, wg, rows },
            params: params.collect(),
            step: Step { n_rows: 1, ..Step::default() },
            buffers: buffers.to_vec(),
            grid: [n_groups.div_ceil(y), y],
        }
    }

    fn tile_work<'b>(
        &self,
        sample: Sample,
        tile: Tile,
        buffers: &[(u32, &'b wgpu::Buffer)],
    ) -> Work<'b> {
        let n_rows = sample.n_rows as u32;
        let width = sample.layout.n_units * UNIT;
        let params = self.bases(sample).map(|base| {
            let p = params::MatMul {
                base,
                stride: (sample.layout.row_bytes / WORD_BYTES) as u32,
                n_rows,
                n_units: sample.layout.n_units as u32,
                x_stride: (width / 4) as u32,
                out_stride: n_rows,
                out: 0,
                bias: NONE,
            };
            bytemuck::bytes_of(&p).to_vec()
        });
        Work {
            kernel: Kernel::MatMul { w: sample.ty, put: Put::Store, tile },
            params: params.collect(),
            step: Step { n_rows: self.n_tokens, ..Step::default() },
            buffers: buffers.to_vec(),
            grid: [n_rows.div_ceil(tile.rows()), self.n_tokens.div_ceil(tile.tokens())],
        }
    }
}

/// True if some form sums as integers.
fn is_int(dot: Dot) -> bool {
    dot == Dot::Int
}
