//! An analysis as one self-contained page, in the style of the bench's.

use std::collections::BTreeMap;

use engine::bench;
use engine::bench::html::scale::{decades, spread_out, tick_label, ticks};
use engine::bench::html::svg::{MAX_SERIES, Svg, WIDTH, shortened};
use engine::bench::html::{Figure, escape, page, table_html};
use quant::TensorType;

use crate::{Analysis, Tensor};

const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 130.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 230.0;
/// Least distance of two labels on the x axis, and of two at the lines' ends.
const LABEL_X: f64 = 60.0;
const LABEL_Y: f64 = 14.0;
/// Characters that fit behind a line's end.
const LABEL: usize = 18;
/// Points of the curve that are drawn and listed.
const POINTS: usize = 48;

/// What the page belongs to, and what else it shows.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The model's name.
    pub model: String,
    /// The text's name.
    pub text: String,
    /// Where and when.
    pub made: bench::About,
    /// Bytes of all tensors and expected cost: the best there is.
    pub curve: Vec<(u64, f64)>,
    /// The same of fixed mixes, with their names.
    pub mixes: Vec<(String, u64, f64)>,
    /// The same of the recipe that was chosen, and each tensor's type in it.
    pub chosen: Option<(u64, f64, BTreeMap<String, TensorType>)>,
    /// Its divergence, measured as a whole.
    pub measured: Option<f64>,
}

/// The document.
pub fn html(analysis: &Analysis, about: &About) -> String {
    let title = format!("What {} can do without", escape(&about.model));
    let (n, n_ctx) = analysis.windows;
    let lead = format!(
        "{} tensors, {n} windows of {n_ctx} tokens of \"{}\". Perplexity as it is: {}. {}",
        analysis.tensors.len(),
        about.text,
        short(analysis.perplexity),
        about.made.caption()
    );
    let mut body = summary(about);
    let figures = [size_and_quality(analysis, about), by_layer(analysis), by_kind(analysis)];
    body.extend(figures.iter().flatten().enumerate().map(|(i, figure)| figure.html(i)));
    body += &tensors(analysis, about);
    page(&title, "ingle quantize --analyze", &escape(&lead), &body)
}

/// What costs are called.
fn cost_name(analysis: &Analysis) -> &'static str {
    let mut measured = analysis.tensors.iter().flat_map(|tensor| &tensor.types);
    match measured.any(|measured| measured.kl.is_some()) {
        true => "divergence in nats",
        false => "sum of relative errors",
    }
}

fn summary(about: &About) -> String {
    let row = |name: &str, n_bytes: u64, cost: f64, measured: String| {
        vec![escape(name), megabytes(n_bytes), short(cost), measured]
    };
    let none = || "–".to_owned();
    let mut lines: Vec<Vec<String>> =
        about.mixes.iter().map(|(name, n, cost)| row(name, *n, *cost, none())).collect();
    if let Some((n_bytes, cost, _)) = &about.chosen {
        let measured = about.measured.map_or_else(none, short);
        lines.push(row("chosen here", *n_bytes, *cost, measured));
    }
    if lines.is_empty() {
        return String::new();
    }
    card("Recipes", &["Recipe", "Tensors", "Expected", "Measured"], &lines)
}

fn card(title: &str, head: &[&str], lines: &[Vec<String>]) -> String {
    format!(
        "<section class=\"card\">\n<h2>{title}</h2>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"group\" aria-label=\"{title}, scrolls sideways\">\n{}</div>\n</section>\n",
        table_html(head, lines)
    )
}

/// A line for each tensor.
fn tensors(analysis: &Analysis, about: &About) -> String {
    let mut lines = Vec::new();
    for tensor in &analysis.tensors {
        let chosen = about.chosen.as_ref().and_then(|(.., types)| types.get(&tensor.name));
        for (i, measured) in tensor.types.iter().enumerate() {
            let kl = match (measured.kl, measured.is_scaled) {
                (None, _) => "–".to_owned(),
                (Some(kl), false) => short(kl),
                (Some(kl), true) => format!("({})", short(kl)),
            };
            let name = if i == 0 { tensor.name.clone() } else { String::new() };
            let mark = if chosen == Some(&measured.ty) { " ←" } else { "" };
            let ty = format!("{}{mark}", measured.ty);
            lines.push(vec![name, ty, megabytes(measured.n_bytes), percent(measured.error), kl]);
        }
    }
    let title = "Tensors (divergences in brackets follow from one that was measured)";
    card(title, &["Tensor", "Type", "Size", "Error", "Divergence"], &lines)
}

/// Root of a relative square.
fn percent(error: f64) -> String {
    format!("{:.3} %", 100.0 * error.max(0.0).sqrt())
}

fn megabytes(n_bytes: u64) -> String {
    format!("{:.2} MB", n_bytes as f64 / 1e6)
}

