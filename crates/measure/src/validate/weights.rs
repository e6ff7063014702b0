//! How far quantizing moved the weights of each tensor, from the two files alone.

use gguf::{Gguf, TensorInfo, tensor_bytes};

use crate::Error;

/// Bytes of rows that are read at a time, of either file.
const PIECE: u64 = 1 << 20;

/// A tensor in two files.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorError {
    /// Its name.
    pub name: String,
    /// Its type in the baseline.
    pub from: String,
    /// Its type in the other file.
    pub to: String,
    /// Bytes in the other file.
    pub n_bytes: u64,
    /// Root of the mean square of the difference, over that of the baseline's weights.
    pub error: f64,
    /// Cosine of the angle between both.
    pub cosine: f64,
}

/// The comparison, a piece at a time, so that a host can do something else in between.
pub struct Weights<'a> {
    base: &'a Gguf,
    other: &'a Gguf,
    pairs: Vec<(&'a TensorInfo, &'a TensorInfo)>,
    total: u64,
    /// Bytes of the tensors that are done.
    done: u64,
    /// Row of the tensor under work.
    row: u64,
    sums: Sums,
    errors: Vec<TensorError>,
}

impl<'a> Weights<'a> {
    /// Of all tensors of both files that have one shape, in the other file's order.
    pub fn new(base: &'a Gguf, other: &'a Gguf) -> Weights<'a> {
        let pair = |info: &'a TensorInfo| {
            let found = base.tensor(&info.name).filter(|found| found.dims == info.dims)?;
            (found.ty.is_supported() && info.ty.is_supported()).then_some((found, info))
        };
        let pairs: Vec<_> = other.tensors.iter().filter_map(pair).collect();
        let total = pairs.iter().map(|(base, _)| base.n_bytes).sum();
        let (sums, errors) = (Sums::default(), Vec::new());
        Weights { base, other, pairs, total, done: 0, row: 0, sums, errors }
    }

    /// Compares the next rows; bytes done and in all of the baseline, `None` after the last.
    ///
    /// # Errors
    /// [`engine::Error::Read`].
    pub fn step(&mut self) -> Result<Option<(u64, u64)>, Error> {
        let Some(&(from, to)) = self.pairs.get(self.errors.len()) else { return Ok(None) };
        let n_cols = from.dims.first().copied().unwrap_or(1).max(1);
        let n_rows = from.n_elements() / n_cols;
        let at_once = (PIECE / (4 * n_cols)).clamp(1, n_rows.max(1));
        let n = at_once.min(n_rows - self.row);
        let a = read(self.base, from, self.row, n, n_cols)?;
        let b = read(self.other, to, self.row, n, n_cols)?;
        self.sums.add(&a, &b);
        self.row += n;
        let mut done = self.done + from.n_bytes / n_rows.max(1) * self.row;
        if self.row >= n_rows {
            self.errors.push(std::mem::take(&mut self.sums).finish(from, to));
            self.row = 0;
            self.done += from.n_bytes;
            done = self.done;
        }
        Ok(Some((done, self.total)))
    }

    /// What was compared.
    pub fn finish(self) -> Vec<TensorError> {
        self.errors
    }
}

/// Rows `first_row..` of a tensor as numbers.
fn read(
    gguf: &Gguf,
    info: &TensorInfo,
    first_row: u64,
    n_rows: u64,
    n_cols: u64,
) -> Result<Vec<f32>, Error> {
    let refuse = |source| engine::Error::Read { tensor: info.name.clone(), source };
    let row_bytes = tensor_bytes(info.ty, &[n_cols]).unwrap_or(0);
    // A piece is about a mebibyte, or one row, which is in the file.
    let mut bytes = vec![0; (row_bytes * n_rows) as usize];
    let mut values = vec![0.0; (n_cols * n_rows) as usize];
    gguf.read_tensor(info, first_row * row_bytes, &mut bytes).map_err(refuse)?;
    match quant::decode(info.ty, &bytes, &mut values) {
        Ok(()) => Ok(values),
        Err(_) => {
            let (tensor, need) = (info.name.clone(), 4 * values.len() as u64);
            let have = bytes.len() as u64;
            Err(engine::Error::TensorBytes { tensor, need, have }.into())
        }
    }
}

/// Sums over pairs of weights.
#[derive(Default)]
struct Sums {
    aa: f64,
    bb: f64,
    ab: f64,
    difference: f64,
}

impl Sums {
    fn add(&mut self, a: &[f32], b: &[f32]) {
        for (&a, &b) in a.iter().zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            self.aa += a * a;
            self.bb += b * b;
            self.ab += a * b;
            self.difference += (a - b) * (a - b);
        }
    }

    fn finish(&self, from: &TensorInfo, to: &TensorInfo) -> TensorError {
        let length = (self.aa * self.bb).sqrt();
        TensorError {
            name: to.name.clone(),
            from: from.ty.to_string(),
            to: to.ty.to_string(),
            n_bytes: to.n_bytes,
            error: if self.aa > 0.0 { (self.difference / self.aa).sqrt() } else { 0.0 },
            cosine: if length > 0.0 { self.ab / length } else { 1.0 },
        }
    }
}
