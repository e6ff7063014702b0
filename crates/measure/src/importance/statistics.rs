//! What an importance matrix says about its tensors, in the numbers llama-imatrix prints.
//!
//! All of them are of mean squares of inputs, one per column (and per expert that rows came to),
//! and not of the inputs. Sums are of `f64`, theirs of `f32`: what is printed has fewer digits.
//!
//! Source: `--show-statistics` of llama.cpp's imatrix; the ZD score is that of section 3.1 of
//! "Layer-Wise Quantization" (arXiv 2406.17415).

use std::collections::BTreeMap;

use quantize::{ImatrixSums, InputSums};

/// A mean square above this is an active column.
const ACTIVE: f64 = 1e-5;

/// One tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorStatistics {
    /// Its name.
    pub name: String,
    /// Mean squares that the numbers are of.
    pub n: usize,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Share of columns above 1e-5.
    pub active: f64,
    /// Entropy of their distribution, in bits.
    pub entropy: f64,
    /// The same as a share of that of even ones, `log2(n)`; 1 if there is only one.
    pub even: f64,
    /// Share of columns more than a standard deviation above the mean.
    pub z_share: f64,
    /// Cosine of the angle to the sums of the same tensor of the layer before, if there is one.
    pub similarity: Option<f64>,
}

/// Averages over a layer's tensors, each weighted with its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerStatistics {
    /// Its number.
    pub layer: usize,
    /// Of sums.
    pub sum: f64,
    /// Of shares above a standard deviation.
    pub z_share: f64,
    /// Of similarities, if there is a layer before.
    pub similarity: Option<f64>,
}

/// Numbers of each tensor that rows came to, in the order of their names' last parts and then of
/// their sums, the largest first.
pub fn statistics(sums: &ImatrixSums) -> Vec<TensorStatistics> {
    let of = |(name, own): (&String, &InputSums)| {
        let before = before(name).and_then(|name| sums.entries.get(&name));
        let similarity = before.and_then(|before| cosine(&own.squares, &before.squares));
        of_tensor(name, &means(own), similarity)
    };
    let mut all: Vec<TensorStatistics> = sums.entries.iter().filter_map(of).collect();
    all.sort_by(|a, b| a.kind().cmp(b.kind()).then(b.sum.total_cmp(&a.sum)));
    all
}

/// Averages of each layer.
pub fn layers(tensors: &[TensorStatistics]) -> Vec<LayerStatistics> {
    let mut all: BTreeMap<usize, Vec<&TensorStatistics>> = BTreeMap::new();
    for tensor in tensors {
        if let Some(layer) = tensor.layer() {
            all.entry(layer).or_default().push(tensor);
        }
    }
    let of = |(layer, tensors): (usize, Vec<&TensorStatistics>)| LayerStatistics {
        layer,
        sum: average(&tensors, |it| Some(it.sum)).unwrap_or(0.0),
        z_share: average(&tensors, |it| Some(it.z_share)).unwrap_or(0.0),
        similarity: average(&tensors, |it| it.similarity),
    };
    all.into_iter().map(of).collect()
}

impl TensorStatistics {
    /// The layer it belongs to, if to one.
    pub fn layer(&self) -> Option<usize> {
        layer(&self.name).map(|(number, _)| number)
    }

    /// Its name within its layer: "attn_q".
    pub fn kind(&self) -> &str {
        let name = self.name.strip_suffix(".weight").unwrap_or(&self.name);
        layer(name).map_or(name, |(_, rest)| rest)
    }
}

