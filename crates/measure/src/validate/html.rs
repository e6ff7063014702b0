//! A comparison as one self-contained page, in the style of the bench's.

use engine::bench;
use engine::bench::html::scale::{spread_out, tick_label, ticks};
use engine::bench::html::svg::{Svg, WIDTH, shortened};
use engine::bench::html::{Figure, escape, page, table_html};

use super::{Check, Compared};
use crate::Value;

const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 150.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 190.0;
/// Least distance of two labels on the x axis, and of two at the lines' ends.
const LABEL_X: f64 = 60.0;
const LABEL_Y: f64 = 14.0;
/// Characters that fit behind a line's end.
const LABEL: usize = 18;

/// Shares of the places, from the easiest to the hardest, at which divergences are drawn.
const SHARES: [f64; 11] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0];

/// What the page belongs to.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The baseline's name.
    pub baseline: String,
    /// The baseline's bytes of weights.
    pub n_bytes: u64,
    /// The text's name.
    pub text: String,
    /// Tokens of a window.
    pub n_ctx: usize,
    /// Where and when.
    pub made: bench::About,
}

/// The document: of one model, or of several beside each other, each with its checks.
pub fn html(all: &[(Compared, Vec<Check>)], about: &About) -> String {
    let models: Vec<&Compared> = all.iter().map(|(compared, _)| compared).collect();
    let names: Vec<String> = models.iter().map(|model| escape(&model.name)).collect();
    let title = format!("{} against {}", names.join(" and "), escape(&about.baseline));
    let n = models.first().map_or(0, |model| model.divergence.n());
    let lead = format!(
        "{n} places of \"{}\" in windows of {} tokens. {}",
        about.text,
        about.n_ctx,
        about.made.caption()
    );
    let mut body = checks(all) + &summary(&models, about);
    let figures = [divergences(&models), layers(&models)];
    body.extend(figures.iter().flatten().enumerate().map(|(i, figure)| figure.html(i)));
    body.extend(models.iter().map(|model| tensors(model)));
    page(&title, "ingle quantize --validate", &escape(&lead), &body)
}

fn checks(all: &[(Compared, Vec<Check>)]) -> String {
    let line = |model: &Compared, check: &Check| {
        let verdict = if check.passed { "kept" } else { "not kept" };
        let (limit, value) = (short(check.limit), short(check.value));
        vec![model.name.clone(), check.what.to_owned(), limit, value, verdict.to_owned()]
    };
    let lines = all.iter().flat_map(|(model, checks)| checks.iter().map(|c| line(model, c)));
    let lines: Vec<Vec<String>> = lines.collect();
    if lines.is_empty() {
        return String::new();
    }
    card("Limits", &["Model", "What", "Limit", "Measured", ""], &lines)
}

fn summary(models: &[&Compared], about: &About) -> String {
    let base = models.first().map(|model| model.divergence.base.perplexity());
    let size = |n_bytes: u64| format!("{:.1} MB", n_bytes as f64 / 1e6);
    let none = || "–".to_owned();
    let mut lines = vec![vec![
        about.baseline.clone(),
        size(about.n_bytes),
        base.map_or_else(none, pm),
        none(),
        none(),
        none(),
        none(),
    ]];
    lines.extend(models.iter().map(|model| {
        let all = &model.divergence;
        vec![
            model.name.clone(),
            size(model.n_bytes),
            pm(all.model.perplexity()),
            pm(all.ratio()),
            pm(all.kl()),
            format!("{:.2} %", 100.0 * all.same_top().value),
            format!("{:.2} %", 100.0 * all.rms_delta().value),
        ]
    }));
    let head = ["Model", "Weights", "Perplexity", "Ratio", "Mean KL", "Same top", "RMS Δp"];
    card("In numbers", &head, &lines)
}

fn card(title: &str, head: &[&str], lines: &[Vec<String>]) -> String {
    format!(
        "<section class=\"card\">\n<h2>{title}</h2>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"group\" aria-label=\"{title}, scrolls sideways\">\n{}</div>\n</section>\n",
        table_html(head, lines)
    )
}

