//! Speeds as lines: over the tokens that are in the conversation already, and over the length of
//! the prompt. A line needs two points; a bench of one depth and one prompt has none.

use super::super::row::Row;
use super::super::text::{number, thousands};
use super::scale::{spread_out, tick_label, ticks};
use super::svg::{MAX_SERIES, Svg, WIDTH, shortened};
use super::{Figure, subject_label};

const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 190.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 190.0;
/// Least distance of two labels on the x axis, and of two at the lines' ends.
const LABEL_X: f64 = 40.0;
const LABEL_Y: f64 = 14.0;
/// Characters that fit behind a line's end.
const LABEL: usize = 24;

/// What a figure shows.
struct Kind {
    title: &'static str,
    lead: &'static str,
    axis: &'static str,
    head: &'static str,
    /// The rows it is about.
    has: fn(&Row) -> bool,
    /// The value on the x axis.
    x: fn(&Row) -> usize,
    /// What belongs to a line's name besides the subject.
    more: fn(&Row) -> String,
}

const KINDS: [Kind; 3] = [
    Kind {
        title: "Writing speed as the conversation grows",
        lead: "Tokens per second. A longer conversation means more to read back for every word.",
        axis: "tokens already in the conversation, log scale",
        head: "Tokens before",
        has: |row| row.test.n_prompt == 0,
        x: |row| row.test.depth,
        more: |_| String::new(),
    },
    Kind {
        title: "Reading speed as the conversation grows",
        lead: "Tokens per second. Every new token looks at all that came before.",
        axis: "tokens already in the conversation, log scale",
        head: "Tokens before",
        has: |row| row.test.n_gen == 0,
        x: |row| row.test.depth,
        more: |row| format!(", {} tokens", row.test.n_prompt),
    },
    Kind {
        title: "Reading speed by length of the prompt",
        lead: "Tokens per second. Short prompts use little of what the device can do.",
        axis: "tokens of the prompt, log scale",
        head: "Tokens of the prompt",
        has: |row| row.test.n_gen == 0,
        x: |row| row.test.n_prompt,
        more: |row| match row.test.depth {
            0 => String::new(),
            depth => format!(", after {depth} tokens"),
        },
    },
];

/// A line: its name, and its rows by x.
struct Series<'a> {
    name: String,
    rows: Vec<&'a Row>,
}

/// All figures that have a line.
pub fn all(rows: &[Row]) -> Vec<Figure> {
    let figures = KINDS.iter().flat_map(|kind| {
        let series = series(rows, kind);
        // More lines than can be told apart get a plot of their own.
        series.chunks(MAX_SERIES).map(|part| figure(kind, part)).collect::<Vec<_>>()
    });
    figures.collect()
}

fn series<'a>(rows: &'a [Row], kind: &Kind) -> Vec<Series<'a>> {
    let mut all: Vec<Series<'a>> = Vec::new();
    for row in rows.iter().filter(|row| !row.seconds.is_empty() && (kind.has)(row)) {
        let name = subject_label(row, rows) + &(kind.more)(row);
        match all.iter_mut().find(|series| series.name == name) {
            Some(series) => series.rows.push(row),
            None => all.push(Series { name, rows: vec![row] }),
        }
    }
    for series in &mut all {
        series.rows.sort_by_key(|row| (kind.x)(row));
        series.rows.dedup_by_key(|row| (kind.x)(row));
    }
    all.retain(|series| series.rows.len() > 1);
    all
}

/// Positions on a log scale; 0 stands a step left of the smallest other value.
struct Axis {
    values: Vec<usize>,
    low: f64,
    high: f64,
}

impl Axis {
    fn of(mut values: Vec<usize>) -> Axis {
        values.sort_unstable();
        values.dedup();
        let smallest = values.iter().copied().find(|&v| v > 0).unwrap_or(1) as f64;
        let low = if values.first() == Some(&0) { smallest.log2() - 1.0 } else { smallest.log2() };
        let high = values.last().map_or(low, |&v| (v.max(1) as f64).log2());
        Axis { values, low, high: high.max(low + 1.0) }
    }

