//! What goes out: plain objects, shaped like the types of the package.

use std::collections::BTreeMap;

use engine::Session;
use measure::{Divergence, Estimate, Percentiles, Value, Windows};
use serde::Serialize;
use store::Name;

use super::run::{Baseline, Judged};
use super::settings::Settings;
use crate::device::processor;

/// What both results say about how they came to be.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// "own", or "given".
    text: &'static str,
    context_length: usize,
    chunks: usize,
    tokens_read: usize,
    seconds: f64,
}

impl Run {
    pub fn new(settings: &Settings, windows: &Windows, ms: f64) -> Run {
        Run {
            text: if settings.has_text() { "given" } else { "own" },
            context_length: windows.n_ctx(),
            chunks: windows.len(),
            tokens_read: windows.len() * windows.scored().end,
            seconds: ms / 1000.0,
        }
    }
}

/// A number with its standard error.
#[derive(Serialize)]
struct Measured {
    value: f64,
    error: f64,
}

impl From<Value> for Measured {
    fn from(Value { value, error }: Value) -> Measured {
        Measured { value, error }
    }
}

/// `Perplexity`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerplexityOut {
    model: String,
    device: String,
    weight_bytes: u64,
    #[serde(rename = "type")]
    main_type: String,
    perplexity: f64,
    error: f64,
    nats: Measured,
    tokens: u64,
    running: Vec<f64>,
    #[serde(flatten)]
    run: Run,
}

impl PerplexityOut {
    pub fn new(
        name: &Name,
        session: &Session,
        run: Run,
        estimate: &Estimate,
        running: Vec<f64>,
    ) -> PerplexityOut {
        let (info, Value { value, error }) = (session.model_info(), estimate.perplexity());
        PerplexityOut {
            model: name.to_string(),
            device: processor(),
            weight_bytes: info.weight_bytes,
            main_type: info.main_type.clone(),
            perplexity: value,
            error,
            nats: estimate.nats().into(),
            tokens: estimate.n(),
            running,
            run,
        }
    }
}

/// `Validation`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationOut {
    baseline: Side,
    quantized: Side,
    device: String,
    tokens: u64,
    correlation: f64,
    log_ratio: Measured,
    ratio: Measured,
    difference: Measured,
    kl: Measured,
    kl_percentiles: BTreeMap<&'static str, f64>,
    delta_p: Measured,
    delta_p_rms: Measured,
    delta_p_percentiles: BTreeMap<&'static str, f64>,
    same_top: Measured,
    running: Vec<f64>,
    layers: Vec<LayerOut>,
    tensors: Vec<TensorOut>,
    #[serde(flatten)]
    run: Run,
}

/// One of both models.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Side {
    model: String,
    weight_bytes: u64,
    #[serde(rename = "type")]
    main_type: String,
    perplexity: Measured,
}

#[derive(Serialize)]
struct LayerOut {
    name: String,
    error: f64,
}

#[derive(Serialize)]
struct TensorOut {
    name: String,
    from: String,
    to: String,
    bytes: u64,
    error: f64,
    cosine: f64,
}

fn percentiles(all: &Percentiles) -> BTreeMap<&'static str, f64> {
    all.named().collect()
}

impl ValidationOut {
    pub fn new(
        [baseline, quantized]: &[Name; 2],
        run: Run,
        base: Baseline,
        judged: &Judged,
    ) -> ValidationOut {
        let compared = &judged.compared;
        let all: &Divergence = &compared.divergence;
        let side = |name: &Name, weight_bytes, main_type: &str, estimate: &Estimate| Side {
            model: name.to_string(),
            weight_bytes,
            main_type: main_type.to_owned(),
            perplexity: estimate.perplexity().into(),
        };
        let layers = compared.layers.iter();
        let tensors = compared.tensors.iter().map(|tensor| TensorOut {
            name: tensor.name.clone(),
            from: tensor.from.clone(),
            to: tensor.to.clone(),
            bytes: tensor.n_bytes,
            error: tensor.error,
            cosine: tensor.cosine,
        });
        ValidationOut {
            baseline: side(baseline, base.n_bytes, &base.main_type, &all.base),
            quantized: side(quantized, compared.n_bytes, &compared.main_type, &all.model),
            device: processor(),
            tokens: all.n(),
            correlation: all.correlation(),
            log_ratio: all.log_ratio().into(),
            ratio: all.ratio().into(),
            difference: all.difference().into(),
            kl: all.kl().into(),
            kl_percentiles: percentiles(&all.kl_percentiles()),
            delta_p: all.delta().into(),
            delta_p_rms: all.rms_delta().into(),
            delta_p_percentiles: percentiles(&all.delta_percentiles()),
            same_top: all.same_top().into(),
            running: judged.running.clone(),
            layers: layers.map(|l| LayerOut { name: l.name.clone(), error: l.error }).collect(),
            tensors: tensors.collect(),
            run,
        }
    }
}
