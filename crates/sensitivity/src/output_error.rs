//! The error of what a matrix gives: `‖W x − Ŵ x‖² / ‖W x‖²` over a sample of inputs.
//!
//! Of a matrix some hundred rows are looked at, evenly spread: the error is a mean over rows, and
//! encoding all of them in every type would take longer than the rest of an analysis. Rows are
//! shared among threads; their errors are summed in order, so the result does not depend on how
//! many there are.

use gguf::{Gguf, TensorInfo};
use quant::TensorType;

use crate::Error;
use crate::inputs::Sample;
use crate::rounded::through;

/// Rows of a matrix that are looked at, at most.
pub const ROWS: usize = 512;

/// What a tensor meets.
pub enum Input<'a> {
    /// Rows it is multiplied with.
    Sample(&'a Sample),
    /// Numbers of its rows that are looked up.
    Lookup(&'a [u64]),
}

/// A tensor and how it is rounded.
pub struct Question<'a> {
    /// The tensor.
    pub info: &'a TensorInfo,
    /// What it meets.
    pub input: Input<'a>,
    /// The types.
    pub types: &'a [TensorType],
    /// A number for each column.
    pub importance: Option<&'a [f32]>,
}

/// Square of the error in each type, relative to the square of what is right; and the number of
/// rows of the matrix that were looked at.
///
/// # Errors
/// [`Error::Round`], a failing source.
pub fn errors(
    gguf: &Gguf,
    question: &Question<'_>,
    n_threads: usize,
) -> Result<(Vec<f64>, usize), Error> {
    let info = question.info;
    let n_cols = info.dims.first().copied().unwrap_or(1).max(1);
    let n_rows = info.n_elements() / n_cols;
    let numbers: Vec<u64> = match question.input {
        Input::Sample(_) => spread(n_rows),
        Input::Lookup(rows) => {
            rows.iter().copied().filter(|row| *row < n_rows).take(ROWS).collect()
        }
    };
    let row_bytes = gguf::tensor_bytes(info.ty, &[n_cols]).unwrap_or(0);
    let n_bytes = (row_bytes as usize).saturating_mul(numbers.len());
    let mut bytes = vec![0; n_bytes];
    for (row, &number) in bytes.chunks_exact_mut((row_bytes as usize).max(1)).zip(&numbers) {
        gguf.read_tensor(info, number.saturating_mul(row_bytes), row)?;
    }
    let part = numbers.len().div_ceil(n_threads.max(1)).max(1) * (row_bytes as usize).max(1);
    let parts: Vec<Result<Vec<RowError>, String>> = std::thread::scope(|scope| {
        let start = |part| scope.spawn(move || of_rows(question, part, n_cols as usize));
        let all: Vec<_> = bytes.chunks(part).map(start).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().map_err(|_| Error::ThreadLost)
        };
        all.into_iter().map(join).collect::<Result<_, Error>>()
    })?;
    let mut sums = vec![0.0; question.types.len()];
    let mut power = 0.0;
    for rows in parts {
        let failed = |reason| {
            let ty = question.types.first().copied().unwrap_or(info.ty);
            Error::Round { tensor: info.name.clone(), ty, reason }
        };
        for row in rows.map_err(failed)? {
            power += row.power;
            sums.iter_mut().zip(&row.errors).for_each(|(sum, error)| *sum += error);
        }
    }
    let relative = |sum: f64| if power > 0.0 { sum / power } else { 0.0 };
    Ok((sums.into_iter().map(relative).collect(), numbers.len()))
}

/// Numbers of at most [`ROWS`] rows, evenly spread.
fn spread(n_rows: u64) -> Vec<u64> {
    let n = n_rows.min(ROWS as u64);
    // In 128 bits, for matrices of any size.
    (0..n).map(|i| (u128::from(i) * u128::from(n_rows) / u128::from(n)) as u64).collect()
}

/// Sums over a sample, for one row of a matrix.
struct RowError {
    power: f64,
    errors: Vec<f64>,
}

fn of_rows(question: &Question<'_>, rows: &[u8], n_cols: usize) -> Result<Vec<RowError>, String> {
    let ty = question.info.ty;
    let row_bytes = gguf::tensor_bytes(ty, &[n_cols as u64]).unwrap_or(1) as usize;
    let (mut right, mut rough) = (vec![0.0; n_cols], vec![0.0; n_cols]);
    let mut encoded = Vec::new();
    let mut all = Vec::new();
    for row in rows.chunks_exact(row_bytes.max(1)) {
        quant::decode(ty, row, &mut right).map_err(|error| error.to_string())?;
        let mut found = RowError { power: squares(&question.input, &right), errors: Vec::new() };
        for &to in question.types {
            rough.copy_from_slice(&right);
            encoded.resize(gguf::tensor_bytes(to, &[n_cols as u64]).unwrap_or(0) as usize, 0);
            through(to, &mut rough, question.importance, &mut encoded)?;
            rough.iter_mut().zip(&right).for_each(|(rough, right)| *rough -= right);
            found.errors.push(squares(&question.input, &rough));
        }
        all.push(found);
    }
    Ok(all)
}

/// Sum of the squares of what a row gives.
fn squares(input: &Input<'_>, row: &[f32]) -> f64 {
    match input {
        Input::Lookup(_) => row.iter().map(|x| f64::from(x * x)).sum(),
        Input::Sample(sample) => {
            let inputs = sample.rows.chunks_exact(sample.n_cols.max(1));
            inputs.map(|x| f64::from(dot(row, x)).powi(2)).sum()
        }
    }
}

/// In sixteen sums side by side, for vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 16];
    let (a, b) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.0.iter().zip(b.0) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    let rest: f32 = a.1.iter().zip(b.1).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_spread_and_all_there() {
        assert_eq!(spread(3), [0, 1, 2]);
        let many = spread(5 * ROWS as u64);
        assert_eq!((many.len(), many[1], many[ROWS - 1]), (ROWS, 5, 5 * (ROWS as u64 - 1)));
        assert!(spread(0).is_empty());
    }

    #[test]
    fn products_are_those_of_the_definition() {
        let a: Vec<f32> = (0..37).map(|i| i as f32 - 18.0).collect();
        let b: Vec<f32> = (0..37).map(|i| 0.5 * i as f32).collect();
        let want: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        assert_eq!(dot(&a, &b), want);
    }
}