fn tensors(model: &Compared) -> String {
    let line = |tensor: &super::TensorError| {
        let error = format!("{:.3} %", 100.0 * tensor.error);
        let types = format!("{} → {}", tensor.from, tensor.to);
        vec![tensor.name.clone(), types, error, format!("{:.6}", tensor.cosine)]
    };
    let changed = |tensor: &&super::TensorError| tensor.error > 0.0 || tensor.from != tensor.to;
    let lines: Vec<Vec<String>> = model.tensors.iter().filter(changed).map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    let title = format!("Changed weights of {}", escape(&model.name));
    card(&title, &["Tensor", "Type", "Error", "Cosine"], &lines)
}

fn pm(value: Value) -> String {
    format!("{} ± {}", short(value.value), short(value.error))
}

fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

/// A line of a plot.
struct Series {
    name: String,
    values: Vec<f64>,
}

fn divergences(models: &[&Compared]) -> Option<Figure> {
    let series = |model: &&Compared| {
        let percentiles = model.divergence.kl_percentiles();
        // The very last place is a matter of luck, and would flatten all others.
        let drawn = SHARES.iter().filter(|share| **share < 1.0);
        let values = drawn.map(|share| percentiles.at(*share)).collect();
        Series { name: model.name.clone(), values }
    };
    let labels: Vec<String> =
        SHARES.iter().map(|share| format!("{} %", (share * 1000.0).round() / 10.0)).collect();
    let lead = "KL divergence in nats that so many of the places stay below. A good model is near \
                the baseline almost everywhere; where the line begins to rise, it begins to guess.";
    figure("Divergence, place by place", lead, "Places", &labels, models.iter().map(series))
}

fn layers(models: &[&Compared]) -> Option<Figure> {
    let labels: Vec<String> =
        models.first()?.layers.iter().map(|layer| layer.name.clone()).collect();
    let lead = "Error of what each layer hands on, relative to the baseline's. A step is where \
                precision is lost.";
    let series = models.iter().map(|model| Series {
        name: model.name.clone(),
        values: model.layers.iter().map(|layer| layer.error).collect(),
    });
    figure("Error behind each layer", lead, "Behind", &labels, series)
}

fn figure(
    title: &str,
    lead: &str,
    head: &'static str,
    labels: &[String],
    series: impl Iterator<Item = Series>,
) -> Option<Figure> {
    let series: Vec<Series> = series.filter(|series| series.values.len() > 1).collect();
    let n = series.iter().map(|series| series.values.len()).max()?;
    let ticks = ticks(series.iter().flat_map(|series| &series.values).copied().fold(0.0, f64::max));
    let end = ticks.last().copied().unwrap_or(1.0);
    let x = |i: usize| LEFT + (RIGHT - LEFT) * i as f64 / (n - 1) as f64;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / end;
    let mut svg = Svg::new(BOTTOM + 32.0);
    let step = ticks.get(1).copied().unwrap_or(1.0);
    for &tick in &ticks {
        svg.line("gr", (LEFT, y(tick)), (RIGHT, y(tick)));
        svg.text("end", LEFT - 10.0, y(tick) + 4.0, &tick_label(tick, step));
    }
    let mut last = f64::NEG_INFINITY;
    for (i, label) in labels.iter().enumerate().take(n) {
        if x(i) - last >= LABEL_X {
            svg.text("cm", x(i), BOTTOM + 20.0, label);
            last = x(i);
        }
    }
    svg.line("ax", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    for (i, series) in series.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            series.values.iter().enumerate().map(|(i, value)| (x(i), y(*value))).collect();
        svg.polyline(&format!("l{}", i + 1), &points);
        points.iter().for_each(|(x, y)| svg.point(i, *x, *y));
    }
    let last = |series: &Series| series.values.last().copied().unwrap_or(0.0);
    let wanted: Vec<f64> = series.iter().map(|series| y(last(series)) + 4.0).collect();
    for (series, y) in series.iter().zip(spread_out(&wanted, LABEL_Y, BOTTOM + 4.0)) {
        svg.text("val", RIGHT + 12.0, y, &shortened(&series.name, LABEL));
    }
    let cells = series.iter().flat_map(|series| {
        let values = series.values.iter().zip(labels);
        values.map(|(value, label)| vec![series.name.clone(), label.clone(), short(*value)])
    });
    let finding = |series: &Series| format!("{}: {} at the end", series.name, short(last(series)));
    Some(Figure {
        title: title.to_owned(),
        lead: lead.to_owned(),
        desc: series.iter().map(finding).collect::<Vec<_>>().join("; "),
        head: vec!["Model", head, "Value"],
        cells: cells.collect(),
        svg,
    })
}
