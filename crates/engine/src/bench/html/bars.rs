//! Speeds as bars from fast to slow, with the deviation and the device's limit.

use super::super::row::Row;
use super::super::text::{NONE, number, percent};
use super::scale::{tick_label, ticks};
use super::svg::{Svg, WIDTH, shortened};
use super::{Figure, subject_label};

/// Where bars begin and end.
const LEFT: f64 = 214.0;
const RIGHT: f64 = WIDTH - 74.0;
const TOP: f64 = 8.0;
const ROW: f64 = 42.0;
/// Characters of a label that fit left of the bars.
const LABEL: usize = 28;

/// Limits farther away than so many times the fastest bar would leave nothing of the bars; they
/// are named instead of drawn.
const FAR: f64 = 4.0;

/// How fast tokens are written.
pub fn writing(rows: &[Row]) -> Option<Figure> {
    let shown = |row: &&Row| row.test.n_gen > 0 && row.test.n_prompt == 0;
    figure(
        rows,
        rows.iter().filter(shown).collect(),
        "Writing speed, tokens per second",
        "Bars are means, whiskers one standard deviation. The dashed mark is what the memory \
         speed of this device allows.",
    )
}

/// How fast prompts are read.
pub fn reading(rows: &[Row]) -> Option<Figure> {
    figure(
        rows,
        rows.iter().filter(|row| row.test.n_prompt > 0).collect(),
        "Reading speed, tokens per second",
        "Bars are means, whiskers one standard deviation. The dashed mark is what this device \
         could do at the measured peak of its products.",
    )
}

fn figure(all: &[Row], mut rows: Vec<&Row>, title: &str, lead: &str) -> Option<Figure> {
    rows.retain(|row| !row.seconds.is_empty());
    rows.sort_by(|a, b| b.stats().mean.total_cmp(&a.stats().mean));
    let fastest = rows.first()?.stats();
    let near = |row: &&Row| row.roofline.limit_ts.filter(|&limit| limit < FAR * fastest.mean);
    let ends = rows.iter().map(|row| row.stats().mean + row.stats().sd);
    let max = ends.chain(rows.iter().filter_map(near)).fold(0.0, f64::max);
    let ticks = ticks(max);
    let end = ticks.last().copied().unwrap_or(1.0);
    let x = |value: f64| LEFT + (RIGHT - LEFT) * (value / end).min(1.0);
    let bottom = TOP + ROW * rows.len() as f64;
    let mut svg = Svg::new(bottom + 24.0);
    for &tick in &ticks {
        svg.line("gr", (x(tick), TOP - 4.0), (x(tick), bottom));
        let step = ticks.get(1).copied().unwrap_or(1.0);
        svg.text("cm", x(tick), bottom + 18.0, &tick_label(tick, step));
    }
    for (i, row) in rows.iter().enumerate() {
        bar(&mut svg, all, row, TOP + ROW * i as f64, x, near(row));
    }
    svg.line("ax", (LEFT, TOP - 4.0), (LEFT, bottom));
    let said = |row: &&Row| {
        format!("{}, {}: {}", subject_label(row, all), row.test.name(), number(row.stats().mean))
    };
    Some(Figure {
        title: title.to_owned(),
        lead: lead.to_owned(),
        desc: rows.iter().map(said).collect::<Vec<_>>().join("; "),
        svg,
        head: vec!["Model", "Test", "Mean", "± sd", "Median", "Limit", "Of limit"],
        cells: rows.iter().map(|row| cells(row, all)).collect(),
    })
}

fn bar(
    svg: &mut Svg,
    all: &[Row],
    row: &Row,
    top: f64,
    x: impl Fn(f64) -> f64,
    limit: Option<f64>,
) {
    let stats = row.stats();
    let middle = top + ROW / 2.0;
    svg.text("end name", LEFT - 10.0, middle - 3.0, &shortened(&subject_label(row, all), LABEL));
    svg.text("end", LEFT - 10.0, middle + 13.0, &row.test.name());
    svg.rect(
        if row.is_steady() { "p1" } else { "p1 weak" },
        LEFT,
        top + 10.0,
        x(stats.mean) - LEFT,
        22.0,
    );
    let whisker = (x((stats.mean - stats.sd).max(0.0)), x(stats.mean + stats.sd));
    if stats.sd > 0.0 {
        svg.whisker((whisker.0, middle), (whisker.1, middle));
    }
    let mut label = whisker.1 + 8.0;
    if let Some(limit) = limit.map(&x) {
        svg.line("lim", (limit, top + 6.0), (limit, top + ROW - 6.0));
        // The number moves behind the mark where the two would touch.
        if limit > label - 8.0 && limit < label + 48.0 {
            label = limit + 8.0;
        }
    }
    svg.text("val", label, middle + 4.0, &number(stats.mean));
}

fn cells(row: &Row, all: &[Row]) -> Vec<String> {
    let stats = row.stats();
    let limit = row.roofline.limit_ts.map_or(NONE.to_owned(), number);
    let share = row.roofline.share.map_or(NONE.to_owned(), percent);
    let numbers = [stats.mean, stats.sd, stats.median].map(number);
    let mut cells = vec![subject_label(row, all), row.test.name()];
    cells.extend(numbers);
    cells.extend([limit, share]);
    cells
}
