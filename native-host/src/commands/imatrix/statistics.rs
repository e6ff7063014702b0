//! `ingle imatrix --show-statistics`: what a file of importances says, as a table and as JSON.

use measure::{
    LayerStatistics, TensorStatistics, importance_statistics as of_tensors, layer_statistics,
};
use quantize::ImatrixSums;
use serde_json::{Value, json};

use super::super::{human, print_json};
use crate::args::Format;
use crate::failure::Failure;
use crate::term;

const TENSORS: [&str; 13] = [
    "LAYER", "TENSOR", "SUM", "MIN", "MAX", "MEAN", "STD", "ACTIVE", "N", "ENTROPY", "E(NORM)",
    "ZD", "COSSIM",
];

const LAYERS: [&str; 4] = ["LAYER", "MEAN SUM", "MEAN ZD", "MEAN COSSIM"];

pub fn show(sums: &ImatrixSums, format: Format) -> Result<(), Failure> {
    // What is not numbers is refused.
    sums.means("")?;
    let tensors = of_tensors(sums);
    let layers = layer_statistics(&tensors);
    if format == Format::Json {
        return print_json(&json!({
            "chunks": sums.n_chunks,
            "chunk_size": sums.chunk_size,
            "datasets": sums.datasets,
            "tensors": tensors.iter().map(tensor).collect::<Value>(),
            "layers": layers.iter().map(layer).collect::<Value>(),
        }));
    }
    let rows = [vec![TENSORS.map(str::to_owned).to_vec()], tensors.iter().map(cells).collect()];
    term::text_out(&human::table("", &rows.concat()))?;
    let rows = [vec![LAYERS.map(str::to_owned).to_vec()], layers.iter().map(averages).collect()];
    term::text_out(&format!("\n{}", human::table("", &rows.concat())))
}

fn cells(it: &TensorStatistics) -> Vec<String> {
    vec![
        it.layer().map_or_else(|| "-".to_owned(), |layer| layer.to_string()),
        it.kind().to_owned(),
        format!("{:.2}", it.sum),
        format!("{:.4}", it.min),
        format!("{:.4}", it.max),
        format!("{:.4}", it.mean),
        format!("{:.4}", it.deviation),
        format!("{:.2}%", 100.0 * it.active),
        it.n.to_string(),
        format!("{:.4}", it.entropy),
        format!("{:.2}%", 100.0 * it.even),
        format!("{:.2}%", 100.0 * it.z_share),
        similarity(it.similarity),
    ]
}

fn averages(it: &LayerStatistics) -> Vec<String> {
    vec![
        it.layer.to_string(),
        format!("{:.2}", it.sum),
        format!("{:.4}%", 100.0 * it.z_share),
        similarity(it.similarity),
    ]
}

fn similarity(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

fn tensor(it: &TensorStatistics) -> Value {
    json!({
        "name": it.name,
        "layer": it.layer(),
        "n": it.n,
        "sum": it.sum,
        "min": it.min,
        "max": it.max,
        "mean": it.mean,
        "std": it.deviation,
        "active": it.active,
        "entropy": it.entropy,
        "entropy_norm": it.even,
        "zd": it.z_share,
        "cos_sim": it.similarity,
    })
}

fn layer(it: &LayerStatistics) -> Value {
    json!({ "layer": it.layer, "sum": it.sum, "zd": it.z_share, "cos_sim": it.similarity })
}