    fn x(&self, value: usize) -> f64 {
        let log = if value == 0 { self.low } else { (value as f64).log2() };
        LEFT + (RIGHT - LEFT) * (log - self.low) / (self.high - self.low)
    }
}

fn figure(kind: &Kind, series: &[Series<'_>]) -> Figure {
    let rows = || series.iter().flat_map(|series| &series.rows);
    let axis = Axis::of(rows().map(|row| (kind.x)(row)).collect());
    let max = rows().map(|row| row.stats().mean + row.stats().sd).fold(0.0, f64::max);
    let ticks = ticks(max);
    let end = ticks.last().copied().unwrap_or(1.0);
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / end;
    let mut svg = Svg::new(BOTTOM + 44.0);
    for &tick in &ticks {
        svg.line("gr", (LEFT, y(tick)), (RIGHT, y(tick)));
        let step = ticks.get(1).copied().unwrap_or(1.0);
        svg.text("end", LEFT - 10.0, y(tick) + 4.0, &tick_label(tick, step));
    }
    let mut last = f64::NEG_INFINITY;
    for &value in &axis.values {
        let x = axis.x(value);
        if x - last >= LABEL_X {
            svg.text("cm", x, BOTTOM + 20.0, &thousands(value as f64));
            last = x;
        }
    }
    svg.line("ax", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    svg.text("", LEFT, BOTTOM + 40.0, kind.axis);
    for (i, series) in series.iter().enumerate() {
        draw(&mut svg, i, series, |row| (axis.x((kind.x)(row)), y(row.stats().mean)), y);
    }
    end_labels(&mut svg, series, |row| y(row.stats().mean));
    Figure {
        title: kind.title.to_owned(),
        lead: kind.lead.to_owned(),
        desc: series.iter().map(|series| finding(series, kind)).collect::<Vec<_>>().join("; "),
        svg,
        head: vec!["Model", kind.head, "Mean", "± sd"],
        cells: series.iter().flat_map(|series| cells(series, kind)).collect(),
    }
}

fn draw(
    svg: &mut Svg,
    i: usize,
    series: &Series<'_>,
    at: impl Fn(&Row) -> (f64, f64),
    y: impl Fn(f64) -> f64,
) {
    let points: Vec<(f64, f64)> = series.rows.iter().map(|row| at(row)).collect();
    svg.polyline(&format!("l{}", i + 1), &points);
    for (row, &(x, middle)) in series.rows.iter().zip(&points) {
        let stats = row.stats();
        let (low, high) = (y((stats.mean - stats.sd).max(0.0)), y(stats.mean + stats.sd));
        // A whisker inside its point says nothing.
        if low - high > 10.0 {
            svg.whisker((x, low), (x, high));
        }
        svg.point(i, x, middle);
    }
}

fn end_labels(svg: &mut Svg, series: &[Series<'_>], y: impl Fn(&Row) -> f64) {
    let ends = series.iter().filter_map(|series| series.rows.last());
    let wanted: Vec<f64> = ends.map(|row| y(row) + 4.0).collect();
    let placed = spread_out(&wanted, LABEL_Y, BOTTOM + 4.0);
    for (series, y) in series.iter().zip(placed) {
        svg.text("val", RIGHT + 12.0, y, &shortened(&series.name, LABEL));
    }
}

fn finding(series: &Series<'_>, kind: &Kind) -> String {
    let point = |row: &&Row| format!("{} at {}", number(row.stats().mean), (kind.x)(row));
    let points: Vec<String> = series.rows.iter().map(point).collect();
    format!("{}: {}", series.name, points.join(", "))
}

fn cells(series: &Series<'_>, kind: &Kind) -> Vec<Vec<String>> {
    let line = |row: &&Row| {
        let (x, stats) = (thousands((kind.x)(row) as f64), row.stats());
        vec![series.name.clone(), x, number(stats.mean), number(stats.sd)]
    };
    series.rows.iter().map(line).collect()
}