fn short(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.3}"),
        0.001.. => format!("{value:.5}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.2e}"),
    }
}

/// Lines over places of the x axis, on a logarithmic y axis.
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

/// The y axis: powers of ten around the values.
struct Axis {
    low: i32,
    high: i32,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Option<Axis> {
        let positive = values.filter(|value| *value > 0.0 && value.is_finite());
        let least = positive.clone().fold(f64::INFINITY, f64::min);
        let most = positive.fold(0.0, f64::max);
        if most <= 0.0 {
            return None;
        }
        let (low, high) = decades(least, most);
        Some(Axis { low: low.max(high - 9), high })
    }

    fn y(&self, value: f64) -> f64 {
        let low = f64::from(self.low);
        let place = (value.max(1e-300).log10() - low) / f64::from(self.high - self.low);
        BOTTOM - (BOTTOM - TOP) * place.clamp(0.0, 1.0)
    }

    fn draw(&self, svg: &mut Svg) {
        for power in self.low..=self.high {
            let y = self.y(10f64.powi(power));
            svg.line("gr", (LEFT, y), (RIGHT, y));
            let label = match power {
                -3..=3 => format!("{}", 10f64.powi(power)),
                _ => format!("1e{power}"),
            };
            svg.text("end", LEFT - 10.0, y + 4.0, &label);
        }
        svg.line("ax", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    }
}

fn draw_series(svg: &mut Svg, axis: &Axis, series: &[Series]) {
    for (i, series) in series.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            series.points.iter().map(|(x, value)| (*x, axis.y(*value))).collect();
        svg.polyline(&format!("l{}", i % MAX_SERIES + 1), &points);
        points.iter().for_each(|(x, y)| svg.point(i, *x, *y));
    }
    let last = |series: &Series| series.points.last().map_or(0.0, |(_, value)| *value);
    let wanted: Vec<f64> = series.iter().map(|series| axis.y(last(series)) + 4.0).collect();
    for (series, y) in series.iter().zip(spread_out(&wanted, LABEL_Y, BOTTOM + 4.0)) {
        svg.text("val", RIGHT + 12.0, y, &shortened(&series.name, LABEL));
    }
}

fn size_and_quality(analysis: &Analysis, about: &About) -> Option<Figure> {
    let every = about.curve.len().div_ceil(POINTS).max(1);
    let last = about.curve.last().copied()?;
    let mut curve: Vec<(u64, f64)> = about.curve.iter().step_by(every).copied().collect();
    curve.push(last);
    let costs = curve.iter().map(|(_, cost)| *cost).chain(about.mixes.iter().map(|mix| mix.2));
    let axis = Axis::of(costs)?;
    let most =
        curve.iter().map(|point| point.0).chain(about.mixes.iter().map(|mix| mix.1)).max()?;
    let ticks = ticks(most as f64 / 1e6);
    let end = ticks.last().copied().unwrap_or(1.0);
    let x = |n_bytes: u64| LEFT + (RIGHT - LEFT) * (n_bytes as f64 / 1e6) / end;
    let mut svg = Svg::new(BOTTOM + 32.0);
    axis.draw(&mut svg);
    let step = ticks.get(1).copied().unwrap_or(1.0);
    for tick in &ticks {
        let place = LEFT + (RIGHT - LEFT) * tick / end;
        svg.text("cm", place, BOTTOM + 20.0, &format!("{} MB", tick_label(*tick, step)));
    }
    let points: Vec<(f64, f64)> = curve.iter().map(|(n, cost)| (x(*n), axis.y(*cost))).collect();
    svg.polyline("l1", &points);
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for (name, n, cost) in about.mixes.iter().rev() {
        let (x, y) = (x(*n), axis.y(*cost));
        svg.point(1, x, y);
        svg.text("name", x + 8.0, above(&mut taken, x, y + 4.0), name);
    }
    if let Some((n, cost, _)) = &about.chosen {
        svg.point(3, x(*n), axis.y(*cost));
    }
    let row = |name: &str, n: u64, cost: f64| vec![name.to_owned(), megabytes(n), short(cost)];
    let mut cells: Vec<Vec<String>> =
        curve.iter().map(|(n, cost)| row("best", *n, *cost)).collect();
    cells.extend(about.mixes.iter().map(|(name, n, cost)| row(name, *n, *cost)));
    let desc = about.chosen.as_ref().map_or_else(String::new, |(n, cost, _)| {
        format!("chosen: {} with {}", megabytes(*n), short(*cost))
    });
    Some(Figure {
        title: "Size against quality".to_owned(),
        lead: format!(
            "Expected {} of the best recipe for each size (line), of the fixed mixes (squares) and \
             of the recipe that was chosen (diamond).",
            cost_name(analysis)
        ),
        desc,
        head: vec!["Recipe", "Tensors", "Expected"],
        cells,
        svg,
    })
}

