//! Where the memory goes: weights, context and working space of each load, and the most that the
//! whole program held.

use super::super::row::Row;
use super::super::text::{NONE, scaled};
use super::scale::{tick_label, ticks};
use super::svg::{Svg, WIDTH, shortened};
use super::{Figure, subject_label};

const LEFT: f64 = 214.0;
const RIGHT: f64 = WIDTH - 74.0;
const TOP: f64 = 34.0;
const ROW: f64 = 36.0;
const LABEL: usize = 28;
const GB: f64 = 1e9;

/// Meanings of the parts, in their fixed colors.
const PARTS: [&str; 3] = ["weights", "context", "working space"];

fn parts(row: &Row) -> [f64; 3] {
    let player = row.subject.player.as_ref();
    player.map_or([0.0; 3], |p| {
        [p.weight_bytes, p.kv_bytes, p.scratch_bytes].map(|bytes| bytes as f64)
    })
}

/// The figure, if anything was loaded.
pub fn figure(rows: &[Row]) -> Option<Figure> {
    let mut shown: Vec<&Row> = Vec::new();
    for row in rows.iter().filter(|row| parts(row)[0] > 0.0) {
        let label = subject_label(row, rows);
        if !shown.iter().any(|other| subject_label(other, rows) == label) {
            shown.push(row);
        }
    }
    shown.first()?;
    let most = |row: &&Row| row.peak_memory.unwrap_or(0) as f64;
    let all = |row: &&Row| parts(row).iter().sum::<f64>();
    let max = shown.iter().map(|row| all(row).max(most(row))).fold(0.0, f64::max);
    let ticks = ticks(max / GB);
    let end = ticks.last().copied().unwrap_or(1.0) * GB;
    let x = |bytes: f64| LEFT + (RIGHT - LEFT) * bytes / end;
    let bottom = TOP + ROW * shown.len() as f64;
    let mut svg = Svg::new(bottom + 24.0);
    for &tick in &ticks {
        svg.line("gr", (x(tick * GB), TOP - 4.0), (x(tick * GB), bottom));
        let step = ticks.get(1).copied().unwrap_or(1.0);
        svg.text("cm", x(tick * GB), bottom + 18.0, &tick_label(tick, step));
    }
    key(&mut svg);
    for (i, row) in shown.iter().enumerate() {
        let top = TOP + ROW * i as f64;
        let label = shortened(&subject_label(row, rows), LABEL);
        svg.text("end name", LEFT - 10.0, top + 22.0, &label);
        let mut at = 0.0;
        for (part, bytes) in parts(row).iter().enumerate() {
            svg.rect(&format!("p{} part", part + 1), x(at), top + 7.0, x(*bytes) - LEFT, 22.0);
            at += bytes;
        }
        let mut label = x(at) + 8.0;
        if row.peak_memory.is_some() {
            let mark = x(most(row));
            svg.line("lim", (mark, top + 3.0), (mark, top + ROW - 3.0));
            // The number moves behind the mark where the two would touch.
            if mark > label - 8.0 && mark < label + 56.0 {
                label = mark + 8.0;
            }
        }
        svg.text("val", label, top + 22.0, &scaled(at, "B"));
    }
    svg.line("ax", (LEFT, TOP - 4.0), (LEFT, bottom));
    Some(Figure {
        title: "Memory, GB".to_owned(),
        lead: "What the model holds on its device. The dashed mark is the most that the whole \
               program held in main memory, loading included."
            .to_owned(),
        desc: shown.iter().map(|row| cells(row, rows).join(", ")).collect::<Vec<_>>().join("; "),
        svg,
        head: vec!["Model", "Weights", "Context", "Working space", "Program at most"],
        cells: shown.iter().map(|row| cells(row, rows)).collect(),
    })
}

fn key(svg: &mut Svg) {
    let mut x = LEFT;
    for (i, name) in PARTS.iter().enumerate() {
        svg.rect(&format!("p{}", i + 1), x, 4.0, 10.0, 10.0);
        svg.text("", x + 15.0, 13.0, name);
        x += 26.0 + 6.6 * name.len() as f64;
    }
}

fn cells(row: &Row, rows: &[Row]) -> Vec<String> {
    let mut cells = vec![subject_label(row, rows)];
    cells.extend(parts(row).map(|bytes| scaled(bytes, "B")));
    cells.push(row.peak_memory.map_or(NONE.to_owned(), |bytes| scaled(bytes as f64, "B")));
    cells
}