/// A layer's number, and what stands behind it.
fn layer(name: &str) -> Option<(usize, &str)> {
    let (number, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

/// The name of this tensor in the layer before.
fn before(name: &str) -> Option<String> {
    let (number, rest) = layer(name)?;
    Some(format!("blk.{}.{rest}", number.checked_sub(1)?))
}

/// Mean squares of experts that rows came to.
fn means(sums: &InputSums) -> Vec<f64> {
    let experts = sums.squares.chunks(sums.n_cols().max(1)).zip(&sums.counts);
    let used = experts.filter(|(_, count)| **count > 0.0);
    used.flat_map(|(squares, count)| squares.iter().map(move |sum| sum / count)).collect()
}

fn of_tensor(name: &str, means: &[f64], similarity: Option<f64>) -> Option<TensorStatistics> {
    if means.is_empty() {
        return None;
    }
    let n = means.len() as f64;
    let share =
        |is: &dyn Fn(f64) -> bool| means.iter().filter(|mean| is(**mean)).count() as f64 / n;
    let sum: f64 = means.iter().sum();
    let mean = sum / n;
    // Around the mean and not of squares: nothing cancels.
    let deviation = (means.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    let surprise = |x: &f64| match x / sum {
        p if p > 0.0 => -p * p.log2(),
        _ => 0.0,
    };
    let entropy: f64 = means.iter().map(surprise).sum();
    Some(TensorStatistics {
        name: name.to_owned(),
        n: means.len(),
        sum,
        min: means.iter().copied().fold(f64::INFINITY, f64::min),
        max: means.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        mean,
        deviation,
        active: share(&|x| x > ACTIVE),
        entropy,
        even: if means.len() > 1 { entropy / n.log2() } else { 1.0 },
        z_share: share(&|x| deviation > 0.0 && x > mean + deviation),
        similarity,
    })
}

/// Cosine of the angle between two rows of the same length.
fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len() && length > 0.0).then(|| dot(a, b) / length)
}

/// The mean of what the tensors have, weighted with their columns.
fn average(
    tensors: &[&TensorStatistics],
    value: impl Fn(&TensorStatistics) -> Option<f64>,
) -> Option<f64> {
    let known = || tensors.iter().filter_map(|it| Some((it.n as f64, value(it)?)));
    let weight: f64 = known().map(|(n, _)| n).sum();
    (weight > 0.0).then(|| known().map(|(n, value)| n * value).sum::<f64>() / weight)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn sums(entries: &[(&str, &[f64], &[f64])]) -> ImatrixSums {
        let entry = |&(name, squares, counts): &(&str, &[f64], &[f64])| {
            (name.to_owned(), InputSums { squares: squares.to_vec(), counts: counts.to_vec() })
        };
        ImatrixSums { entries: entries.iter().map(entry).collect(), ..ImatrixSums::default() }
    }

    #[test]
    fn numbers_worked_out_by_hand() {
        let all = statistics(&sums(&[
            ("blk.0.attn_q.weight", &[2.0, 2.0, 2.0, 2.0], &[2.0]),
            ("blk.1.attn_q.weight", &[0.0, 0.0, 0.0, 8.0], &[2.0]),
            // The second expert got no row.
            ("blk.1.ffn_up_exps.weight", &[3.0, 1.0, 0.0, 0.0], &[1.0, 0.0]),
            ("output.weight", &[5.0], &[1.0]),
            ("unused.weight", &[0.0, 0.0], &[0.0]),
        ]));
        let names: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
        let sorted = ["blk.0.attn_q.weight", "blk.1.attn_q.weight", "blk.1.ffn_up_exps.weight"];
        assert_eq!(names, [&sorted[..], &["output.weight"]].concat());
        let [even, one, experts, head] = &all[..] else { unreachable!("four of them") };
        assert_eq!((even.sum, even.min, even.max, even.deviation), (4.0, 1.0, 1.0, 0.0));
        assert_eq!((even.entropy, even.even, even.z_share, even.active), (2.0, 1.0, 0.0, 1.0));
        assert_eq!((even.similarity, even.layer(), even.kind()), (None, Some(0), "attn_q"));
        assert_eq!((one.sum, one.mean, one.max, one.min), (4.0, 1.0, 4.0, 0.0));
        assert!((one.deviation - 3f64.sqrt()).abs() < 1e-12);
        assert_eq!((one.entropy, one.even, one.z_share, one.active), (0.0, 0.0, 0.25, 0.25));
        assert!((one.similarity.unwrap() - 0.5).abs() < 1e-12);
        assert_eq!((experts.n, experts.sum, experts.similarity), (2, 4.0, None));
        assert_eq!((head.even, head.layer(), head.kind()), (1.0, None, "output"));
        let layers = layers(&all);
        assert_eq!(layers.iter().map(|it| it.layer).collect::<Vec<_>>(), [0, 1]);
        assert_eq!((layers[0].sum, layers[0].similarity), (4.0, None));
        // Four columns of 0.25 and two of 0.
        assert!((layers[1].z_share - 1.0 / 6.0).abs() < 1e-12);
        assert!((layers[1].similarity.unwrap() - 0.5).abs() < 1e-12);
    }
}
