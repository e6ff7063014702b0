//! Where the time goes: each profiled row is a bar of its ops' shares.

use super::super::row::Row;
use super::super::text::{duration, number, percent};
use super::svg::{Svg, WIDTH, shortened};
use super::{Figure, subject_label};

const LEFT: f64 = 214.0;
const RIGHT: f64 = WIDTH - 74.0;
const TOP: f64 = 34.0;
const ROW: f64 = 42.0;
const LABEL: usize = 28;

/// Ops with a color of their own, in the Plan's order; the rest is "other".
const OPS: [&str; 6] = ["qkv", "attention", "output", "gate_up", "down", "head"];

/// The figure, if any row was profiled.
pub fn times(rows: &[Row]) -> Option<Figure> {
    let shown: Vec<&Row> = rows.iter().filter(|row| total(row) > 0.0).collect();
    shown.first()?;
    let bottom = TOP + ROW * shown.len() as f64;
    let mut svg = Svg::new(bottom + 24.0);
    key(&mut svg);
    for (i, row) in shown.iter().enumerate() {
        bar(&mut svg, row, rows, TOP + ROW * i as f64);
    }
    for i in 0..=4 {
        let share = f64::from(i) / 4.0;
        let x = LEFT + (RIGHT - LEFT) * share;
        svg.text("cm", x, bottom + 18.0, &percent(share).replace("0.0%", "0%"));
    }
    svg.line("ax", (LEFT, TOP - 4.0), (LEFT, bottom));
    let said = |row: &&Row| {
        let parts: Vec<String> = shares(row)
            .iter()
            .filter(|(_, share)| *share >= 0.01)
            .map(|(op, share)| format!("{op} {}", percent(*share)))
            .collect();
        format!("{}, {}: {}", subject_label(row, rows), row.test.name(), parts.join(", "))
    };
    Some(Figure {
        title: "Where the time goes".to_owned(),
        lead: "Share of each kind of kernel in one more run, in which every kernel was timed. At \
               the end its time in all."
            .to_owned(),
        desc: shown.iter().map(said).collect::<Vec<_>>().join("; "),
        svg,
        head: vec!["Model", "Test", "Op", "Kernel", "Calls", "ms", "Share"],
        cells: shown.iter().flat_map(|row| cells(row, rows)).collect(),
    })
}

fn total(row: &Row) -> f64 {
    row.profile.iter().map(|time| time.seconds).sum()
}

/// The six ops and the rest, as shares of the row's time.
fn shares(row: &Row) -> Vec<(&'static str, f64)> {
    let of = |is_in: &dyn Fn(&str) -> bool| {
        let times = row.profile.iter().filter(|time| is_in(time.op));
        times.map(|time| time.seconds).sum::<f64>() / total(row).max(f64::MIN_POSITIVE)
    };
    let mut shares: Vec<_> = OPS.iter().map(|&name| (name, of(&|op| op == name))).collect();
    shares.push(("other", of(&|op| !OPS.contains(&op))));
    shares
}

/// Color of part `i`.
fn class(i: usize) -> String {
    if i < OPS.len() { format!("p{}", i + 1) } else { "p0".to_owned() }
}

fn key(svg: &mut Svg) {
    let mut x = LEFT;
    for (i, name) in OPS.iter().copied().chain(["other"]).enumerate() {
        svg.rect(&class(i), x, 4.0, 10.0, 10.0);
        svg.text("", x + 15.0, 13.0, name);
        x += 26.0 + 6.6 * name.len() as f64;
    }
}

fn bar(svg: &mut Svg, row: &Row, rows: &[Row], top: f64) {
    let middle = top + ROW / 2.0;
    svg.text("end name", LEFT - 10.0, middle - 3.0, &shortened(&subject_label(row, rows), LABEL));
    svg.text("end", LEFT - 10.0, middle + 13.0, &row.test.name());
    let mut x = LEFT;
    for (i, (_, share)) in shares(row).iter().enumerate() {
        let width = share * (RIGHT - LEFT);
        svg.rect(&format!("{} part", class(i)), x, top + 10.0, width, 22.0);
        x += width;
    }
    svg.text("val", RIGHT + 8.0, middle + 4.0, &duration(total(row)));
}

fn cells(row: &Row, rows: &[Row]) -> Vec<Vec<String>> {
    let line = |time: &kernels::OpTime| {
        vec![
            subject_label(row, rows),
            row.test.name(),
            time.op.to_owned(),
            time.kernel.clone(),
            time.calls.to_string(),
            number(time.seconds * 1000.0),
            percent(time.seconds / total(row).max(f64::MIN_POSITIVE)),
        ]
    };
    row.profile.iter().map(line).collect()
}
