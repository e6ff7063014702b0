//! An analysis as it is kept: JSON for the numbers, an importance matrix's file for the sums.
//!
//! What a run goes on with is read from these bytes, also when they were just made: so a later run
//! that finds them has the same numbers to the last bit, and makes the same file.

use quant::TensorType;
use quantize::ImatrixSums;
use sensitivity::{Analysis, Measured, Tensor};
use serde::{Deserialize, Serialize};

/// The two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The numbers.
    pub json: Vec<u8>,
    /// The sums.
    pub importance: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Numbers {
    asked: Vec<String>,
    perplexity: f64,
    windows: usize,
    ctx: usize,
    tokens_scored: u64,
    tensors: Vec<OfTensor>,
}

#[derive(Serialize, Deserialize)]
struct OfTensor {
    name: String,
    dims: Vec<u64>,
    from: String,
    inputs: usize,
    rows: usize,
    types: Vec<OfType>,
}

#[derive(Serialize, Deserialize)]
struct OfType {
    #[serde(rename = "type")]
    ty: String,
    bytes: u64,
    error: f64,
    kl: Option<f64>,
    scaled: bool,
}

impl Stored {
    /// To be kept.
    ///
    /// # Errors
    /// In words: numbers that no file holds.
    pub fn of(analysis: &Analysis) -> Result<Stored, String> {
        let numbers = Numbers {
            asked: analysis.asked.iter().map(|ty| ty.name().to_owned()).collect(),
            perplexity: analysis.perplexity,
            windows: analysis.windows.0,
            ctx: analysis.windows.1,
            tokens_scored: analysis.n_scored,
            tensors: analysis.tensors.iter().map(of_tensor).collect(),
        };
        let json = serde_json::to_vec(&numbers).map_err(|error| error.to_string())?;
        let importance = analysis.sums.write_gguf(Vec::new()).map_err(|error| error.to_string())?;
        Ok(Stored { json, importance })
    }

    /// What was kept.
    ///
    /// # Errors
    /// In words: this is no analysis.
    pub fn analysis(&self) -> Result<Analysis, String> {
        let numbers: Numbers =
            serde_json::from_slice(&self.json).map_err(|error| error.to_string())?;
        let sums = ImatrixSums::open(Box::new(self.importance.clone()), 1);
        let tensors = numbers.tensors.into_iter().map(tensor);
        Ok(Analysis {
            asked: numbers.asked.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
            tensors: tensors.collect::<Result<_, _>>()?,
            sums: sums.map_err(|error| error.to_string())?,
            perplexity: numbers.perplexity,
            windows: (numbers.windows, numbers.ctx),
            n_scored: numbers.tokens_scored,
        })
    }
}

fn of_tensor(tensor: &Tensor) -> OfTensor {
    let of_type = |measured: &Measured| OfType {
        ty: measured.ty.name().to_owned(),
        bytes: measured.n_bytes,
        error: measured.error,
        kl: measured.kl,
        scaled: measured.is_scaled,
    };
    OfTensor {
        name: tensor.name.clone(),
        dims: tensor.dims.clone(),
        from: tensor.from.name().to_owned(),
        inputs: tensor.n_inputs,
        rows: tensor.n_rows,
        types: tensor.types.iter().map(of_type).collect(),
    }
}

fn tensor(kept: OfTensor) -> Result<Tensor, String> {
    let measured = |kept: OfType| {
        let is_cost = |value: f64| value.is_finite() && value >= 0.0;
        match is_cost(kept.error) && kept.kl.is_none_or(is_cost) {
            true => Ok(Measured {
                ty: named(&kept.ty)?,
                n_bytes: kept.bytes,
                error: kept.error,
                kl: kept.kl,
                is_scaled: kept.scaled,
            }),
            false => Err("a number in it is none".to_owned()),
        }
    };
    Ok(Tensor {
        from: named(&kept.from)?,
        types: kept.types.into_iter().map(measured).collect::<Result<_, String>>()?,
        name: kept.name,
        dims: kept.dims,
        n_inputs: kept.inputs,
        n_rows: kept.rows,
    })
}

fn named(name: &str) -> Result<TensorType, String> {
    let found = TensorType::ALL.iter().find(|ty| ty.name() == name);
    found.copied().ok_or_else(|| format!("it names a type {}", name.escape_debug()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use quantize::InputSums;

    #[test]
    fn what_is_kept_is_what_was_measured() {
        let measured = |ty, kl, is_scaled| Measured { ty, n_bytes: 99, error: 0.1, kl, is_scaled };
        let types = vec![
            measured(TensorType::Q2_K, Some(0.125), true),
            measured(TensorType::Q8_0, None, false),
        ];
        let tensor = Tensor {
            name: "blk.0.attn_q.weight".into(),
            dims: vec![256, 4],
            from: TensorType::F16,
            n_inputs: 64,
            n_rows: 4,
            types,
        };
        let sums = InputSums { squares: vec![1.5; 256], counts: vec![3.0] };
        let mut analysis = Analysis {
            asked: vec![TensorType::Q2_K],
            tensors: vec![tensor],
            perplexity: 12.25,
            windows: (4, 512),
            n_scored: 1020,
            ..Analysis::default()
        };
        analysis.sums.entries.insert("blk.0.attn_q.weight".into(), sums);
        analysis.sums.chunk_size = 512;
        let stored = Stored::of(&analysis).unwrap();
        assert_eq!(stored.analysis().unwrap(), analysis);
        // Bytes of strangers are looked at before they are used.
        let text = String::from_utf8(stored.json.clone()).unwrap();
        for (from, to) in [("0.125", "-0.125"), ("Q2_K", "Q2_X"), ("[256,4]", "[256,")] {
            let json = text.replace(from, to).into_bytes();
            assert!(Stored { json, ..stored.clone() }.analysis().is_err(), "{to}");
        }
        assert!(Stored { importance: vec![0; 9], ..stored }.analysis().is_err());
    }
}