/// Where a label that should stand at `y` has room: quality falls to the left, so there is some
/// above. `taken` are the labels to its right.
fn above(taken: &mut Vec<(f64, f64)>, x: f64, mut y: f64) -> f64 {
    let is_taken =
        |y: f64| taken.iter().any(|(x2, y2)| (x2 - x).abs() < LABEL_X && (y2 - y).abs() < LABEL_Y);
    while is_taken(y) && y > TOP {
        y -= 1.0;
    }
    taken.push((x, y));
    y
}

/// Errors of what matrices give, a line for each type.
fn by_layer(analysis: &Analysis) -> Option<Figure> {
    let value = |tensors: &[&Tensor], ty: TensorType| {
        let errors: Vec<f64> = tensors.iter().filter_map(|t| Some(t.get(ty)?.error)).collect();
        let n = errors.len() as f64;
        (n > 0.0).then(|| 100.0 * (errors.iter().sum::<f64>() / n).sqrt())
    };
    let mut types: Vec<TensorType> = Vec::new();
    for measured in analysis.tensors.iter().flat_map(|tensor| &tensor.types) {
        if !types.contains(&measured.ty) && measured.error > 0.0 {
            types.push(measured.ty);
        }
    }
    types.truncate(MAX_SERIES);
    let named: Vec<(String, TensorType)> =
        types.into_iter().map(|ty| (ty.to_string(), ty)).collect();
    let lead =
        "Root mean square error of what the matrices of a layer give in each type, in percent.";
    over_layers(analysis, "Error by layer and type", lead, &named, value)
}

/// Divergences of the middle type, a line for each kind of tensor.
fn by_kind(analysis: &Analysis) -> Option<Figure> {
    let measured = |tensor: &Tensor| tensor.types.iter().find(|measured| !measured.is_scaled)?.kl;
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for tensor in analysis.tensors.iter().filter(|tensor| tensor.layer().is_some()) {
        *sums.entry(tensor.kind()).or_default() += measured(tensor)?;
    }
    let mut kinds: Vec<(&str, f64)> = sums.into_iter().collect();
    kinds.sort_by(|a, b| b.1.total_cmp(&a.1));
    kinds.truncate(MAX_SERIES);
    let kinds: Vec<(String, &str)> =
        kinds.into_iter().map(|(kind, _)| (kind.to_owned(), kind)).collect();
    let value = |tensors: &[&Tensor], kind: &str| {
        measured(tensors.iter().find(|tensor| tensor.kind() == kind)?)
    };
    let lead = "Divergence in nats with one tensor of a layer in the first type that was measured, \
                of the six kinds that cost most: what is high here is worth its bits.";
    over_layers(analysis, "What a layer's tensors cost", lead, &kinds, value)
}

fn over_layers<K: Clone>(
    analysis: &Analysis,
    title: &str,
    lead: &str,
    keys: &[(String, K)],
    value: impl Fn(&[&Tensor], K) -> Option<f64>,
) -> Option<Figure> {
    let n = analysis.tensors.iter().filter_map(Tensor::layer).max()? + 1;
    let x = |layer: usize| LEFT + (RIGHT - LEFT) * layer as f64 / (n.max(2) - 1) as f64;
    let of_layer = |layer: usize| -> Vec<&Tensor> {
        analysis.tensors.iter().filter(|tensor| tensor.layer() == Some(layer)).collect()
    };
    let layers: Vec<Vec<&Tensor>> = (0..n).map(of_layer).collect();
    let mut cells = Vec::new();
    let mut all = Vec::new();
    for (name, key) in keys {
        let mut points = Vec::new();
        for (layer, tensors) in layers.iter().enumerate() {
            let Some(found) = value(tensors, key.clone()) else { continue };
            points.push((x(layer), found));
            cells.push(vec![name.clone(), layer.to_string(), short(found)]);
        }
        if !points.is_empty() {
            all.push(Series { name: name.clone(), points });
        }
    }
    let values = all.iter().flat_map(|series| series.points.iter().map(|point| point.1));
    let axis = Axis::of(values)?;
    let mut svg = Svg::new(BOTTOM + 32.0);
    axis.draw(&mut svg);
    let mut last = f64::NEG_INFINITY;
    for layer in 0..n {
        if x(layer) - last >= LABEL_X {
            svg.text("cm", x(layer), BOTTOM + 20.0, &format!("layer {layer}"));
            last = x(layer);
        }
    }
    draw_series(&mut svg, &axis, &all);
    let finding = |series: &Series| {
        let most = series.points.iter().map(|point| point.1).fold(0.0, f64::max);
        format!("{}: at most {}", series.name, short(most))
    };
    Some(Figure {
        title: title.to_owned(),
        lead: lead.to_owned(),
        desc: all.iter().map(finding).collect::<Vec<_>>().join("; "),
        head: vec!["Line", "Layer", "Value"],
        cells,
        svg,
    })
}
